"""Subscriptions of NGSIv2 as subscriptions of the store, and the notifications that its subscribers expect. Pure.

The document as it was given is kept beside what it means (`@v2`), so that it is shown again as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.entities.parse import check_name, parse_time
from broker.entities.represent import times_of
from broker.errors import Invalid
from broker.ngsi_v2.entities import stored_id
from broker.ngsi_v2.query import parse_v2_expression, v2_geo_query
from broker.ngsi_v2.represent import FORMS, v2_entity, view_of
from broker.store.reading import Document
from broker.subscriptions.documents import DEFAULT_TRIGGERS, SUBSCRIPTION
from broker.subscriptions.members import check_pattern, check_seconds
from schemas.clock import iso

_ALTERATIONS = {
    "entityCreate": ("entityCreated",),
    "entityChange": DEFAULT_TRIGGERS,
    "entityUpdate": DEFAULT_TRIGGERS,
    "entityDelete": ("entityDeleted",),
}
_NOT_OFFERED = ("httpCustom", "mqttCustom", "covered", "onlyChangedAttrs", "maxFailsLimit")
_STATUSES = ("active", "inactive")


def parse_v2_subscription(document: object, id_: str, service_path: str) -> dict[str, Any]:
    """The subscription as the store keeps it. Raises `Invalid` naming the member that is wrong."""
    given = _object(document, "$")
    subject = _object(given.get("subject"), "subject")
    told = _object(given.get("notification"), "notification")
    condition = _object(subject.get("condition", {}), "subject.condition")
    doc: dict[str, Any] = {
        "id": id_,
        "type": SUBSCRIPTION,
        "entities": _entities(subject.get("entities")),
        "isActive": _status(given.get("status", "active")) == "active",
        "notificationTrigger": _triggers(condition.get("alterationTypes", ["entityChange", "entityCreate"])),
        "notification": _notification(told),
        "@v2": {**given, "id": id_.rpartition(":")[2]},
        "@service_path": service_path,
    }
    if attrs := _names(condition.get("attrs", []), "subject.condition.attrs"):
        doc["watchedAttributes"] = attrs
        doc["notificationTrigger"] = [t for t in doc["notificationTrigger"] if t != "entityCreated"]
    if (throttling := given.get("throttling", 0)) != 0:
        check_seconds(throttling, "throttling")
        doc["throttling"] = throttling
    if given.get("expires"):
        doc["expiresAt"] = parse_time(given["expires"], "expires")
    _expression(condition.get("expression", {}), doc)
    return doc


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid("a JSON object is needed here", field=path)
    return value


def _entities(entities: Any) -> list[dict[str, Any]]:
    if not isinstance(entities, list) or not entities:
        raise Invalid("a list of entities, at least one", field="subject.entities")
    made = []
    for index, entity in enumerate(entities):
        path = f"subject.entities[{index}]"
        one = _object(entity, path)
        if "typePattern" in one:
            raise Invalid("typePattern is not offered for subscriptions; name the type", field=f"{path}.typePattern")
        selector: dict[str, Any] = {"type": check_name(one["type"], f"{path}.type") if one.get("type") else "*"}
        if "id" in one and "idPattern" in one:
            raise Invalid("id and idPattern exclude each other", field=path)
        if "id" in one:
            selector["id"] = stored_id(one["id"])
        elif (pattern := one.get("idPattern", ".*")) != ".*":
            check_pattern(pattern, f"{path}.idPattern")
            selector["idPattern"] = pattern
        made.append(selector)
    return made


def _status(status: Any) -> str:
    if status not in _STATUSES:
        raise Invalid("status is active or inactive", field="status")
    return str(status)


def _triggers(alterations: Any) -> list[str]:
    if not isinstance(alterations, list) or not all(isinstance(n, str) and n in _ALTERATIONS for n in alterations):
        raise Invalid(f"a list of {', '.join(_ALTERATIONS)}", field="subject.condition.alterationTypes")
    return list(dict.fromkeys(trigger for name in alterations for trigger in _ALTERATIONS[name]))


def _names(names: Any, path: str) -> list[str]:
    if not isinstance(names, list):
        raise Invalid("a list of attributes' names", field=path)
    return [check_name(name, path) for name in names]


def _expression(expression: Any, doc: dict[str, Any]) -> None:
    said = _object(expression, "subject.condition.expression")
    parse_v2_expression(said)
    v2_geo_query(said.get("georel"), said.get("geometry"), said.get("coords"))
    if said:
        doc["@expression"] = dict(said)


def _notification(told: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NOT_OFFERED:
        if told.get(name):
            raise Invalid(f"{name} is not offered", field=f"notification.{name}")
    if "attrs" in told and "exceptAttrs" in told:
        raise Invalid("attrs and exceptAttrs exclude each other", field="notification.attrs")
    if told.get("attrsFormat", "normalized") not in FORMS:
        raise Invalid(f"attrsFormat is one of {', '.join(FORMS)}", field="notification.attrsFormat")
    for name in ("attrs", "exceptAttrs", "metadata"):
        said = told.get(name, [])
        _names([n for n in said if n != "*"] if isinstance(said, list) else said, f"notification.{name}")
    if "http" in told:
        endpoint = {"uri": _object(told["http"], "notification.http").get("url")}
    elif "mqtt" in told:
        mqtt = _object(told["mqtt"], "notification.mqtt")
        endpoint = {"uri": f"{mqtt.get('url')}/{mqtt.get('topic', '')}"}
        endpoint |= {"notifierInfo": [{"key": "MQTT-QoS", "value": str(mqtt.get("qos", 0))}]}
    else:
        raise Invalid("notification needs http or mqtt with a url", field="notification.http")
    return {"endpoint": endpoint, "format": "normalized"}


def v2_notification(
    doc: Mapping[str, Any], told: Sequence[tuple[dict[str, Any], Document]], hidden: Sequence[frozenset[str]]
) -> dict[str, Any]:
    """The notification that a subscriber of NGSIv2 expects: subscriptionId and data."""
    said = doc["@v2"]["notification"]
    except_ = frozenset(said.get("exceptAttrs", ()))
    view = view_of([said.get("attrsFormat", "normalized")], said.get("attrs"), said.get("metadata"))
    data = []
    for (entity, document), unseen in zip(told, hidden, strict=True):
        times = times_of(iso(document.created_at), iso(document.modified_at), document.stamps)
        data.append(v2_entity(entity, times, view, unseen | except_))
    return {"subscriptionId": doc["@v2"]["id"], "data": data}
