"""The hot reads, served before the framework's machinery: the same handlers, with a tenth of the layers around them.

Whatever is unusual (a browser's cross-origin request, another method) goes the ordinary way; answers are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.errors import error_response, problem_media
from api_gateway.ngsi_ld.entities import query, retrieve
from broker.errors import CityError

_QUERY = "/ngsi-ld/v1/entities"
_ROOT = "/ngsi-ld/v1/"
_RETRIEVE = f"{_QUERY}/"
_OF_ONE = ("PUT", "PATCH")
"""Methods of an entity alone: with them, /entities/ is an entity's address that lacks the id (5.6.17, 5.6.18)."""


Read = Callable[[Request], Awaitable[Response]]
"""A handler of GET that needs nothing but the request."""


class HotReads:
    """ASGI middleware inside `Edge`: retrieves and queries entities, answers `reads` (by path), and passes everything
    else on."""

    def __init__(self, app: ASGIApp, reads: Mapping[str, Read]) -> None:
        self._app, self._reads = app, reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if path.startswith(_ROOT) and path.endswith("/") and not (path == _RETRIEVE and scope["method"] in _OF_ONE):
            scope["path"] = path = path.rstrip("/")
        handler = self._handler(scope, path)
        if handler is None:
            await self._app(scope, receive, send)
            return
        scope["endpoint"] = handler
        try:
            response = await handler(Request(scope, receive))
        except CityError as error:
            response = error_response(error, path, scope["trace"], problem_media(scope))
        await response(scope, receive, send)

    def _handler(self, scope: Scope, path: str) -> Read | None:
        read = self._reads.get(path)
        if read is None and not path.startswith(_QUERY):
            return None
        if scope["method"] != "GET" or any(name == b"origin" for name, _ in scope["headers"]):
            return None
        if path.startswith(_RETRIEVE) and "/attrs" not in path:
            scope["path_params"] = {"entity_id": path[len(_RETRIEVE) :]}
            return retrieve
        return query if path == _QUERY else read
