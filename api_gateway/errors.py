"""The one file that maps our errors to HTTP: problem details (RFC 9457), with NGSI-LD's types under /ngsi-ld."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from broker.errors import CityError, Conflict, Fenced, Forbidden, Invalid, NotFound, Unavailable, UnknownTenant
from broker.jsonld.library import ContextNotAvailable

PROBLEM_JSON = "application/problem+json"
_NGSI_LD = "https://uri.etsi.org/ngsi-ld/errors/"
_log = logging.getLogger(__name__)


class Unauthenticated(CityError):
    """There is no token where one is needed, or it is not good (RFC 6750, 3)."""

    def __init__(self, message: str, *, error: str | None = None) -> None:
        super().__init__(message)
        self.error = error


class NotJson(Invalid):
    """The body is not JSON at all (NGSI-LD tells this from JSON that is wrong)."""


class InvalidParameter(Invalid):
    """The operation has no such parameter (5.5.2: InvalidRequest)."""


class TooLarge(CityError):
    """The body is larger than the gateway takes."""


class TooSlow(CityError):
    """The body did not arrive in time."""


class UnsupportedMediaType(CityError):
    """The body's Content-Type is not one this operation reads."""


class NotAcceptable(CityError):
    """The caller accepts no representation that we have."""


class NotSupported(CityError):
    """A part of the standard that is not offered here. Better said than silently ignored."""


class LoopDetected(CityError):
    """The request has been here before (6.3.18): brokers that forward to each other would never end."""


class SourceFailed(CityError):
    """A context source elsewhere could not be reached, or answered what is no answer."""


class SourceSilent(SourceFailed):
    """A context source elsewhere did not answer in time."""


class Unprocessable(CityError):
    """What NGSIv2 calls so: it exists already, or an attribute does not."""


class Busy(CityError):
    """A bound was reached; later there may be room."""


class TooManyResults(CityError):
    """A query finds more than can be told at once."""


class TooMany(CityError):
    """This caller asked too often, or used up its quota. `seconds`: when to come again."""

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class Kind(NamedTuple):
    """How a class of errors looks outside: status, our short name, NGSI-LD's type (5.5.2, 6.3.2), title."""

    status: int
    name: str
    ngsi_ld: str | None
    title: str


KINDS: dict[type[CityError], Kind] = {
    UnknownTenant: Kind(404, "unknown-tenant", "NonexistentTenant", "There is no such tenant"),
    NotFound: Kind(404, "not-found", "ResourceNotFound", "There is no such resource"),
    Conflict: Kind(409, "conflict", "AlreadyExists", "It exists already, or has changed"),
    NotJson: Kind(400, "not-json", "InvalidRequest", "The body is not JSON"),
    Invalid: Kind(400, "invalid", "BadRequestData", "The request's data is wrong"),
    Forbidden: Kind(403, "forbidden", None, "The caller may not"),
    Unauthenticated: Kind(401, "unauthenticated", None, "A good access token is needed"),
    TooLarge: Kind(413, "too-large", None, "The request is too large"),
    TooSlow: Kind(408, "too-slow", None, "The request took too long to arrive"),
    InvalidParameter: Kind(400, "invalid", "InvalidRequest", "The request is wrong"),
    UnsupportedMediaType: Kind(415, "unsupported-media-type", None, "The body's media type is not read here"),
    NotAcceptable: Kind(406, "not-acceptable", None, "No acceptable representation"),
    NotSupported: Kind(422, "not-supported", "OperationNotSupported", "Not supported here"),
    Unprocessable: Kind(422, "unprocessable", None, "It cannot be done to what is there"),
    ContextNotAvailable: Kind(503, "context-not-available", "LdContextNotAvailable", "The @context is not available"),
    LoopDetected: Kind(508, "loop-detected", "LoopDetected", "The request goes in a circle"),
    SourceFailed: Kind(502, "source-failed", "BadGateway", "A context source could not be asked"),
    SourceSilent: Kind(504, "source-silent", "GatewayTimeout", "A context source did not answer in time"),
    TooManyResults: Kind(403, "too-many-results", "TooManyResults", "The query finds too much"),
    TooMany: Kind(429, "too-many", None, "Too many requests"),
    Busy: Kind(503, "busy", None, "Too much at once"),
    Unavailable: Kind(503, "unavailable", None, "The store does not answer at present"),
    Fenced: Kind(503, "unavailable", None, "The store does not answer at present"),
    CityError: Kind(500, "internal", "InternalError", "Something went wrong here"),
}


