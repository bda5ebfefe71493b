"""Linked entity retrieval (ETSI GS CIM 009, 4.5.23): the entities that relationships point to, inside or beside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from broker.entities.patch import instances
from broker.entities.represent import Shape, is_shown
from broker.errors import Invalid
from broker.store.reading import Document

MAX_JOIN_LEVEL = 8
MOST_JOINED = 10_000
"""Entities in one answer, each counted as often as it is shown: what many are linked to many with grows fast."""


class Join(NamedTuple):
    """How linked entities are given, and over how many steps."""

    flat: bool
    level: int
    within: frozenset[str] = frozenset()
    """Entities that the asker has already (containedBy): they are not given, and nothing is followed through them."""


class Loaded(NamedTuple):
    """An entity at hand, of which its reader may see all, and the way to the shape that it is shown in (the
    relationships that led to it)."""

    entity: dict[str, Any]
    document: Document
    way: tuple[str, ...] = ()


Load = Callable[[Sequence[str]], Awaitable[list[Loaded]]]
"""The entities with these ids that exist and may be seen, less what of them may not: a hidden relationship leads
nowhere."""

Render = Callable[[dict[str, Any], Document, Shape], dict[str, Any]]
"""An entity, with others inside it perhaps, in a shape."""


async def joined(found: Sequence[Loaded], join: Join, shape: Shape, load: Load, render: Render) -> list[dict[str, Any]]:
    """The entities found, with those that they point to inside them (inline) or after them (flat).

    Raises `Invalid` where that are more than `MOST_JOINED`.
    """
    loaded, left = await _reached(found, join, shape, load), MOST_JOINED

    def shown(one: Loaded, level: int, around: frozenset[str]) -> dict[str, Any]:
        nonlocal left
        left -= 1
        if left < 0:
            raise _too_many()

        def inside(id_: str) -> dict[str, Any] | None:
            # An entity is not put inside itself: a circle of relationships is shown once round.
            there = None if id_ in around else loaded.get(id_)
            return None if there is None else shown(there, level - 1, around | {id_})

        entity = one.entity
        if level:
            entity = {name: _filled(member, inside) for name, member in entity.items()}
        return render(entity, one.document, _shape_at(shape, one.way))

    if join.flat:
        return [shown(one, 0, frozenset()) for one in loaded.values()]
    return [shown(loaded[i], join.level, join.within | {i}) for i in (one.document.id for one in found)]


async def _reached(found: Sequence[Loaded], join: Join, shape: Shape, load: Load) -> dict[str, Loaded]:
    """The entities found, and those that can be reached from them in so many steps, by id."""
    loaded = {one.document.id: one for one in found}
    layer = list(loaded)
    for _ in range(join.level):
        targets = {
            i: (*loaded[s].way, name)
            for s in layer
            for name, i in _targets(loaded[s].entity)
            if i not in loaded and i not in join.within and is_shown(name, _shape_at(shape, loaded[s].way))
        }
        if not targets:
            break
        if len(loaded) + len(targets) > MOST_JOINED:
            raise _too_many()
        more = [one._replace(way=targets[one.document.id]) for one in await load(sorted(targets))]
        loaded |= {one.document.id: one for one in more}
        layer = [one.document.id for one in more]
    return loaded


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


def _too_many() -> Invalid:
    why = f"that would give more than {MOST_JOINED} entities; follow fewer steps, or ask for fewer entities"
    return Invalid(why, field="joinLevel")


def _filled(member: Any, inside: Callable[[str], dict[str, Any] | None]) -> Any:
    if isinstance(member, list):
        return [_filled(item, inside) for item in member]
    if not isinstance(member, dict):
        return member
    there = [shown for i in _objects(member) if (shown := inside(i)) is not None]
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
