"""What a request says about its @context and media types, and what an answer says (ETSI GS CIM 009, 6.3.4 to 6.3.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from api_gateway.errors import NotAcceptable, UnsupportedMediaType
from broker.errors import Invalid
from broker.jsonld.context import CORE, CORE_CONTEXT, Context, is_core, sources_of
from broker.jsonld.library import ContextLibrary

JSON = "application/json"
JSON_LD = "application/ld+json"
GEO_JSON = "application/geo+json"
MERGE_PATCH = "application/merge-patch+json"

_CONTEXT_LINK = re.compile(r'<([^>]*)>[^,]*rel="?http://www\.w3\.org/ns/json-ld#context"?')


def link_to(context: Context) -> str:
    """The Link header to a context (6.3.6)."""
    return link_of(context.uri or CORE_CONTEXT)


def link_of(uri: str) -> str:
    """The Link header to the context at `uri`."""
    return f'<{uri}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def library_of(request: Request) -> ContextLibrary:
    """The contexts at hand."""
    library: ContextLibrary = request.app.state.contexts
    return library


def header(request: Request, name: bytes) -> str | None:
    """The header's value. Cheaper than `request.headers`, which matters on the hot routes."""
    for key, value in request.scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def linked(request: Request) -> str | None:
    """The URI of the context in the Link header, if there is one (6.3.5). Raises `Invalid` for several."""
    value = header(request, b"link")
    found: list[str] = _CONTEXT_LINK.findall(value) if value is not None else []
    if len(found) > 1:
        raise Invalid("only one Link header may name a context", field="Link")
    return found[0] if found else None


async def link_context(request: Request, tenant: str) -> Context:
    """The context that the names in the request's parameters, and in the answer, are read with."""
    uri = linked(request)
    if uri is None or is_core(uri):
        return CORE
    return await library_of(request).resolve(tenant, [uri])


async def body_context(request: Request, tenant: str, document: Any, media: str) -> Context:
    """The body's context: in it if and only if it is JSON-LD, else in the Link header (6.3.5). Raises `Invalid`."""
    inside = document.get("@context") if isinstance(document, Mapping) else None
    if media != JSON_LD:
        if inside is not None:
            raise Invalid(f"a body with @context is sent as Content-Type: {JSON_LD}", field="@context")
        return await link_context(request, tenant)
    if linked(request) is not None:
        raise Invalid(f"the context of a body sent as {JSON_LD} is in the body, not in the Link header", field="Link")
    if inside is None:
        raise Invalid(f"a body sent as {JSON_LD} must have @context", field="@context")
    return await library_of(request).resolve(tenant, sources_of(inside))


def content_type(request: Request, *more: str) -> str:
    """The body's media type. Raises `UnsupportedMediaType` for what is neither JSON nor JSON-LD (6.3.4)."""
    said = (header(request, b"content-type") or "").partition(";")[0].strip().lower()
    if said not in (JSON, JSON_LD, *more):
        raise UnsupportedMediaType(f"Content-Type must be {JSON} or {JSON_LD}, not {said or 'missing'}")
    return said


def answer_type(request: Request, *more: str) -> str:
    """The media type of the answer: JSON, JSON-LD, or one of `more`, as Accept weighs them. Raises `NotAcceptable`."""
    accept = header(request, b"accept")
    if accept is None or accept in ("*/*", JSON):
        return JSON
    ranges = sorted((_quality(part) for part in accept.split(",")), key=lambda found: -found[0])
    for quality, name in ranges:
        if quality <= 0:
            continue
        if name in ("*/*", "application/*", JSON):
            return JSON
        if name == JSON_LD or name in more:
            return name
    raise NotAcceptable(f"this is given as {' or '.join((JSON, JSON_LD, *more))}")


def answers_ld(request: Request) -> bool:
    """Whether to answer as JSON-LD (@context in the body), not JSON with a Link header. Raises `NotAcceptable`."""
    return answer_type(request) == JSON_LD


def _quality(part: str) -> tuple[float, str]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:]), name
            except ValueError:
                return 0.0, name
    return 1.0, name
