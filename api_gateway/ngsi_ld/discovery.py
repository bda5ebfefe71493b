"""Which types and attributes there are, here and at sources (ETSI GS CIM 009, 5.7.5 to 5.7.10, 6.25 to 6.28).

Within a snapshot (6.3.22) those of its entities.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import gateway_of
from api_gateway.federation.discovering import (
    Heard,
    attribute_elsewhere,
    attributes_elsewhere,
    type_elsewhere,
    types_elsewhere,
)
from api_gateway.ngsi_ld.context import answers_ld, link_context
from api_gateway.ngsi_ld.frozen import in_use
from api_gateway.ngsi_ld.params import flag
from api_gateway.ngsi_ld.represent import EntityResponse, Shape
from api_gateway.ngsi_ld.snapshot_header import snapshot_said
from api_gateway.ngsi_ld.writing import only
from broker.errors import NotFound
from broker.jsonld.context import DEFAULT_VOCABULARY
from broker.ports import Transaction
from broker.store import reading
from broker.store.reading import FROZEN, PRESENT, AttributeUse, Selection


async def list_types(request: Request) -> Response:
    """The entity types present, here and at sources, that the caller may read; with details their attributes."""
    only(request, "details")
    gate, caller, shape = await _asked(request)
    details = flag(request.query_params, "details")
    async with _looking(request, caller) as (tx, among):
        found = set(await reading.types(tx, among))
        uses = seen_of(await reading.attributes(tx, None, among), gate, caller) if details else []
    attributes: defaultdict[str, set[str]] = defaultdict(set)
    for use in uses:
        for name in use.types:
            attributes[name].add(use.name)
    heard = await types_elsewhere(request, caller, shape.context, details=details)
    for seen in heard.seen:
        found |= seen.types
        for name in seen.types:
            attributes[name].update(seen.attributes)
    names = sorted(name for name in found if gate.may(caller, Action.READ, name).allowed)
    if not details:
        return _listing("EntityTypeList", "typeList", names, shape, heard)
    compact = shape.context.compact
    hidden = {name: gate.hidden(caller, [name]) for name in names}
    listed = [
        {"id": _iri(name), "type": "EntityType", "typeName": compact(name),
         "attributeNames": sorted(compact(a) for a in attributes[name] - hidden[name])}
        for name in names
    ]  # fmt: skip
    return _respond(listed, shape, heard)


async def one_type(request: Request) -> Response:
    """What is known of one entity type."""
    only(request)
    gate, caller, shape = await _asked(request)
    name = shape.context.expand(request.path_params["name"])
    allowed = gate.may(caller, Action.READ, name).allowed
    visible = gate.readable(caller)
    only_types = None if visible.only is None else tuple(visible.only)
    async with _looking(request, caller) as (tx, among):
        chosen = Selection((name,), only_types=only_types, never_types=tuple(visible.never), among=among)
        count = await reading.count(tx, chosen) if allowed else 0
        uses = seen_of(await reading.attributes(tx, name, among), gate, caller) if count else []
    heard = await type_elsewhere(request, caller, shape.context, name) if allowed else Heard([], [])
    about = [seen for seen in heard.seen if name in seen.types]
    if not count and not about:
        raise NotFound(f"there are no entities of type {request.path_params['name']}")
    hidden = gate.hidden(caller, [name])
    kinds = _kinds(uses)
    for seen in about:
        for attribute in seen.attributes.keys() - hidden:
            kinds[attribute].update(seen.attributes[attribute])
    compact = shape.context.compact
    details = [
        {"id": _iri(a), "type": "Attribute", "attributeName": compact(a), "attributeTypes": sorted(kinds[a])}
        for a in sorted(kinds)
    ]
    answer = {"id": _iri(name), "type": "EntityTypeInfo", "typeName": compact(name),
              "entityCount": count + sum(seen.entities for seen in about), "attributeDetails": details}  # fmt: skip
    return _respond(answer, shape, heard)


async def list_attributes(request: Request) -> Response:
    """The attributes present, here and at sources; with details the types that have them."""
    only(request, "details")
    gate, caller, shape = await _asked(request)
    heard = await attributes_elsewhere(request, caller, shape.context)
    uses = [*await _uses(request, gate, caller), *_as_uses(heard, gate, caller)]
    names = sorted({use.name for use in uses})
    if not flag(request.query_params, "details"):
        return _listing("AttributeList", "attributeList", names, shape, heard)
    compact = shape.context.compact
    types = {name: sorted({compact(t) for use in uses if use.name == name for t in use.types}) for name in names}
    found = [
        {"id": _iri(name), "type": "Attribute", "attributeName": compact(name), "typeNames": types[name]}
        for name in names
    ]
    return _respond(found, shape, heard)


async def one_attribute(request: Request) -> Response:
    """What is known of one attribute."""
    only(request)
    gate, caller, shape = await _asked(request)
    name = shape.context.expand(request.path_params["name"])
    heard = await attribute_elsewhere(request, caller, shape.context, name)
    there = [*await _uses(request, gate, caller), *_as_uses(heard, gate, caller)]
    uses = [use for use in there if use.name == name]
    if not uses:
        raise NotFound(f"no entity has an attribute {request.path_params['name']}")
    compact = shape.context.compact
    answer = {"id": _iri(name), "type": "Attribute", "attributeName": compact(name),
              "attributeCount": sum(use.entities for use in uses), "attributeTypes": sorted(_kinds(uses)[name]),
              "typeNames": sorted({compact(t) for use in uses for t in use.types})}  # fmt: skip
    return _respond(answer, shape, heard)


async def _asked(request: Request) -> tuple[Gate, Caller, Shape]:
    gate = gate_of(request)
    caller = await gate.caller(request)
    context = await link_context(request, caller.tenant)
    return gate, caller, Shape(ld=answers_ld(request), context=context)


@asynccontextmanager
async def _looking(request: Request, caller: Caller) -> AsyncIterator[tuple[Transaction, str]]:
    """A transaction, and among which entities it looks: those of the present, or of the snapshot that the request is
    about. Raises `NotFound` for an unknown one."""
    snapshot = snapshot_said(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        if snapshot is not None:
            await in_use(request, caller, tx, snapshot)
        yield tx, PRESENT if snapshot is None else FROZEN


async def _uses(request: Request, gate: Gate, caller: Caller) -> list[AttributeUse]:
    async with _looking(request, caller) as (tx, among):
        return seen_of(await reading.attributes(tx, None, among), gate, caller)


def seen_of(uses: Iterable[AttributeUse], gate: Gate, caller: Caller) -> list[AttributeUse]:
    """The attributes that the caller may see, as entities that it may see have them."""
    return [
        use
        for use in uses
        if all(gate.may(caller, Action.READ, name).allowed for name in use.types)
        and use.name not in gate.hidden(caller, use.types)
    ]


def _as_uses(heard: Heard, gate: Gate, caller: Caller) -> list[AttributeUse]:
    """What sources say of types that the caller may read, in the form of what is known here."""
    uses = []
    for seen in heard.seen:
        types = sorted(name for name in seen.types if gate.may(caller, Action.READ, name).allowed)
        entities = seen.entities if len(types) == len(seen.types) else 0
        for name in seen.attributes.keys() - gate.hidden(caller, types) if types else ():
            uses.append(AttributeUse(types, name, sorted(seen.attributes[name]), entities))
    return uses


def _kinds(uses: Iterable[AttributeUse]) -> dict[str, set[str]]:
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for use in uses:
        kinds[use.name].update(use.kinds)
    return kinds


def _iri(name: str) -> str:
    return name if ":" in name else DEFAULT_VOCABULARY + name


def _listing(kind: str, member: str, names: list[str], shape: Shape, heard: Heard) -> Response:
    """A list of names (5.2.24, 5.2.27); its id names this list and no other."""
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    shown = [shape.context.compact(name) for name in names]
    return _respond({"id": f"urn:ngsi-ld:{kind}:{digest}", "type": kind, member: shown}, shape, heard)


def _respond(answer: Any, shape: Shape, heard: Heard) -> Response:
    if shape.ld:
        given = shape.context.given
        answer = (
            [{"@context": given, **item} for item in answer]
            if isinstance(answer, list)
            else {"@context": given, **answer}
        )
    return EntityResponse(orjson.dumps(answer), shape, more=heard.warnings)
