"""`(entity, update) → merged`: the one meaning of an update, whichever door it came through. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from broker.entities.patch import dataset, instances
from schemas.change import Sample, Withdrawn


class EntityUpdate(NamedTuple):
    """New values for attributes of one entity, as normalized NGSI-LD; None deletes the attribute.

    The entity is made where it does not exist, and an attribute is added where it was not there (Append
    Entity Attributes with overwrite, ETSI GS CIM 009, 5.6.3). An attribute whose `observedAt` is older than
    the stored one does not touch the current state; it is history. `untimed` names attributes that follow
    from others (a `dateObserved`, say) and so have no history of their own. `received_at` is when the values came
    to our door, where that is earlier than the transaction. `trace` is the traceparent (W3C Trace Context) that they
    came with. `decided`: somebody has decided what the state is (a write over HTTP), whatever its `observedAt`.
    `over_time`: attributes are lists of their instances at many times; what is newest of each datasetId, and newer
    than the state, becomes the state. `remembered`: what history has of it already,
    and `withdrawn` what history has no more, to be told with the change.
    """

    id: str
    type: tuple[str, ...]
    attributes: dict[str, Any]
    untimed: frozenset[str] = frozenset()
    received_at: datetime | None = None
    trace: str | None = None
    decided: bool = False
    over_time: bool = False
    remembered: tuple[Sample, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()


class Merged(NamedTuple):
    """The next state, and what differs: the new attributes (None: deleted) and what stood there before."""

    doc: dict[str, Any]
    attributes: dict[str, Any]
    previous: dict[str, Any]
    created: bool

    @property
    def changed(self) -> bool:
        return self.created or bool(self.attributes)


def merge(current: dict[str, Any] | None, update: EntityUpdate) -> Merged:
    """Apply `update` to the normalized entity `current` (None where there is none). `current` is left as it is."""
    created = current is None
    doc: dict[str, Any] = {"id": update.id, "type": _type_member(update.type)} if current is None else dict(current)
    attributes: dict[str, Any] = {}
    previous: dict[str, Any] = {}
    for name, new in update.attributes.items():
        old = doc.get(name)
        if update.over_time and name != "scope":
            new = newest([*instances(old), *instances(new)])
        if not (_replaces(old, new) or (update.decided and new is not None and old != new)):
            continue
        if old is not None:
            previous[name] = old
        attributes[name] = new
        if new is None:
            del doc[name]
        else:
            doc[name] = new
    if not created and (added := _added_types(doc["type"], update.type)):
        doc["type"] = added
        attributes.setdefault("type", added)
    return Merged(doc, attributes, previous, created)


def observed_at(attribute: Any) -> str | None:
    """The attribute's `observedAt`, where it has one."""
    return attribute.get("observedAt") if isinstance(attribute, dict) else None


def newest(over_time: Sequence[dict[str, Any]]) -> Any:
    """Of each datasetId the instance observed last (of several then, the last named): as an attribute of a state.

    An instance without `observedAt` counts as of now, so that no archive goes over it.
    """
    latest: dict[str, dict[str, Any]] = {}
    for instance in over_time:
        known = latest.get(dataset(instance))
        if known is None or _at(instance) >= _at(known):
            latest[dataset(instance)] = instance
    return next(iter(latest.values())) if len(latest) == 1 else list(latest.values())


def _replaces(old: Any, new: Any) -> bool:
    if old is None:
        return new is not None
    if new is None or old == new:
        return new is None
    before, after = observed_at(old), observed_at(new)
    return before is None or after is None or _instant(after) >= _instant(before)


def _at(instance: dict[str, Any]) -> datetime:
    text = observed_at(instance)
    return _instant(text) if text else datetime.max.replace(tzinfo=UTC)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _type_member(types: tuple[str, ...]) -> Any:
    return types[0] if len(types) == 1 else list(types)


def _added_types(present: Any, wanted: tuple[str, ...]) -> Any:
    """An update may add types to an entity, never take them away (5.6.3)."""
    have = [present] if isinstance(present, str) else list(present)
    missing = [name for name in wanted if name not in have]
    return [*have, *missing] if missing else None
