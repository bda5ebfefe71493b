"""The NGSI-LD operations offered: method, path, endpoint and documentation, in the order they are matched."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api_gateway.federation import everywhere, relaying
from api_gateway.ngsi_ld import (
    discovery,
    entities,
    entity_maps,
    hosting,
    post_query,
    registrations,
    snapshots,
    subscriptions,
    temporal,
    temporal_instances,
    temporal_provision,
)
from api_gateway.ngsi_ld.context import JSON, JSON_LD
from api_gateway.ngsi_ld.params import MAX_LIMIT
from api_gateway.ngsi_ld.snapshot_header import Handler, of_the_present, told_of
from api_gateway.openapi import PROBLEMS, Operation, problem_answer
from broker.store.aggregates import METHODS
from broker.store.subscriptions import ENTITIES, REGISTRATIONS
from broker.store.temporal import OBSERVED, TIME_PROPERTIES

_ROOT = "/ngsi-ld/v1"
_GAUGE = "urn:ngsi-ld:WaterObserved:fukui-1"
_ENTITY = {
    "id": _GAUGE,
    "type": "WaterObserved",
    "waterLevel": {"type": "Property", "value": 1.67, "unitCode": "MTR", "observedAt": "2024-06-30T22:20:00Z"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.22, 36.06]}},
}
_HISTORY = {
    "id": _GAUGE,
    "type": "WaterObserved",
    "waterLevel": [
        {"type": "Property", "value": 1.67, "unitCode": "MTR", "observedAt": "2024-06-30T22:20:00Z"},
        {"type": "Property", "value": 2.03, "unitCode": "MTR", "observedAt": "2024-06-30T23:20:00Z"},
    ],
}


def _parameter(name: str, description: str, where: str = "query", **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


_ID = _parameter("entity_id", "the entity's id, a URI", "path", format="uri", example=_GAUGE)
_TENANT = _parameter("NGSILD-Tenant", "the municipality; the default one if left out", "header")
_TYPE = _parameter("type", "types, comma between", example="WaterObserved")
_IDS = _parameter("id", "ids, comma between")
_PATTERN = _parameter("idPattern", "a POSIX regular expression found in the id", maxLength=256)
_ATTRS = _parameter("attrs", "attributes to show; entities with none of them are left out")
_LIMIT = _parameter("limit", "how many at most", type="integer", minimum=0, maximum=MAX_LIMIT, default=20)
_OFFSET = _parameter("offset", "how many to pass over", type="integer", minimum=0, default=0)
_COUNT = _parameter("count", "tell how many there are in NGSILD-Results-Count", type="boolean", default=False)
_LOCAL = _parameter("local", "true: everything here, without type or attrs", type="boolean")
_OPTIONS = _parameter("options", "keyValues, concise or normalized; sysAttrs", example="keyValues")
_TIMES = [
    _parameter("timerel", "before, after or between", enum=["before", "after", "between"]),
    _parameter("timeAt", "the time, or the first of two", format="date-time"),
    _parameter("endTimeAt", "the second time, for between", format="date-time"),
    _parameter("timeproperty", "by which time", enum=list(TIME_PROPERTIES), default=OBSERVED),
    _parameter("lastN", "only the newest of each attribute", type="integer", minimum=1),
    _parameter(
        "options",
        "temporalValues: pairs of value and time; aggregatedValues; concise; sysAttrs",
        example="temporalValues",
    ),
    _parameter("aggrMethods", f"for aggregatedValues, comma between: {', '.join(METHODS)}", example="avg,max"),
    _parameter("aggrPeriodDuration", "for aggregatedValues: ISO 8601; PT0S is everything", example="PT1H"),
]


def _json(example: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {media: {"schema": schema, "example": example} for media in (JSON, JSON_LD)}


_OBJECT, _LIST = {"type": "object"}, {"type": "array", "items": {"type": "object"}}


def _entry(tag: str, summary: str, parameters: list[Any], responses: dict[int | str, Any], **more: Any) -> Any:
    answers = {str(status): answer for status, answer in {**PROBLEMS, **responses}.items()}
    return {"tags": [tag], "summary": summary, "parameters": [*parameters, _TENANT], "responses": answers, **more}


_UPSERTED = {
    "success": [_GAUGE],
    "errors": [
        {
            "entityId": "urn:ngsi-ld:WaterObserved:fukui-2",
            "error": {
                "type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData",
                "title": "The request's data is wrong",
                "status": 400,
                "detail": "a time must be like 2023-07-13T02:20:00Z, with its offset",
                "field": "waterLevel.observedAt",
            },
        }
    ],
}

_READS = [
    Operation("GET", f"{_ROOT}/entities/{{entity_id:path}}", entities.retrieve, "retrieveEntity", _entry(
        "entities", "Retrieve an entity", [_ID, _ATTRS, _OPTIONS],
        {200: {"description": "the entity", "content": _json(_ENTITY, _OBJECT)}})),
    Operation("GET", f"{_ROOT}/entities", entities.query, "queryEntities", _entry(
        "entities", "Query entities",
        [_TYPE, _IDS, _PATTERN, _ATTRS, _LOCAL, _LIMIT, _OFFSET, _COUNT, _OPTIONS],
        {200: {"description": "a page of entities; Link leads to the next", "content": _json([_ENTITY], _LIST)},
         422: problem_answer("a part of the standard that is not offered yet")})),
    Operation("GET", f"{_ROOT}/temporal/entities/{{entity_id:path}}", temporal.retrieve, "retrieveHistory", _entry(
        "history", "Retrieve an entity's history", [_ID, _ATTRS, *_TIMES],
        {200: {"description": "its values in time", "content": _json(_HISTORY, _OBJECT)},
         206: {"description": "the part that Content-Range tells; ask on from its end"}})),
    Operation("GET", f"{_ROOT}/temporal/entities", temporal.query, "queryHistory", _entry(
        "history", "Query histories", [_TYPE, _IDS, _PATTERN, _ATTRS, _LIMIT, _OFFSET, _COUNT, *_TIMES],
        {200: {"description": "values in time by entity", "content": _json([_HISTORY], _LIST)},
         206: {"description": "the part that Content-Range tells"}})),
]  # fmt: skip


def _plain(tag: str, summary: str, *parameters: Any, body: bool = False) -> dict[str, Any]:
    """The entry of an operation that takes and gives what the standard says."""
    more: dict[str, Any] = {"requestBody": {"required": True, "content": _json(_ENTITY, _OBJECT)}} if body else {}
    if summary.split()[0] not in ("Retrieve", "Query", "List"):
        more["security"] = [{"token": ["entities:write"]}]
    answers = {status: {"description": text} for status, text in _DONE.items()}
    entry: dict[str, Any] = _entry(tag, summary, list(parameters), answers, **more)
    return entry


_DONE: dict[int | str, str] = {200: "the answer", 201: "created; Location says where", 204: "done", 207: "done in part"}
_ATTRIBUTE = _parameter("attribute", "an attribute's name", "path", example="waterLevel")
_NAME = _parameter("name", "a name", "path")
_ONE = f"{_ROOT}/entities/{{entity_id:path}}"
_BATCH = f"{_ROOT}/entityOperations"

_OTHER_ID = _parameter("id", "its id", "path")
_SOURCES = f"{_ROOT}/csourceRegistrations"
_CONTEXTS = f"{_ROOT}/jsonldContexts"
_MAPS = f"{_ROOT}/entityMaps"
_SNAPSHOTS = f"{_ROOT}/snapshots"


def _subscription_operations(path: str, kind: str) -> list[Operation]:
    """The operations on subscriptions, to entities or to registrations."""
    many, one, what = f"{_ROOT}/{path}", f"{_ROOT}/{path}/{{id:path}}", f"subscription to {kind}"
    made = subscriptions
    return [
        Operation("POST", many, made.create(kind), f"subscribeTo_{kind}",
                  _plain("subscriptions", f"Create a {what}", body=True)),
        Operation("GET", many, made.query(kind), f"listSubscriptionsTo_{kind}",
                  _plain("subscriptions", f"List each {what}")),
        Operation("GET", one, made.retrieve(kind), f"retrieveSubscriptionTo_{kind}",
                  _plain("subscriptions", f"Retrieve a {what}", _OTHER_ID)),
        Operation("PATCH", one, made.change(kind), f"changeSubscriptionTo_{kind}",
                  _plain("subscriptions", f"Change a {what}", _OTHER_ID, body=True)),
        Operation("DELETE", one, made.delete(kind), f"deleteSubscriptionTo_{kind}",
                  _plain("subscriptions", f"Delete a {what}", _OTHER_ID)),
    ]  # fmt: skip


_HISTORIES = f"{_ROOT}/temporal/entities"
_HISTORY_OF = f"{_HISTORIES}/{{entity_id:path}}"
_INSTANCE = f"{_HISTORY_OF}/attrs/{{attribute:path}}/{{instance_id}}"
_INSTANCE_ID = _parameter("instance_id", "an instance's id, as retrieved", "path", format="uri")
_HISTORY_WRITES = [
    Operation("POST", f"{_ROOT}/temporal/entityOperations/query", temporal.query_by_post, "queryHistoryByPost",
              _plain("history", "Query histories by a body", body=True)),
    Operation("POST", _HISTORIES, temporal_provision.create, "addHistory",
              _plain("history", "Create a temporal representation, or add to it", body=True)),
    Operation("PATCH", _INSTANCE, temporal_instances.change_instance, "changeInstance",
              _plain("history", "Change a part of an instance", _ID, _ATTRIBUTE, _INSTANCE_ID, body=True)),
    Operation("DELETE", _INSTANCE, temporal_instances.delete_instance, "deleteInstance",
              _plain("history", "Delete an instance", _ID, _ATTRIBUTE, _INSTANCE_ID)),
    Operation("DELETE", f"{_HISTORY_OF}/attrs/{{attribute:path}}", temporal_provision.delete_attribute,
              "deleteAttributeHistory", _plain("history", "Delete an attribute's history", _ID, _ATTRIBUTE)),
    Operation("POST", f"{_HISTORY_OF}/attrs", temporal_provision.append, "addInstances",
              _plain("history", "Add instances of attributes", _ID, body=True)),
    Operation("DELETE", _HISTORY_OF, temporal_provision.delete, "deleteHistory",
              _plain("history", "Delete a temporal representation", _ID)),
]  # fmt: skip


async def _not_taken(_: Request) -> Response:
    """A method that the resource does not have (6.6.2)."""
    raise HTTPException(405, headers={"Allow": "POST, PATCH"})


NOT_TAKEN = [Route(f"{_ONE}/attrs", _not_taken, methods=["DELETE", "PUT"], name="notTaken")]
"""Without it, an entity's attributes would be taken for an entity whose id ends in /attrs."""

