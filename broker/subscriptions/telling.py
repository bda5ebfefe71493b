"""What a change means to a subscription (ETSI GS CIM 009, 5.8.6), and the notification that tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import orjson

from access.reach import Reaches
from broker.entities.parse import NULL
from broker.entities.patch import dataset, instances
from broker.entities.represent import Shape, represent, times_of
from broker.jsonld.context import Context
from broker.store.reading import Document
from broker.subscriptions.documents import DEFAULT_TRIGGERS
from broker.subscriptions.matching import Asked, selects
from schemas.change import Change
from schemas.clock import iso

_MAIN = {"Relationship": "object", "LanguageProperty": "languageMap", "VocabProperty": "vocab", "JsonProperty": "json",
         "ListProperty": "valueList", "ListRelationship": "objectList"}  # fmt: skip
_FORMS = {"keyValues": "simplified"}


def concerned(doc: Mapping[str, Any], change: Change) -> bool:
    """Whether the change is of an entity, of attributes and of a kind that the subscription watches."""
    if not visible(doc, change.type):
        return False
    change = as_seen(doc, change)
    entities = doc.get("entities")
    asked = Asked(change.type, (change.entity,))
    if entities and not any(selects(entity, asked) for entity in entities):
        return False
    watched = doc.get("watchedAttributes")
    triggers = set(doc.get("notificationTrigger", DEFAULT_TRIGGERS))
    if change.op == "delete":
        return "entityDeleted" in triggers or (
            "attributeDeleted" in triggers and any(_watched(doc, name) for name in change.previous)
        )
    if "entityUpdated" in triggers:
        triggers |= {"attributeCreated", "attributeUpdated", "attributeDeleted"}
    if change.op == "create" and "entityCreated" in triggers and watched is None:
        return True
    return any(triggers & _kinds(change, name) for name in change.attributes if _watched(doc, name))


def _watched(doc: Mapping[str, Any], name: str) -> bool:
    watched = doc.get("watchedAttributes")
    return name != "type" and (watched is None or name in watched)


def visible(doc: Mapping[str, Any], types: Iterable[str]) -> bool:
    """Whether the subscription's owner may see entities of these types."""
    access = doc.get("@access", {})
    only = access.get("only")
    return set(types).isdisjoint(access.get("never", ())) and (only is None or set(types) <= set(only))


def sees(doc: Mapping[str, Any], document: Document) -> bool:
    """Whether its owner may see this entity, of these types and where it lies."""
    if not visible(doc, document.type):
        return False
    reaches: Reaches | None = doc.get("@access", {}).get("reaches")
    return reaches is None or reaches.allow(document.type, orjson.loads(document.text))


def hidden(doc: Mapping[str, Any], types: Iterable[str]) -> frozenset[str]:
    """The attributes of entities of these types that the subscription's owner may not see."""
    said = doc.get("@access", {}).get("hidden", {})
    return frozenset(name for type_ in types for name in said.get(type_, said.get("*", ())))


def as_seen(doc: Mapping[str, Any], change: Change) -> Change:
    """The change less the attributes that the subscription's owner may not see: of these alone nobody is told."""
    unseen = hidden(doc, change.type)
    if unseen.isdisjoint(change.attributes) and unseen.isdisjoint(change.previous):
        return change
    seen, before = (
        {name: value for name, value in members.items() if name not in unseen}
        for members in (change.attributes, change.previous)
    )
    return msgspec.structs.replace(change, attributes=seen, previous=before)


def _kinds(change: Change, name: str) -> set[str]:
    """What happened to an attribute: each of its instances (4.5.5) may have come, changed or gone."""
    old = {dataset(i): i for i in _instances(name, change.previous.get(name))}
    new = {dataset(i): i for i in _instances(name, change.attributes[name])}
    kinds = {"attributeCreated"} if new.keys() - old.keys() else set()
    kinds |= {"attributeDeleted"} if old.keys() - new.keys() else set()
    return kinds | ({"attributeUpdated"} if any(new[key] != old[key] for key in old.keys() & new.keys()) else set())


def _instances(name: str, value: Any) -> list[dict[str, Any]]:
    """An attribute's instances; a scope counts as one."""
    return ([] if value is None else [{"value": value}]) if name == "scope" else instances(value)


def told_entity(doc: Mapping[str, Any], change: Change, entity: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entity as the notification has it: what was deleted is shown as null (5.8.6), changes where wanted."""
    notification = doc["notification"]
    when = {"deletedAt": iso(change.at)} if notification.get("sysAttrs") else {}
    changes = bool(notification.get("showChanges"))
    deletions = "attributeDeleted" in doc.get("notificationTrigger", ())
    if entity is None:
        types = change.type[0] if len(change.type) == 1 else list(change.type)
        gone: dict[str, Any] = {"id": change.entity, "type": types}
        shown = [n for n in change.previous if n != "scope" and (changes or (deletions and _watched(doc, n)))]
        return gone | {name: _deleted(instances(change.previous[name]), when, changes=changes) for name in shown}
    told = dict(entity)
    for name in change.attributes.keys() - {"type", "scope"}:
        before, now = instances(change.previous.get(name)), instances(told.get(name))
        vanished = [i for i in before if dataset(i) not in {dataset(other) for other in now}]
        if changes and now:
            now = _with_previous(now, before)
        if vanished and (changes or deletions):
            null = _deleted(vanished, when, changes=changes, whole=not now)
            now = [*now, *(null if isinstance(null, list) else [null])]
        if now:
            told[name] = now[0] if len(now) == 1 else now
    return told


def _deleted(gone: list[dict[str, Any]], when: Mapping[str, Any], *, changes: bool, whole: bool = True) -> Any:
    """Null in place of each instance; of an attribute that is gone as a `whole` one null says it all."""
    if whole and not changes and len(gone) > 1:
        gone = [next((i for i in gone if not dataset(i)), {k: v for k, v in gone[0].items() if k != "datasetId"})]
    kept = []
    for instance in gone:
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


def _with_previous(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[dict[str, Any]]:
    before = {dataset(i): i for i in old}
    told = []
    for instance in new:
        was = before.get(dataset(instance))
        main = _MAIN.get(instance["type"], "value")
        if was is not None and main in was and was != instance:
            instance = {**instance, f"previous{main[0].upper()}{main[1:]}": was[main]}
        told.append(instance)
    return told


def shown_entity(
    doc: Mapping[str, Any], entity: dict[str, Any], document: Document, shape: Shape, gone: datetime | None
) -> dict[str, Any]:
    """An entity in the subscription's shape, without what its owner may not see; `gone` is when it was deleted."""
    times = times_of(iso(document.created_at), iso(document.modified_at), document.stamps)
    shown = represent(entity, times, shape, hidden(doc, document.type))
    if shape.ld and shape.inner_context:
        shown = {"@context": shape.context.given, **shown}
    return {**shown, "deletedAt": iso(gone)} if gone is not None else shown


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


def media_of(body: str) -> str:
    """The media type of a notification as it was made: what its subscription wants by now may be another."""
    said = orjson.loads(body)
    if "@context" in said:
        return "application/ld+json"
    return "application/geo+json" if isinstance(said.get("data"), dict) else "application/json"
