"""What every request of NGSIv2 shares: tenant and scope from Fiware's headers, parameters, and how errors look."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.auth import gate_of
from api_gateway.body import read_json
from api_gateway.context import gateway_of
from api_gateway.errors import Unauthenticated, v2_error_response
from api_gateway.ngsi_ld.context import JSON, content_type
from api_gateway.ngsi_ld.params import MAX_LIMIT, number
from api_gateway.ngsi_ld.writing import Writing
from broker.errors import CityError, Invalid
from broker.store.reading import Where

_PATH = re.compile(r"/(?:\w{1,50}(?:/\w{1,50}){0,9}(?:/#)?|#)?", re.ASCII)
_MAX_OFFSET = 1_000_000

Endpoint = Callable[[Request], Awaitable[Response]]


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with errors as NGSIv2 has them: {"error": …, "description": …}."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CityError as error:
            return v2_error_response(error)

    answer.__qualname__ = f"v2.{endpoint.__name__}"
    return answer


class Page(NamedTuple):
    """Which part of the results, and whether to count them all."""

    limit: int
    offset: int
    counted: bool


async def asking(request: Request) -> Writing:
    """The request with its caller, in the tenant of Fiware-Service; Fiware-ServicePath is checked."""
    gate = gate_of(request)
    caller = await gate.caller(request, tenant=request.headers.get("fiware-service", "").lower() or None)
    service_path(request)
    return Writing(request, gateway_of(request), gate, caller)


async def changing(request: Request) -> Writing:
    """As `asking`, for a request that writes. Raises `Unauthenticated` for a stranger."""
    ask = await asking(request)
    if ask.caller.subject.kind == "anyone":
        raise Unauthenticated("writing needs a token with the scope entities:write")
    return ask._replace(models=await request.app.state.models.of(ask.caller.tenant))


async def subscribing(request: Request) -> Writing:
    """As `asking`, for a request that manages subscriptions. Raises what `Gate.demand` raises."""
    ask = await asking(request)
    ask.gate.demand(ask.caller, Action.WRITE, "service:subscriptions")
    return ask


def service_path(request: Request) -> str:
    """Fiware-ServicePath, empty where it is not given. Raises `Invalid`."""
    path = request.headers.get("fiware-servicepath", "")
    for part in path.split(",") if path else ():
        if not _PATH.fullmatch(part.strip()):
            raise Invalid("a service path is like /parks/north, of letters, digits and _", field="Fiware-ServicePath")
    return path


def within_path(path: str) -> list[Where]:
    """The condition that the service path puts on entities: it is their scope (4.18)."""
    wanted = [part.strip() for part in path.split(",") if part.strip()]
    if not wanted or "/#" in wanted:
        return []
    parts: list[str] = []
    values: list[str] = []
    for one in wanted:
        if one == "/":
            parts.append("not doc ? 'scope'")
            continue
        pattern = f"^{one.removesuffix('/#')}(/.*)?$" if one.endswith("/#") else f"^{one}$"
        scopes = (
            "case jsonb_typeof(doc->'scope') when 'array' then doc->'scope' else jsonb_build_array(doc->'scope') end"
        )
        parts.append(
            f"(doc ? 'scope' and exists (select from jsonb_array_elements_text({scopes}) s"
            f" where s ~ {{{len(values)}}}::text))"
        )
        values.append(pattern)
    return [Where("(" + " or ".join(parts) + ")", tuple(values))]


def own_scope(path: str) -> str | None:
    """The scope that entities made under the path get. Raises `Invalid` for a path that is not one place."""
    if path in ("", "/"):
        return None
    if "," in path or path.endswith("#"):
        raise Invalid("entities are made at one service path", field="Fiware-ServicePath")
    return path


def listed(query: Mapping[str, str], name: str) -> list[str] | None:
    """The names that a parameter lists."""
    value = query.get(name)
    return None if value is None else [part.strip() for part in value.split(",") if part.strip()]


def options_of(query: Mapping[str, str], *allowed: str) -> list[str]:
    """The words in `options`. Raises `Invalid` for one that the operation does not have."""
    words = listed(query, "options") or []
    if unknown := [word for word in words if word not in allowed]:
        raise Invalid(f"{unknown[0]!r} is no option here; there are {', '.join(allowed)}", field="options")
    return words


def only(request: Request, *known: str) -> None:
    """Raise `Invalid` for a parameter that the operation does not have: ignored, it would give false answers."""
    for name in request.query_params:
        if name not in known:
            raise Invalid(f"there is no parameter {name!r} here", field=name)


def page_of(query: Mapping[str, str]) -> Page:
    """limit, offset and options=count. Raises `Invalid`."""
    limit = number(query, "limit", 20, 1, MAX_LIMIT)
    return Page(limit, number(query, "offset", 0, 0, _MAX_OFFSET), "count" in (listed(query, "options") or ()))


async def body_of(ask: Writing) -> Any:
    """The body as JSON. Raises `NotJson`, `UnsupportedMediaType`."""
    if content_type(ask.request) != JSON:
        raise Invalid("NGSIv2 has no @context: send application/json", field="Content-Type")
    return await read_json(ask.request, ask.gateway.settings.max_body_bytes)


def answer(value: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), status, dict(headers or {}), JSON)
