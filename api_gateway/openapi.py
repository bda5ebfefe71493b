"""`/openapi.json`: what FastAPI knows of its routes, and beside it the NGSI-LD operations, in one document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from access.defaults import SCOPES

DESCRIPTION = """都市OSのAPIです。公開データはトークンなしで読めます。The city's data platform.

* Open data needs no token. Anything else needs one from `POST /oauth/token`.
* Data models are NGSI-LD (ETSI GS CIM 009). Errors are problem details (RFC 9457) and say what would be right.
* The header `NGSILD-Tenant` chooses the municipality.
"""

TAGS = [
    {"name": "entities", "description": "現在の状態 Current state (NGSI-LD)"},
    {"name": "history", "description": "履歴 History (NGSI-LD temporal)"},
    {"name": "subscriptions", "description": "購読と通知 Subscriptions and notifications (NGSI-LD)"},
    {"name": "ngsi-v2", "description": "NGSIv2 での読み書きと購読 The same data as NGSIv2 has them"},
    {"name": "sources", "description": "情報源の登録 Registered context sources (NGSI-LD)"},
    {"name": "contexts", "description": "用語の定義 JSON-LD contexts"},
    {"name": "events", "description": "変化の配信 Changes as they happen"},
    {"name": "flood", "description": "河川水位と警報 River levels and alerts"},
    {"name": "evacuation", "description": "避難情報 Evacuation notices by district"},
    {"name": "points", "description": "地域ポイント Local points"},
    {"name": "catalogue", "description": "データカタログとデータマップ Catalogue and data map"},
    {"name": "city", "description": "都市の設定 The city"},
    {"name": "personal", "description": "個人情報と同意 Personal data and consent"},
    {"name": "staff", "description": "職員向け For staff"},
    {"name": "access", "description": "認可 Tokens and keys"},
    {"name": "account", "description": "ログインと本人の設定 Log-in, for the portal's own pages"},
    {"name": "operation", "description": "稼働 Health and metrics"},
]

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "why, and what would be right"},
        "field": {"type": "string", "description": "which field or parameter"},
        "trace": {"type": "string", "description": "quote this when you report a fault of ours"},
    },
    "example": {
        "type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData",
        "title": "The request's data is wrong",
        "status": 400,
        "detail": "limit must be a whole number from 1 to 1000",
        "field": "limit",
    },
}

_WHY = {
    400: "the request is wrong; `field` says where",
    401: "a good access token is needed",
    403: "the policy says no, and which rule",
    404: "no such thing, or no such tenant",
    429: "too often, or the quota is used up; Retry-After says when",
    503: "too busy, or a part does not answer; retry later",
}


def problem_answer(description: str) -> dict[str, Any]:
    """A response with problem details."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


PROBLEMS: dict[int | str, dict[str, Any]] = {status: problem_answer(why) for status, why in _WHY.items()}
"""The problems that every data route may answer with."""


class Operation(NamedTuple):
    """A plain endpoint and its entry in the document."""

    method: str
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    name: str
    entry: dict[str, Any]


def document(app: FastAPI, operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        components = made.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = _PROBLEM
        components["securitySchemes"] = {
            "token": {
                "type": "oauth2",
                "description": "an app by itself, or for a person (with PKCE); open data needs no token",
                "flows": {
                    "clientCredentials": {"tokenUrl": "/oauth/token", "scopes": SCOPES},
                    "authorizationCode": {
                        "authorizationUrl": "/oauth/authorize",
                        "tokenUrl": "/oauth/token",
                        "refreshUrl": "/oauth/token",
                        "scopes": SCOPES,
                    },
                },
            }
        }
        made["security"] = [{}, {"token": []}]
        for operation in operations:
            path = operation.path.replace(":path}", "}")
            made["paths"].setdefault(path, {})[operation.method.lower()] = operation.entry
        _shape_validation_errors(made)
        app.openapi_schema = made
    return app.openapi_schema


def _shape_validation_errors(made: dict[str, Any]) -> None:
    """FastAPI documents its own shape of validation errors; ours are problems with status 400."""
    for operations in made["paths"].values():
        for entry in operations.values():
            if entry["responses"].pop("422", None) is not None:
                entry["responses"].setdefault("400", PROBLEMS[400])
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)
