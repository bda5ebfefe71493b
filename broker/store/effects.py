"""What updates make of an entity, before anything is written: its next state, its rows of history, the change. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from broker.entities.merge import EntityUpdate, Merged, merge
from broker.entities.patch import dataset, instances
from broker.store.history import WITHDRAWN, Row, Series
from schemas.change import MAX_STATE_BYTES, Change, Sample, State, Withdrawn

_EXACT_INTEGERS = 2**53
_SMALLEST = 1e-100
"""Numbers nearer to 0 are kept, but not as numbers to compute with: their squares end below what a float holds."""
_SAID_BY_SERIES = {"type", "value", "unitCode", "observedAt", "datasetId"}

_encode = msgspec.json.encode


class Stored(NamedTuple):
    """An entity as it stands. `stamps`: when its attributes changed (see `stamps_of`)."""

    doc: dict[str, Any]
    version: int
    created_at: datetime
    modified_at: datetime
    stamps: dict[str, str]


class Next(NamedTuple):
    """An entity as a batch leaves it, written out once for the store and for the change. `touched`: its new stamps."""

    doc: dict[str, Any]
    text: bytes
    touched: dict[str, str]


def state_of(text: bytes, created_at: datetime, modified_at: datetime, stamps: str) -> State | None:
    """The whole entity for its change to carry; None for one that is larger than changes carry."""
    if len(text) > MAX_STATE_BYTES:
        return None
    return State(doc=msgspec.Raw(text), created_at=created_at, modified_at=modified_at, stamps=stamps)


def stamps_of(before: dict[str, Any], merged: Merged, time: str) -> dict[str, str]:
    """When the attributes changed (4.8): "c:" for those that are new, "m:" for all."""
    changed = [name for name, value in merged.attributes.items() if value is not None and name != "type"]
    return {f"m:{name}": time for name in changed} | {f"c:{name}": time for name in changed if name not in before}


def fold(before: Stored | None, updates: Iterable[EntityUpdate]) -> Merged:
    """Merge one entity's updates of a batch in order, remembering what stood there at the start."""
    doc = before.doc if before else None
    attributes: dict[str, Any] = {}
    previous: dict[str, Any] = {}
    for update in updates:
        merged = merge(doc, update)
        doc = merged.doc
        for name, old in merged.previous.items():
            if name not in attributes:
                previous[name] = old
        attributes.update(merged.attributes)
    return Merged(doc or {}, attributes, previous, before is None)


def without_duplicates(update: EntityUpdate, versions: dict[str, int | None], before: Stored | None) -> EntityUpdate:
    """A value that history already holds must not come back over a later correction of the same time, nor one that was
    taken out of history at all."""
    present = before.doc if before else {}
    repeated = {
        name for name, version in versions.items() if version == WITHDRAWN or (version is None and name in present)
    }
    if not repeated or update.decided:
        return update
    rest = {name: value for name, value in update.attributes.items() if name not in repeated}
    if all(name in update.untimed for name in rest):
        rest = {}
    return update._replace(attributes=rest)


def samples_of(update: EntityUpdate, versions: dict[str, int | None], at: datetime) -> Iterable[Sample]:
    """What history took of the update, by the versions it gave, after what it has of it already."""
    yield from update.remembered
    for name, version in versions.items():
        if version is not None and version != WITHDRAWN:
            for instance in instances(update.attributes[name]):
                yield Sample(
                    attribute=name,
                    value=instance.get("value"),
                    observed_at=_time(instance, at),
                    version=version,
                    dataset_id=dataset(instance),
                )


def change_of(
    tenant: str,
    entity_id: str,
    before: Stored | None,
    merged: Merged,
    samples: tuple[Sample, ...],
    at: datetime,
    state: State | None,
    trace: str | None,
    withdrawn: tuple[Withdrawn, ...] = (),
) -> Change:
    """The change that a batch makes of the entity; its version steps where the state does."""
    return Change(
        tenant=tenant,
        entity=entity_id,
        type=types_of(merged.doc),
        op="update" if before else "create",
        version=(before.version if before else 0) + (1 if merged.changed else 0),
        at=at,
        attributes=merged.attributes,
        previous=merged.previous,
        samples=samples,
        withdrawn=withdrawn,
        state=state,
        trace=trace,
    )


def state_after(before: Stored | None, left: Next, at: datetime) -> State | None:
    """As `state_of`, of the entity as the batch leaves it."""
    if before is None:
        return state_of(left.text, at, at, "{}")
    stamps = _encode(before.stamps | left.touched).decode()
    return state_of(left.text, before.created_at, max(at, before.modified_at), stamps)


def row_of(update: EntityUpdate, name: str, attribute: dict[str, Any], at: datetime) -> Row:
    """What history keeps of an instance of an attribute; without observedAt it is of the time `at`."""
    unit, dataset = attribute.get("unitCode", ""), attribute.get("datasetId", "")
    series, time, received = Series(update.id, name, dataset, unit), _time(attribute, at), update.received_at or at
    value: Any = attribute.get("value")
    numeric = type(value) in (int, float) and (value == 0 or _SMALLEST <= abs(value) < _EXACT_INTEGERS)
    number = float(value) if numeric else None
    # A row that is only a number and a time says that it was observed then; what has no observedAt says so in full.
    if numeric and "observedAt" in attribute and attribute.keys() <= _SAID_BY_SERIES:
        return Row(series, time, number, None, received)
    return Row(series, time, number, _encode(attribute).decode(), received)


def _time(attribute: dict[str, Any], at: datetime) -> datetime:
    text = attribute.get("observedAt")
    return datetime.fromisoformat(text) if text else at


def types_of(doc: dict[str, Any]) -> tuple[str, ...]:
    """The entity's types, one or several."""
    return (doc["type"],) if isinstance(doc["type"], str) else tuple(doc["type"])


def place_of(doc: dict[str, Any]) -> tuple[float | None, float | None]:
    """The first position of `location`, for the index; exact geometry is compared afterwards (4.7)."""
    geometry = next((instance.get("value") for instance in instances(doc.get("location"))), None)
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    while isinstance(coordinates, list) and coordinates and isinstance(coordinates[0], list):
        coordinates = coordinates[0]
    if isinstance(coordinates, list) and len(coordinates) >= 2:
        return float(coordinates[0]), float(coordinates[1])
    return None, None