_ALL = [
    *_HISTORY_WRITES,
    Operation("GET", f"{_ROOT}/types/{{name:path}}", discovery.one_type, "retrieveType",
              _plain("entities", "Retrieve what is known of a type", _NAME)),
    Operation("GET", f"{_ROOT}/types", discovery.list_types, "listTypes", _plain("entities", "List entity types")),
    Operation("GET", f"{_ROOT}/attributes/{{name:path}}", discovery.one_attribute, "retrieveAttribute",
              _plain("entities", "Retrieve what is known of an attribute", _NAME)),
    Operation("GET", f"{_ROOT}/attributes", discovery.list_attributes, "listAttributes",
              _plain("entities", "List attributes")),
    Operation("POST", f"{_ROOT}/entities", everywhere.create, "createEntity",
              _plain("entities", "Create an entity", body=True)),
    Operation("DELETE", f"{_ROOT}/entities", everywhere.purge, "purgeEntities",
              _plain("entities", "Purge entities", _TYPE, _IDS, _PATTERN)),
    Operation("PATCH", f"{_ONE}/attrs/{{attribute:path}}", everywhere.partial, "updatePartOfAttribute",
              _plain("entities", "Update a part of an attribute", _ID, _ATTRIBUTE, body=True)),
    Operation("PUT", f"{_ONE}/attrs/{{attribute:path}}", everywhere.replace_attribute, "replaceAttribute",
              _plain("entities", "Replace an attribute", _ID, _ATTRIBUTE, body=True)),
    Operation("DELETE", f"{_ONE}/attrs/{{attribute:path}}", everywhere.delete_attribute, "deleteAttribute",
              _plain("entities", "Delete an attribute", _ID, _ATTRIBUTE)),
    Operation("POST", f"{_ONE}/attrs", everywhere.append, "appendAttributes",
              _plain("entities", "Append attributes", _ID, body=True)),
    Operation("PATCH", f"{_ONE}/attrs", everywhere.update, "updateAttributes",
              _plain("entities", "Update attributes", _ID, body=True)),
    Operation("PUT", _ONE, everywhere.replace, "replaceEntity",
              _plain("entities", "Replace an entity", _ID, body=True)),
    Operation("PATCH", _ONE, everywhere.merge, "mergeEntity", _plain("entities", "Merge an entity", _ID, body=True)),
    Operation("DELETE", _ONE, everywhere.delete, "deleteEntity", _plain("entities", "Delete an entity", _ID)),
    Operation("POST", f"{_BATCH}/create", everywhere.create_batch, "createEntities",
              _plain("entities", "Create many entities", body=True)),
    Operation("POST", f"{_BATCH}/update", everywhere.update_batch, "updateEntities",
              _plain("entities", "Change many entities", body=True)),
    Operation("POST", f"{_BATCH}/merge", everywhere.merge_batch, "mergeEntities",
              _plain("entities", "Merge many entities", body=True)),
    Operation("POST", f"{_BATCH}/query", post_query.query, "queryEntitiesByPost",
              _plain("entities", "Query entities by a body", body=True)),
    Operation("POST", f"{_BATCH}/delete", everywhere.delete_batch, "deleteEntities",
              _plain("entities", "Delete many entities", body=True)),
    Operation("POST", f"{_ROOT}/entityOperations/upsert", everywhere.upsert_batch, "upsertEntities", _entry(
        "entities", "Create or change many entities",
        [_parameter("options", "update: keep attributes that are not given", enum=["update", "replace"])],
        {201: {"description": "the ids that were created",
               "content": {JSON: {"schema": {"type": "array", "items": {"type": "string"}}, "example": [_GAUGE]}}},
         204: {"description": "all existed and are changed"},
         207: {"description": "some were not taken", "content": {JSON: {"schema": _OBJECT, "example": _UPSERTED}}},
         413: problem_answer("more than 10 MiB"), 415: problem_answer("neither JSON nor JSON-LD")},
        requestBody={"required": True, "content": _json([_ENTITY], _LIST)},
        security=[{"token": ["entities:write"]}])),
    *_READS,
    Operation("GET", f"{_MAPS}/{{id:path}}", entity_maps.retrieve, "retrieveEntityMap",
              _plain("entities", "Retrieve an entity map", _OTHER_ID)),
    Operation("PATCH", f"{_MAPS}/{{id:path}}", entity_maps.change, "changeEntityMap",
              _plain("entities", "Change when an entity map expires", _OTHER_ID, body=True)),
    Operation("DELETE", f"{_MAPS}/{{id:path}}", entity_maps.delete, "deleteEntityMap",
              _plain("entities", "Delete an entity map", _OTHER_ID)),
    Operation("POST", _SNAPSHOTS, snapshots.create, "createSnapshot",
              _plain("entities", "Create a snapshot of what queries find", body=True)),
    Operation("DELETE", _SNAPSHOTS, snapshots.purge, "purgeSnapshots",
              _plain("entities", "Purge snapshots", _parameter("q", "a query of the snapshots' members"))),
    Operation("POST", f"{_SNAPSHOTS}/{{id:path}}/clone", snapshots.clone, "cloneSnapshot",
              _plain("entities", "Clone a snapshot", _OTHER_ID, body=True)),
    Operation("GET", f"{_SNAPSHOTS}/{{id:path}}", snapshots.retrieve, "retrieveSnapshot",
              _plain("entities", "Retrieve a snapshot's status", _OTHER_ID)),
    Operation("PATCH", f"{_SNAPSHOTS}/{{id:path}}", snapshots.change, "changeSnapshot",
              _plain("entities", "Change a snapshot's priority or lifetime", _OTHER_ID, body=True)),
    Operation("DELETE", f"{_SNAPSHOTS}/{{id:path}}", snapshots.delete, "deleteSnapshot",
              _plain("entities", "Delete a snapshot", _OTHER_ID)),
    *_subscription_operations("subscriptions", ENTITIES),
    Operation("POST", f"{_ROOT}/notifications/{{key}}", relaying.relay, "relayNotification",
              _plain("subscriptions", "Take what a context source tells of a subscription of ours there",
                     _parameter("key", "the subscription's key, in the address that the source was given", "path"),
                     body=True)),
    *_subscription_operations("csourceSubscriptions", REGISTRATIONS),
    Operation("POST", _SOURCES, registrations.create, "registerSource",
              _plain("sources", "Register a context source", body=True)),
    Operation("GET", _SOURCES, registrations.query, "querySources", _plain("sources", "Query registrations", _TYPE)),
    Operation("GET", f"{_SOURCES}/{{id:path}}", registrations.retrieve, "retrieveSource",
              _plain("sources", "Retrieve a registration", _OTHER_ID)),
    Operation("PATCH", f"{_SOURCES}/{{id:path}}", registrations.change, "changeSource",
              _plain("sources", "Change a registration", _OTHER_ID, body=True)),
    Operation("DELETE", f"{_SOURCES}/{{id:path}}", registrations.delete, "deleteSource",
              _plain("sources", "Delete a registration", _OTHER_ID)),
    Operation("POST", _CONTEXTS, hosting.add, "addContext", _plain("contexts", "Host a context", body=True)),
    Operation("GET", _CONTEXTS, hosting.query, "listContexts", _plain("contexts", "List contexts")),
    Operation("GET", f"{_CONTEXTS}/{{id:path}}", hosting.retrieve, "retrieveContext",
              _plain("contexts", "Retrieve a context", _OTHER_ID)),
    Operation("DELETE", f"{_CONTEXTS}/{{id:path}}", hosting.delete, "deleteContext",
              _plain("contexts", "Delete a context", _OTHER_ID)),
]  # fmt: skip
_READ_IN_SNAPSHOTS = {"retrieveEntity", "queryEntities", "queryEntitiesByPost"}
_TOLD_OF_SNAPSHOTS = {
    "retrieveHistory", "queryHistory", "queryHistoryByPost", "createEntity", "replaceEntity", "mergeEntity",
    "appendAttributes", "updateAttributes", "updatePartOfAttribute", "replaceAttribute", "deleteAttribute",
    "deleteEntity", "purgeEntities", "createEntities", "upsertEntities", "updateEntities", "mergeEntities",
    "deleteEntities", "listTypes", "retrieveType", "listAttributes", "retrieveAttribute",
}  # fmt: skip


def _in_snapshots(one: Operation) -> Handler:
    if one.name in _READ_IN_SNAPSHOTS:
        return one.handler
    return told_of(one.handler) if one.name in _TOLD_OF_SNAPSHOTS else of_the_present(one.handler)


OPERATIONS = [one._replace(handler=_in_snapshots(one)) for one in _ALL]
"""All of them. Paths with more parts come before those with fewer where both could match."""
