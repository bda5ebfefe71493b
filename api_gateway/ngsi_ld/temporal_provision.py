"""Writing temporal representations (ETSI GS CIM 009, 5.6.11 to 5.6.16; 6.18, 6.19, 6.20, 6.21, 6.22).

What history gains here becomes the entity's state where it is newer, by the same rule as a reading that comes late.
"""

from __future__ import annotations

from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.params import flag
from api_gateway.ngsi_ld.writing import Writing, created, entity_id_of, no_content, only, writing
from broker.entities.evolution import parse_evolution, parse_instances
from broker.entities.merge import EntityUpdate, merge
from broker.entities.parse import ParsedEntity, check_name, is_uri
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.store import instances
from broker.store.entities import EntityWriter
from broker.store.reading import Document, documents_ever
from broker.store.temporal import known


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
        await allowed(ask, tx, entity_id, name)
        chosen = None if every else dataset_id
        if not await instances.remove_history(tx, entity_id, attribute=name, dataset_id=chosen):
            raise NotFound(f"the history of {entity_id} has no such instances of {term}")

    await ask.transact(work)
    return no_content()


async def allowed(ask: Writing, tx: Transaction, entity_id: str, name: str) -> None:
    """Whether the caller may change that attribute's history. Raises `NotFound`, or what the access decides."""
    document = (await documents_ever(tx, [entity_id])).get(entity_id)
    if document is None:
        raise NotFound(f"there is no temporal representation of {entity_id}")
    _may_change(ask, document, [name])


def _may_change(ask: Writing, document: Document, names: list[str] | None) -> None:
    ask.may_touch(document, known_as="temporal representation of")
    ask.may_change(orjson.loads(document.text), names, None)