def kind_of(error: CityError) -> Kind:
    """The nearest entry of the error's class."""
    return next(KINDS[base] for base in type(error).__mro__ if base in KINDS)


def problem(error: CityError, path: str, **more: Any) -> dict[str, Any]:
    """The problem details of `error` as they look under `path`."""
    kind = kind_of(error)
    document: dict[str, Any] = {
        "type": problem_type(kind, path),
        "title": kind.title,
        "status": kind.status,
        "detail": str(error),
    }
    if isinstance(error, Invalid) and error.field is not None:
        document["field"] = error.field
    if isinstance(error, Conflict) and error.existing is not None:
        document["existing"] = error.existing
    return {**document, **more}


def problem_type(kind: Kind, path: str) -> str:
    """The type URI: NGSI-LD's own under /ngsi-ld where it has one, else ours."""
    if path.startswith("/ngsi-ld") and kind.ngsi_ld is not None:
        return f"{_NGSI_LD}{kind.ngsi_ld}"
    return f"urn:city-os:problem:{kind.name}"


def problem_media(scope: Scope) -> str:
    """The media type of problem details: their own (RFC 9457), or JSON for who asks NGSI-LD's part for JSON by name."""
    if scope["path"].startswith("/ngsi-ld"):
        for name, value in scope["headers"]:
            if name == b"accept":
                return "application/json" if value == b"application/json" else PROBLEM_JSON
    return PROBLEM_JSON


def error_response(error: CityError, path: str, trace: str | None = None, media: str = PROBLEM_JSON) -> Response:
    """The whole answer for `error`, with the headers its status asks for."""
    kind = kind_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        code = f', error="{error.error}"' if error.error else ""
        headers["WWW-Authenticate"] = f'Bearer realm="city-os"{code}'
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.seconds)
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("answered %d to %s: %s", kind.status, path, error, extra={"trace": trace})
    more = {"trace": trace} if trace and kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR else {}
    body = orjson.dumps(problem(error, path, **more))
    return Response(body, kind.status, headers, media)


_V2_NAMES = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 406: "NotAcceptable",
             409: "TooManyResults", 413: "RequestEntityTooLarge", 415: "UnsupportedMediaType", 422: "Unprocessable",
             429: "TooManyRequests", 503: "ServiceUnavailable"}  # fmt: skip


def v2_error_response(error: CityError) -> Response:
    """The answer for `error` as NGSIv2 has it; what is there already is 422 Unprocessable."""
    plain = error_response(error, "/v2")
    status = 422 if isinstance(error, Conflict) else plain.status_code
    name = "ParseError" if isinstance(error, NotJson) else _V2_NAMES.get(status, "InternalServerError")
    field = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
    headers = {k: v for k, v in plain.headers.items() if k in ("www-authenticate", "retry-after")}
    return Response(
        orjson.dumps({"error": name, "description": f"{field}{error}"}), status, headers, "application/json"
    )


def internal_error(path: str, trace: str) -> Response:
    """What a stranger learns of a bug of ours: a number to quote."""
    error = CityError("an unexpected error; it is logged, quote the trace when you report it")
    document = problem(error, path, trace=trace)
    return Response(orjson.dumps(document), 500, media_type=PROBLEM_JSON)


async def on_city_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for our tree."""
    assert isinstance(error, CityError)
    return error_response(error, request.url.path, request.scope.get("trace"), problem_media(request.scope))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler for what the framework itself refuses (no such path, wrong method)."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = _FRAMEWORK_DETAILS.get(status, str(error.detail))
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail.format(path=request.url.path, method=request.method),
    }
    if status == HTTPStatus.NOT_FOUND and request.url.path.startswith("/ngsi-ld"):
        document["type"] = f"{_NGSI_LD}ResourceNotFound"
    return Response(orjson.dumps(document), status, error.headers, PROBLEM_JSON)


_FRAMEWORK_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at {path}; /openapi.json lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "{path} does not take {method}; the header Allow says what it takes",
}


async def on_validation_error(request: Request, error: Exception) -> Response:
    """FastAPI's own findings about parameters and bodies, in our shape: the first in `field`, all in `errors`."""
    assert isinstance(error, RequestValidationError)
    findings = [{"field": ".".join(str(part) for part in e["loc"][1:]), "detail": e["msg"]} for e in error.errors()]
    first = findings[0]
    document = problem(Invalid(first["detail"], field=first["field"]), request.url.path, errors=findings)
    return Response(orjson.dumps(document), 400, media_type=PROBLEM_JSON)
