"""The hot reads, served before the framework's machinery: the same handlers, with a tenth of the layers around them.

Whatever is unusual (a browser's cross-origin request, another method) goes the ordinary way; answers are the same.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.errors import error_response, problem_media
from api_gateway.ngsi_ld.entities import query, retrieve
from broker.errors import CityError

_QUERY = "/ngsi-ld/v1/entities"
_ROOT = "/ngsi-ld/v1/"
_RETRIEVE = f"{_QUERY}/"
_OF_ONE = ("PUT", "PATCH")
"""Methods of an entity alone: with them, /entities/ is an entity's address that lacks the id (5.6.17, 5.6.18)."""


class HotReads:
    """ASGI middleware inside `Edge`: retrieves and queries entities, and passes everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if path.startswith(_ROOT) and path.endswith("/") and not (path == _RETRIEVE and scope["method"] in _OF_ONE):
            scope["path"] = path = path.rstrip("/")
        if (
            not path.startswith(_QUERY)
            or scope["method"] != "GET"
            or any(name == b"origin" for name, _ in scope["headers"])
        ):
            await self._app(scope, receive, send)
            return
        if path.startswith(_RETRIEVE) and "/attrs" not in path:
            handler = retrieve
            scope["path_params"] = {"entity_id": path[len(_RETRIEVE) :]}
        elif path == _QUERY:
            handler = query
        else:
            await self._app(scope, receive, send)
            return
        scope["endpoint"] = handler
        try:
            response = await handler(Request(scope, receive))
        except CityError as error:
            response = error_response(error, path, scope["trace"], problem_media(scope))
        await response(scope, receive, send)
