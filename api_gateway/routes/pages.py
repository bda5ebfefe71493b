"""The built pages, with a strict content security policy and caching that is right for hashed names."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def content_security_policy(tile_url: str | None) -> str:
    """Everything from here, workers also from blobs (the map makes them so); tiles from their host, if there is one."""
    tiles = f" {urlsplit(tile_url).scheme}://{urlsplit(tile_url).netloc}" if tile_url else ""
    return (
        f"default-src 'self'; img-src 'self' data: blob:{tiles}; connect-src 'self'{tiles}; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Pages(StaticFiles):
    """Files of the built pages. What Vite names by its content (under assets/) never changes; all else is asked for.

    A file that the build compressed beforehand (`NAME.gz`) goes out so to whoever accepts it.
    """

    def __init__(self, folder: Path, tile_url: str | None) -> None:
        super().__init__(directory=folder, html=True)
        self._policy = content_security_policy(tile_url)

    async def get_response(self, path: str, scope: Scope) -> Response:
        asked = "index.html" if path in ("", ".") else path
        packed = _accepts_gzip(scope) and self.lookup_path(f"{asked}.gz")[1] is not None
        response = await super().get_response(f"{asked}.gz" if packed else path, scope)
        if packed:
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Type"] = _content_type(asked)
        hashed = path.startswith(f"assets{os.sep}") and response.status_code in (200, 304)
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = _FOREVER if hashed else _ASK_AGAIN
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Frame-Options"] = "DENY"
        return response


def _accepts_gzip(scope: Scope) -> bool:
    accepted = Headers(scope=scope).get("accept-encoding", "")
    return any(part.strip().partition(";")[0] == "gzip" for part in accepted.split(","))


def _content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
