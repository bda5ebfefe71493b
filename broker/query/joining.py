"""Linked entity retrieval (ETSI GS CIM 009, 4.5.23): the entities that relationships point to, inside or beside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from broker.entities.patch import instances
from broker.entities.represent import Shape, is_shown
from broker.store.reading import Document

MAX_JOIN_LEVEL = 8

Load = Callable[[Sequence[str]], Awaitable[list[Document]]]
"""The entities with these ids that exist and may be seen."""


class Join(NamedTuple):
    """How linked entities are given, and over how many steps."""

    flat: bool
    level: int


class Loaded(NamedTuple):
    """An entity at hand, and the way to the shape that it is shown in (the relationships that led to it)."""

    entity: dict[str, Any]
    document: Document
    way: tuple[str, ...] = ()


Render = Callable[[dict[str, Any], Document, Shape], dict[str, Any]]
"""An entity, with others inside it perhaps, in a shape."""


async def joined(found: Sequence[Loaded], join: Join, shape: Shape, load: Load, render: Render) -> list[dict[str, Any]]:
    """The entities found, with those that they point to inside them (inline) or after them (flat)."""
    loaded = {one.document.id: one for one in found}
    layer = list(loaded)
    for _ in range(join.level):
        targets = {
            i: (*loaded[s].way, name)
            for s in layer
            for name, i in _targets(loaded[s].entity)
            if i not in loaded and is_shown(name, _shape_at(shape, loaded[s].way))
        }
        if not targets:
            break
        more = [Loaded(orjson.loads(d.text), d, targets[d.id]) for d in await load(sorted(targets))]
        loaded |= {one.document.id: one for one in more}
        layer = [one.document.id for one in more]

    def shown(one: Loaded, level: int) -> dict[str, Any]:
        entity = one.entity
        if level:
            entity = {
                name: _filled(member, loaded, lambda other: shown(other, level - 1)) for name, member in entity.items()
            }
        return render(entity, one.document, _shape_at(shape, one.way))

    if join.flat:
        return [shown(one, 0) for one in loaded.values()]
    return [shown(loaded[one.document.id], join.level) for one in found]


def _shape_at(shape: Shape, way: tuple[str, ...]) -> Shape:
    """What a linked entity shows: what the braces after the relationship's name say, else all of it (4.21)."""
    if not way:
        return shape
    pick, omit = shape.inner_pick, shape.inner_omit
    for step, name in enumerate(way):
        last = step == len(way) - 1
        inner_pick, inner_omit = pick.get(name), omit.get(name)
        pick = inner_pick.inner if inner_pick else {}
        omit = inner_omit.inner if inner_omit else {}
        if last:
            return shape._replace(
                pick=inner_pick.names if inner_pick else None,
                # What is left out behind a relationship leaves the relationship itself.
                omit=inner_omit.names - inner_omit.inner.keys() if inner_omit else frozenset(),
                attrs=None,
                inner_context=False,
            )
    return shape


def _filled(member: Any, loaded: Mapping[str, Loaded], shown: Callable[[Loaded], dict[str, Any]]) -> Any:
    if isinstance(member, list):
        return [_filled(item, loaded, shown) for item in member]
    if not isinstance(member, dict):
        return member
    there = [shown(loaded[i]) for i in _objects(member) if i in loaded]
    if not there:
        return member
    if member["type"] == "ListRelationship":
        return {**member, "entityList": there}
    return {**member, "entity": there[0] if isinstance(member["object"], str) else there}


def _targets(entity: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each relationship's name with an id that it points to."""
    for name, attribute in entity.items():
        for instance in instances(attribute) if isinstance(attribute, dict | list) else ():
            if isinstance(instance, dict):
                for target in _objects(instance):
                    yield name, target


def _objects(instance: Mapping[str, Any]) -> list[str]:
    if instance.get("type") == "Relationship":
        said = instance["object"]
        return list(said) if isinstance(said, list) else [said]
    if instance.get("type") == "ListRelationship":
        return [i["object"] if isinstance(i, Mapping) else i for i in instance["objectList"]]
    return []
