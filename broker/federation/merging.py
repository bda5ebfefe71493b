"""One entity from what several sources know of it (ETSI GS CIM 009, 4.5.5, 4.3.6). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from broker.entities.parse import Expand, parse_entity, parse_time
from broker.entities.patch import dataset, instances
from broker.errors import Invalid
from broker.federation.source import AUXILIARY, EXCLUSIVE, INCLUSIVE, REDIRECT

RANK = {EXCLUSIVE: 0, REDIRECT: 1, INCLUSIVE: 2, AUXILIARY: 3}
LOCAL = RANK[INCLUSIVE]
_TIMES = ("createdAt", "modifiedAt")


class Known(NamedTuple):
    """What one source knows of an entity: normalized, names as in the store, with createdAt and modifiedAt.

    Of two ranks the lower one decides; within one, the more recent. `source`: its registration, empty for here.
    """

    rank: int
    entity: dict[str, Any]
    source: str = ""


def received(document: object, expand: Expand) -> dict[str, Any]:
    """An entity that a source sent, checked as a stranger's is, with its times. Raises `Invalid`."""
    parsed = parse_entity(document, expand)
    assert isinstance(document, Mapping)
    entity = {"id": parsed.id, "type": list(parsed.type), **parsed.attributes, **_times(document)}
    for term, member in document.items():
        name = expand(term)
        if term in ("id", "type", "scope", "@context", *_TIMES) or name not in entity:
            continue
        said = {dataset(i): i for i in instances(member) if isinstance(i, Mapping)}
        for instance in instances(entity[name]):
            instance.update(_times(said.get(dataset(instance), {})))
    return entity


def _times(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parse_time(said[name], name) for name in _TIMES if name in said}


def merged(known: Iterable[Known]) -> dict[str, Any]:
    """The entity that all of `known` describe. Raises `Invalid` for none."""
    ordered = sorted(known, key=lambda one: one.rank)
    if not ordered:
        raise Invalid("nothing is known of it")
    types: dict[str, None] = {}
    scopes: dict[str, None] = {}
    chosen: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {}
    for rank, entity, _ in ordered:
        types |= dict.fromkeys(_listed(entity["type"]))
        scopes |= dict.fromkeys(_listed(entity.get("scope", ())))
        for name, attribute in entity.items():
            if name in ("id", "type", "scope", *_TIMES):
                continue
            there = chosen.setdefault(name, {})
            for instance in instances(attribute):
                known_one = there.get(dataset(instance))
                if known_one is None or (known_one[0] == rank and _recency(instance) > _recency(known_one[1])):
                    there[dataset(instance)] = (rank, instance)
    result: dict[str, Any] = {"id": ordered[0].entity["id"], "type": _single(types)}
    if scopes:
        result["scope"] = _single(scopes)
    for name, by_dataset in chosen.items():
        kept = [instance for _, instance in by_dataset.values()]
        result[name] = kept[0] if len(kept) == 1 else kept
    return result | _span(one.entity for one in ordered)


def _recency(instance: Mapping[str, Any]) -> tuple[str, str]:
    """By when it was observed, then by when it was changed (4.5.5). Times are in UTC and compare as text."""
    return str(instance.get("observedAt", "")), str(instance.get("modifiedAt", ""))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _single(names: Mapping[str, None]) -> Any:
    return next(iter(names)) if len(names) == 1 else list(names)


def _span(entities: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Created when the first of them was, modified when the last of them was."""
    listed = list(entities)
    created = [one["createdAt"] for one in listed if "createdAt" in one]
    modified = [one["modifiedAt"] for one in listed if "modifiedAt" in one]
    return ({"createdAt": min(created)} if created else {}) | ({"modifiedAt": max(modified)} if modified else {})
