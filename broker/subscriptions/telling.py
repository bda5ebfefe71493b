"""What a change means to a subscription (ETSI GS CIM 009, 5.8.6), and the notification that tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from broker.entities.parse import NULL
from broker.entities.patch import dataset, instances
from broker.entities.represent import Shape
from broker.jsonld.context import Context
from broker.subscriptions.matching import Asked, selects
from schemas.change import Change
from schemas.clock import iso

_DEFAULT_TRIGGERS = ("attributeCreated", "attributeUpdated")
_MAIN = {"Relationship": "object", "LanguageProperty": "languageMap", "VocabProperty": "vocab", "JsonProperty": "json",
         "ListProperty": "valueList", "ListRelationship": "objectList"}  # fmt: skip
_FORMS = {"keyValues": "simplified"}


def concerned(doc: Mapping[str, Any], change: Change) -> bool:
    """Whether the change is of an entity, of attributes and of a kind that the subscription watches."""
    if not visible(doc, change.type):
        return False
    entities = doc.get("entities")
    asked = Asked(change.type, (change.entity,))
    if entities and not any(selects(entity, asked) for entity in entities):
        return False
    watched = doc.get("watchedAttributes")
    triggers = set(doc.get("notificationTrigger", _DEFAULT_TRIGGERS))
    if "entityUpdated" in triggers:
        triggers |= {"attributeCreated", "attributeUpdated", "attributeDeleted"}
    if change.op == "delete":
        return "entityDeleted" in triggers
    if change.op == "create" and "entityCreated" in triggers and watched is None:
        return True
    return any(
        _kind(change, name) in triggers
        for name in change.attributes
        if name != "type" and (watched is None or name in watched)
    )


def visible(doc: Mapping[str, Any], types: Iterable[str]) -> bool:
    """Whether the subscription's owner may see entities of these types."""
    access = doc.get("@access", {})
    only = access.get("only")
    return set(types).isdisjoint(access.get("never", ())) and (only is None or set(types) <= set(only))


def _kind(change: Change, name: str) -> str:
    if change.attributes[name] is None:
        return "attributeDeleted"
    return "attributeUpdated" if name in change.previous else "attributeCreated"


def told_entity(doc: Mapping[str, Any], change: Change, entity: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entity as the notification has it: what was deleted is shown as null (5.8.6), changes where wanted."""
    notification = doc["notification"]
    when = {"deletedAt": iso(change.at)} if notification.get("sysAttrs") else {}
    if entity is None:
        types = change.type[0] if len(change.type) == 1 else list(change.type)
        gone: dict[str, Any] = {"id": change.entity, "type": types}
        if notification.get("showChanges"):
            gone |= {name: _deleted(old, {}, changes=True) for name, old in change.previous.items() if name != "scope"}
        return gone
    told = dict(entity)
    changes = bool(notification.get("showChanges"))
    if changes or "attributeDeleted" in doc.get("notificationTrigger", ()):
        for name, new in change.attributes.items():
            if new is None and name not in told and name != "scope":
                told[name] = _deleted(change.previous.get(name), when, changes=changes)
    if changes:
        for name in change.previous.keys() & told.keys() & change.attributes.keys() - {"type", "scope"}:
            if change.attributes[name] is not None:
                told[name] = _with_previous(told[name], change.previous[name])
    return told


def _deleted(old: Any, when: Mapping[str, Any], *, changes: bool) -> Any:
    kept = []
    for instance in instances(old):
        main = _MAIN.get(instance["type"], "value")
        null: Any = {"@none": NULL} if main == "languageMap" else NULL
        if main in ("valueList", "objectList"):
            null = [NULL] if main == "valueList" else [{"object": NULL}]
        made = {"type": instance["type"], main: null, **when}
        if "datasetId" in instance:
            made["datasetId"] = instance["datasetId"]
        if changes:
            made[f"previous{main[0].upper()}{main[1:]}"] = instance[main]
        kept.append(made)
    return kept[0] if len(kept) == 1 else kept


def _with_previous(new: Any, old: Any) -> Any:
    before = {dataset(i): i for i in instances(old)}
    told = []
    for instance in instances(new):
        was = before.get(dataset(instance))
        main = _MAIN.get(instance["type"], "value")
        if was is not None and main in was and was != instance:
            instance = {**instance, f"previous{main[0].upper()}{main[1:]}": was[main]}
        told.append(instance)
    return told[0] if len(told) == 1 else told


def shape_of(doc: Mapping[str, Any], context: Context) -> Shape:
    """How the subscription wants entities (5.2.14)."""
    notification = doc["notification"]
    form = notification.get("format", "normalized")
    attributes, pick = notification.get("attributes"), notification.get("pick")
    return Shape(
        _FORMS.get(form, form),
        bool(notification.get("sysAttrs")),
        None if attributes is None else frozenset(attributes),
        notification["endpoint"].get("accept") == "application/ld+json",
        context,
        None if pick is None else frozenset(pick),
        frozenset(notification.get("omit", ())),
        doc.get("lang"),
        notification["endpoint"].get("accept") == "application/geo+json",
        dataset_ids=frozenset(doc["datasetId"]) if "datasetId" in doc else None,
        inner_context=notification["endpoint"].get("accept") == "application/ld+json",
    )


def notification(subscription_id: str, number: str, at: datetime, data: list[Any], shape: Shape) -> dict[str, Any]:
    """The Notification (5.3.1)."""
    body: dict[str, Any] = {
        "id": f"urn:ngsi-ld:Notification:{number}",
        "type": "Notification",
        "subscriptionId": subscription_id,
        "notifiedAt": iso(at),
        "data": {"type": "FeatureCollection", "features": data} if shape.geojson else data,
    }
    return {"@context": shape.context.given, **body} if shape.ld else body
