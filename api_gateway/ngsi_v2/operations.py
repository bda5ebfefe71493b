"""The operations of NGSIv2 that are offered: method, path, endpoint and documentation."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_v2 import changing, reading, subscriptions
from api_gateway.ngsi_v2.asking import Endpoint, answer, answering
from api_gateway.openapi import Operation

_ONE = "/v2/entities/{id}"
_ATTRIBUTE = f"{_ONE}/attrs/{{attribute}}"
_SUBSCRIPTION = "/v2/subscriptions/{id}"
_DONE = {"200": "the answer", "201": "created; Location says where", "204": "done",
         "400": "what is wrong, as {error, description}", "401": "a token is needed", "404": "there is no such thing",
         "422": "it exists already, or an attribute does not"}  # fmt: skip


async def entry_points(_request: Request) -> Response:
    """Where NGSIv2 begins."""
    names = ("entities", "types", "subscriptions")
    return answer(
        {f"{name}_url": f"/v2/{name}" for name in names} | {"registrations_url": "/ngsi-ld/v1/csourceRegistrations"}
    )


def _operation(method: str, path: str, endpoint: Endpoint, name: str, summary: str) -> Operation:
    parameters = [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
        for part in ("id", "attribute", "name")
        if f"{{{part}}}" in path
    ]
    parameters += [
        {"name": header, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
        for header, text in (
            ("Fiware-Service", "the municipality; the default one if left out"),
            ("Fiware-ServicePath", "the scope of the entities, as /parks/north"),
        )
    ]
    entry: dict[str, Any] = {
        "tags": ["ngsi-v2"],
        "summary": summary,
        "parameters": parameters,
        "responses": {status: {"description": text} for status, text in _DONE.items()},
    }
    if method in ("POST", "PUT", "PATCH"):
        content: dict[str, Any] = {"application/json": {"schema": {}}}
        if path.endswith("/value"):
            content["text/plain"] = {"schema": {"type": "string"}}
        entry["requestBody"] = {"required": True, "content": content}
    if method != "GET" and path != "/v2/op/query":
        entry["security"] = [{"token": ["entities:write"]}]
    return Operation(method, path, answering(endpoint), name, entry)


OPERATIONS = [
    _operation("GET", "/v2", entry_points, "v2EntryPoints", "Where NGSIv2 begins"),
    _operation("GET", "/v2/entities", reading.entities, "v2QueryEntities", "Query entities"),
    _operation("POST", "/v2/entities", changing.create, "v2CreateEntity", "Create an entity"),
    _operation("GET", _ONE, reading.entity, "v2RetrieveEntity", "Retrieve an entity"),
    _operation("DELETE", _ONE, changing.delete, "v2DeleteEntity", "Delete an entity"),
    _operation("GET", f"{_ONE}/attrs", reading.attributes, "v2RetrieveAttributes", "Retrieve an entity's attributes"),
    _operation("POST", f"{_ONE}/attrs", changing.append, "v2AppendAttributes", "Update or append attributes"),
    _operation("PATCH", f"{_ONE}/attrs", changing.update, "v2UpdateAttributes", "Update attributes that are there"),
    _operation("PUT", f"{_ONE}/attrs", changing.replace, "v2ReplaceAttributes", "Replace all attributes"),
    _operation("GET", _ATTRIBUTE, reading.attribute, "v2RetrieveAttribute", "Retrieve an attribute"),
    _operation("PUT", _ATTRIBUTE, changing.update_attribute, "v2UpdateAttribute", "Update an attribute"),
    _operation("DELETE", _ATTRIBUTE, changing.delete_attribute, "v2DeleteAttribute", "Delete an attribute"),
    _operation("GET", f"{_ATTRIBUTE}/value", reading.value, "v2RetrieveValue", "Retrieve an attribute's value"),
    _operation("PUT", f"{_ATTRIBUTE}/value", changing.update_value, "v2UpdateValue", "Update an attribute's value"),
    _operation("GET", "/v2/types", reading.types, "v2ListTypes", "List entity types"),
    _operation("GET", "/v2/types/{name}", reading.one_type, "v2RetrieveType", "Retrieve an entity type"),
    _operation("POST", "/v2/op/update", changing.batch, "v2BatchUpdate", "Change many entities"),
    _operation("POST", "/v2/op/query", reading.query, "v2BatchQuery", "Query entities by a body"),
    _operation("POST", "/v2/op/notify", changing.notify, "v2Notify", "Take a notification of Orion's"),
    _operation("GET", "/v2/subscriptions", subscriptions.query, "v2ListSubscriptions", "List subscriptions"),
    _operation("POST", "/v2/subscriptions", subscriptions.create, "v2Subscribe", "Subscribe"),
    _operation("GET", _SUBSCRIPTION, subscriptions.retrieve, "v2RetrieveSubscription", "Retrieve a subscription"),
    _operation("PATCH", _SUBSCRIPTION, subscriptions.change, "v2ChangeSubscription", "Change a subscription"),
    _operation("DELETE", _SUBSCRIPTION, subscriptions.delete, "v2DeleteSubscription", "Delete a subscription"),
]
