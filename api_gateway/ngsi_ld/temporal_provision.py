"""Writing temporal representations (ETSI GS CIM 009, 5.6.11 to 5.6.16; 6.18, 6.19, 6.20, 6.21, 6.22).

What history gains here becomes the entity's state where it is newer, by the same rule as a reading that comes late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.params import flag
from api_gateway.ngsi_ld.provision import attribute_fragment
from api_gateway.ngsi_ld.temporal_members import stored_instance
from api_gateway.ngsi_ld.writing import Writing, created, entity_id_of, no_content, only, writing
from broker.entities.evolution import parse_evolution, parse_instances
from broker.entities.merge import EntityUpdate, merge
from broker.entities.parse import NULL, ParsedEntity, check_name, is_uri
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.store import instances
from broker.store.effects import row_of
from broker.store.entities import EntityWriter
from broker.store.instances import Kept
from broker.store.reading import Document, documents, documents_ever
from broker.store.temporal import known
from schemas.change import Sample
from schemas.clock import iso


async def create(request: Request) -> Response:
    """Create a temporal representation, or add to the one that there is (5.6.11)."""
    only(request)
    ask = await writing(request)
    body, context = await ask.body()
    entity = parse_evolution(body, context.expand)
    ask.may(entity.type)
    if await _evolve(ask, entity, create=True):
        return created(f"/ngsi-ld/v1/temporal/entities/{quote(entity.id, safe=':')}")
    return no_content()


async def append(request: Request) -> Response:
    """Add attribute instances to a temporal representation (5.6.12)."""
    only(request)
    ask = await writing(request)
    entity_id = entity_id_of(request)
    body, context = await ask.body()
    attributes = parse_instances(body, context.expand)
    if not attributes:
        raise Invalid("the body says no attribute", field="$")
    await _evolve(ask, ParsedEntity(entity_id, (), dict(attributes)), create=False)
    return no_content()


async def _evolve(ask: Writing, entity: ParsedEntity, *, create: bool) -> bool:
    """Add instances to history; whether nothing was known of the entity before."""

    async def work(tx: Transaction, writer: EntityWriter, trace: str | None) -> bool:
        document = (await documents_ever(tx, [entity.id])).get(entity.id)
        there = await known(tx, entity.id)
        if document is None and not create:
            raise NotFound(f"there is no temporal representation of {entity.id}")
        if document is not None:
            ask.may_touch(document, known_as="temporal representation of")
        types = entity.type or tuple(document.type if document else ())
        await ask.hold_history(types, entity.attributes)
        update = EntityUpdate(entity.id, types, entity.attributes, over_time=True)
        before = None if document is None else orjson.loads(document.text)
        ask.may_change(before, entity.attributes, merge(before, update).doc)
        await writer.evolve(tx, ask.caller.tenant, update, at=ask.gateway.clock(), trace=trace)
        return document is None or not there

    return await ask.transact(work)


async def delete(request: Request) -> Response:
    """Delete a temporal representation (5.6.16). An entity that is nothing but its history goes with it."""
    only(request)
    ask = await writing(request)
    entity_id = entity_id_of(request)

    async def work(tx: Transaction, writer: EntityWriter, trace: str | None) -> None:
        document = (await documents_ever(tx, [entity_id])).get(entity_id)
        if document is not None:
            _may_change(ask, document, None)
        found = await instances.remove_history(tx, entity_id)
        if await instances.only_history(tx, entity_id):
            await writer.delete(tx, ask.caller.tenant, [entity_id], at=ask.gateway.clock(), trace=trace)
            await instances.remove_history(tx, entity_id)
            found = True
        if not (await instances.forget_past(tx, entity_id) or found):
            raise NotFound(f"there is no temporal representation of {entity_id}")

    await ask.transact(work)
    return no_content()


async def delete_attribute(request: Request) -> Response:
    """Delete an attribute, or its instances of one datasetId, from a temporal representation (5.6.13)."""
    only(request, "datasetId", "deleteAll")
    ask = await writing(request)
    entity_id = entity_id_of(request)
    term = check_name(request.path_params["attribute"], "attribute")
    every = flag(request.query_params, "deleteAll")
    dataset_id = request.query_params.get("datasetId", "")
    if dataset_id and not is_uri(dataset_id):
        raise Invalid("datasetId must be a URI", field="datasetId")
    name = (await link_context(request, ask.caller.tenant)).expand(term)

    async def work(tx: Transaction, _: EntityWriter, _trace: str | None) -> None:
        await _allowed(ask, tx, entity_id, name)
        chosen = None if every else dataset_id
        if not await instances.remove_history(tx, entity_id, attribute=name, dataset_id=chosen):
            raise NotFound(f"the history of {entity_id} has no such instances of {term}")

    await ask.transact(work)
    return no_content()


async def delete_instance(request: Request) -> Response:
    """Delete one instance of an attribute (5.6.15)."""
    if _is_name(request):
        return await delete_attribute(request)
    only(request)
    ask = await writing(request)
    entity_id, name, instance = await _place(ask)

    async def work(tx: Transaction, _: EntityWriter, _trace: str | None) -> None:
        await instances.remove(tx, await _found(ask, tx, entity_id, name, instance))

    await ask.transact(work)
    return no_content()


async def change_instance(request: Request) -> Response:
    """Change a part of one instance of an attribute (5.6.14)."""
    only(request)
    if not request.path_params["attribute"]:
        raise HTTPException(405, "an instance is changed under the name of its attribute", {"Allow": "DELETE"})
    ask = await writing(request)
    entity_id, name, instance = await _place(ask)
    body, context = await ask.body(patch=True)
    if isinstance(body.get(request.path_params["attribute"]), Mapping | list):
        raise Invalid("the body is the instance itself, without the attribute's name around it", field="$")
    given = {k: v for k, v in body.items() if k != "instanceId"}

    async def work(tx: Transaction, writer: EntityWriter, _trace: str | None) -> None:
        kept = await _found(ask, tx, entity_id, name, instance)
        old = orjson.loads(orjson.dumps(stored_instance(kept), option=orjson.OPT_UTC_Z))
        fragment = attribute_fragment({name: old}, name, given, context)
        new = {k: v for k, v in {**old, **fragment}.items() if v != NULL}
        await _put(ask, tx, writer, kept, new, instance)

    await ask.transact(work)
    return no_content()


async def _put(
    ask: Writing, tx: Transaction, writer: EntityWriter, kept: Kept, new: dict[str, Any], instance: str
) -> None:
    """Store an instance anew: in its place, or where its new time, unit or datasetId puts it; its id stays.

    In its place it is a correction, as another value from the device would be: what it replaces is kept, so that a
    late copy of that is known for one and does not undo what a person has decided. Whoever judges values hears of it.
    """
    document = (await documents_ever(tx, [kept.entity_id])).get(kept.entity_id)
    await ask.hold_history(document.type if document else (), {kept.attribute: [new]})
    if document is not None:
        ask.may_change(None, [kept.attribute], {**orjson.loads(document.text), kept.attribute: new})
    now = ask.gateway.clock()
    row = row_of(EntityUpdate(kept.entity_id, (), {}, received_at=kept.received_at), kept.attribute, new, kept.at)
    stays = (row.at, row.series.dataset_id, row.series.unit_code) == (kept.at, kept.dataset_id, kept.unit_code)
    marked = {**new, "modifiedAt": iso(now), "instanceId": instance}
    value = orjson.dumps(marked).decode()
    if not stays:
        await instances.remove(tx, kept)
    [version] = await writer.remember(tx, ask.caller.tenant, [row._replace(value=value)])
    told = Sample(
        attribute=kept.attribute, value=new.get("value"), observed_at=row.at, version=version or 0, by_hand=True
    )
    document = (await documents(tx, [kept.entity_id], lock=True)).get(kept.entity_id)
    if document is not None:
        update = EntityUpdate(
            *(kept.entity_id, (), {kept.attribute: [new]}, frozenset({kept.attribute})),
            over_time=True,
            remembered=(told,),
        )
        await writer.evolve(tx, ask.caller.tenant, update, at=now)


async def _allowed(ask: Writing, tx: Transaction, entity_id: str, name: str) -> None:
    document = (await documents_ever(tx, [entity_id])).get(entity_id)
    if document is None:
        raise NotFound(f"there is no temporal representation of {entity_id}")
    _may_change(ask, document, [name])


def _may_change(ask: Writing, document: Document, names: list[str] | None) -> None:
    ask.may_touch(document, known_as="temporal representation of")
    ask.may_change(orjson.loads(document.text), names, None)


async def _found(ask: Writing, tx: Transaction, entity_id: str, name: str, instance: str) -> Kept:
    await _allowed(ask, tx, entity_id, name)
    kept = await instances.find(tx, entity_id, name, instance)
    if kept is None:
        raise NotFound(f"the history of {entity_id} has no such instance of this attribute")
    return kept


async def _place(ask: Writing) -> tuple[str, str, str]:
    """Entity, attribute (as in the store) and instance in the path. Raises `Invalid`."""
    entity_id = entity_id_of(ask.request)
    term = check_name(ask.request.path_params["attribute"], "attribute")
    instance = ask.request.path_params["instance_id"]
    if not is_uri(instance):
        raise Invalid("the instance's id in the path must be a URI", field="instanceId")
    return entity_id, (await link_context(ask.request, ask.caller.tenant)).expand(term), instance


def _is_name(request: Request) -> bool:
    """Whether the path names an attribute by an IRI with slashes, whose end looks like an instance's id."""
    attribute, rest = request.path_params["attribute"], request.path_params["instance_id"]
    if "://" not in attribute or is_uri(rest):
        return False
    request.path_params["attribute"] = f"{attribute}/{rest}"
    return True
