"""Linked entity retrieval (ETSI GS CIM 009, 4.5.23): the entities that relationships point to, inside or beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request

from access.policy import Action
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.ngsi_ld.params import number
from api_gateway.ngsi_ld.represent import Shape, shaped_entity
from broker.entities.patch import instances
from broker.errors import Invalid
from broker.store.reading import Document, documents

_MAX_LEVEL = 8


class Join(NamedTuple):
    """How linked entities are given, and over how many steps."""

    flat: bool
    level: int


def join_of(query: Mapping[str, str]) -> Join | None:
    """The parameters join and joinLevel. Raises `Invalid`."""
    said = query.get("join", "@none")
    if said in ("@none", ""):
        return None
    if said not in ("inline", "flat"):
        raise Invalid("join must be inline, flat or @none", field="join")
    return Join(said == "flat", number(query, "joinLevel", 1, 1, _MAX_LEVEL))


class _Loaded(NamedTuple):
    """An entity at hand, and the way to the shape that it is shown in (the relationships that led to it)."""

    entity: dict[str, Any]
    document: Document
    way: tuple[str, ...]


async def joined(
    request: Request, caller: Caller, found: list[Document], join: Join, shape: Shape
) -> list[dict[str, Any]]:
    """The entities found, with those that they point to inside them (inline) or after them (flat)."""
    gate = gate_of(request)
    loaded = {document.id: _Loaded(orjson.loads(document.text), document, ()) for document in found}
    layer = list(loaded)
    for _ in range(join.level):
        targets = {
            i: (*loaded[s].way, name) for s in layer for name, i in _targets(loaded[s].entity) if i not in loaded
        }
        if not targets:
            break
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            more = await documents(tx, sorted(targets))
        layer = []
        for document in more.values():
            if all(gate.may(caller, Action.READ, name).allowed for name in document.type):
                loaded[document.id] = _Loaded(orjson.loads(document.text), document, targets[document.id])
                layer.append(document.id)

    def shown(one: _Loaded, level: int) -> dict[str, Any]:
        own = _shape_at(shape, one.way)
        hidden = gate.hidden(caller, one.document.type)
        entity = one.entity
        if level:
            entity = {
                name: _filled(member, loaded, lambda other: shown(other, level - 1)) for name, member in entity.items()
            }
        return shaped_entity(entity, one.document, own, hidden)

    if join.flat:
        return [shown(one, 0) for one in loaded.values()]
    return [shown(loaded[document.id], join.level) for document in found]


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
                omit=inner_omit.names if inner_omit else frozenset(),
                attrs=None,
                inner_context=False,
            )
    return shape


def _filled(member: Any, loaded: Mapping[str, _Loaded], shown: Callable[[_Loaded], dict[str, Any]]) -> Any:
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
