"""The built pages, with a strict content security policy and caching that is right for hashed names."""

from __future__ import annotations

import mimetypes
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_ENDINGS = {"br": ".br", "gzip": ".gz"}
_NEVER = re.compile(r"q=0(\.0{0,3})?")


def content_security_policy(tile_url: str | None) -> str:
    """Everything from here, workers also from blobs (the map makes them so); tiles from their host, if there is one."""
    tiles = f" {urlsplit(tile_url).scheme}://{urlsplit(tile_url).netloc}" if tile_url else ""
    return (
        f"default-src 'self'; img-src 'self' data: blob:{tiles}; connect-src 'self'{tiles}; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Pages(StaticFiles):
    """Files of the built pages. What Vite names by its content (under assets/) never changes; all else is asked for.

    A file that the build compressed beforehand (`NAME.br`, `NAME.gz`) goes out so to whoever accepts it.
    """

    def __init__(self, folder: Path, tile_url: str | None) -> None:
        super().__init__(directory=folder, html=True)
        self._policy = content_security_policy(tile_url)

    async def get_response(self, path: str, scope: Scope) -> Response:
        asked = "index.html" if path in ("", ".") else path
        packed = next((one for one in _accepted(scope) if self.lookup_path(asked + _ENDINGS[one])[1] is not None), None)
        response = await super().get_response(asked + _ENDINGS[packed] if packed else path, scope)
        if packed:
            response.headers["Content-Encoding"] = packed
            response.headers["Content-Type"] = _content_type(asked)
        hashed = path.startswith(f"assets{os.sep}") and response.status_code in (200, 304)
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = _FOREVER if hashed else _ASK_AGAIN
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Frame-Options"] = "DENY"
        return response


def _accepted(scope: Scope) -> list[str]:
    """The codings that the client takes, the smaller one first; what it gives the weight 0 it does not take."""
    parts = [part.split(";") for part in Headers(scope=scope).get("accept-encoding", "").split(",")]
    taken = {name.strip() for name, *more in parts if not any(_NEVER.fullmatch(one.strip()) for one in more)}
    return [coding for coding in _ENDINGS if coding in taken]


def _content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
