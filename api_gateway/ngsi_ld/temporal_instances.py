"""Changing and deleting single instances of history (ETSI GS CIM 009, 5.6.14, 5.6.15; 6.22).

Who does so says what was measured and what was not: the state follows, whoever judges values hears of it, and what a
device says again later does not undo it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.provision import attribute_fragment
from api_gateway.ngsi_ld.temporal_members import stored_instance
from api_gateway.ngsi_ld.temporal_provision import allowed, delete_attribute
from api_gateway.ngsi_ld.writing import Writing, entity_id_of, no_content, only, writing
from broker.entities.merge import EntityUpdate, newest
from broker.entities.parse import NULL, check_name, is_uri
from broker.entities.patch import dataset
from broker.entities.patch import instances as instances_of
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.store import instances
from broker.store.effects import row_of
from broker.store.entities import EntityWriter
from broker.store.history import Row
from broker.store.instances import Kept
from broker.store.reading import Document, documents, documents_ever
from schemas.change import Sample, Withdrawn
from schemas.clock import iso


async def delete_instance(request: Request) -> Response:
    """Delete one instance of an attribute (5.6.15). Where it was the state, the newest that is left takes its place.

    Whoever judges values hears of it. A device that says the same again is not believed; who writes it here again is.
    """
    if _is_name(request):
        return await delete_attribute(request)
    only(request)
    ask = await writing(request)
    entity_id, name, instance = await _place(ask)

    async def work(tx: Transaction, writer: EntityWriter, trace: str | None) -> None:
        kept, document = await _found(ask, tx, entity_id, name, instance)
        await instances.remove(tx, kept)
        if document is None:
            return
        gone = Withdrawn(attribute=name, observed_at=kept.at, dataset_id=kept.dataset_id)
        state = await _state_without(tx, kept, document)
        update = EntityUpdate(entity_id, (), state, frozenset(state), decided=True, withdrawn=(gone,))
        await writer.evolve(tx, ask.caller.tenant, update, at=ask.gateway.clock(), trace=trace)

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
        kept, document = await _found(ask, tx, entity_id, name, instance)
        old = _normalized(kept)
        fragment = attribute_fragment({name: old}, name, given, context)
        new = {k: v for k, v in {**old, **fragment}.items() if v != NULL}
        await _put(ask, tx, writer, kept, document, new, instance)

    await ask.transact(work)
    return no_content()


async def _put(
    ask: Writing,
    tx: Transaction,
    writer: EntityWriter,
    kept: Kept,
    document: Document | None,
    new: dict[str, Any],
    instance: str,
) -> None:
    """Store an instance anew: in its place, or where its new time, unit or datasetId puts it; its id stays.

    In its place it is a correction, as another value from the device would be: what it replaces is kept, so that a
    late copy of that is known for one and does not undo what a person has decided. Whoever judges values hears of it.
    """
    ever = (await documents_ever(tx, [kept.entity_id])).get(kept.entity_id)
    await ask.hold_history(ever.type if ever else (), {kept.attribute: [new]})
    if ever is not None:
        ask.may_change(None, [kept.attribute], {**orjson.loads(ever.text), kept.attribute: new})
    now = ask.gateway.clock()
    row = row_of(EntityUpdate(kept.entity_id, (), {}, received_at=kept.received_at), kept.attribute, new, kept.at)
    stays = (row.at, row.series.dataset_id, row.series.unit_code) == (kept.at, kept.dataset_id, kept.unit_code)
    marked = {**new, "modifiedAt": iso(now), "instanceId": instance}
    if not stays:
        await instances.remove(tx, kept)
    [version] = await writer.remember(tx, ask.caller.tenant, [row._replace(value=orjson.dumps(marked).decode())])
    if document is None:
        return
    told, gone = _told(kept, row, new, version or 0, stays=stays)
    state = {} if stays else await _state_without(tx, kept, document)
    if state:
        # What is left may be older than what the state shows, and is the state all the same.
        state = {kept.attribute: newest([*instances_of(state[kept.attribute]), new])}
    update = EntityUpdate(
        *(kept.entity_id, (), state or {kept.attribute: [new]}, frozenset({kept.attribute})),
        decided=bool(state),
        over_time=not state,
        remembered=(told,),
        withdrawn=gone,
    )
    await writer.evolve(tx, ask.caller.tenant, update, at=now)


def _told(
    kept: Kept, row: Row, new: Mapping[str, Any], version: int, *, stays: bool
) -> tuple[Sample, tuple[Withdrawn, ...]]:
    """What those hear who judge values: the new one, and that the old one is gone where it was another series'."""
    beside = row.series.dataset_id != kept.dataset_id
    told = Sample(
        attribute=kept.attribute,
        value=new.get("value"),
        observed_at=row.at,
        version=version,
        by_hand=True,
        moved_from=None if stays or beside else kept.at,
        dataset_id=row.series.dataset_id,
    )
    gone = Withdrawn(attribute=kept.attribute, observed_at=kept.at, dataset_id=kept.dataset_id)
    return told, (gone,) if beside else ()


async def _state_without(tx: Transaction, kept: Kept, document: Document) -> dict[str, Any]:
    """The attribute as history leaves it (None: nothing is left) where its state was `kept`, that is gone now.

    Nothing where the state is another, or says no time: then it is no matter of history.
    """
    state = instances_of(orjson.loads(document.text).get(kept.attribute))
    there = [one for one in state if not (dataset(one) == kept.dataset_id and _is_of(one, kept.at))]
    if len(there) == len(state):
        return {}
    left = await instances.newest(tx, kept.entity_id, kept.attribute, kept.dataset_id)
    if left is not None:
        there.append({k: v for k, v in _normalized(left).items() if k not in ("modifiedAt", "instanceId")})
    return {kept.attribute: newest(there) if there else None}


def _is_of(instance: Mapping[str, Any], at: datetime) -> bool:
    text = instance.get("observedAt")
    return text is not None and datetime.fromisoformat(text) == at


def _normalized(kept: Kept) -> dict[str, Any]:
    instance: dict[str, Any] = orjson.loads(orjson.dumps(stored_instance(kept), option=orjson.OPT_UTC_Z))
    return instance


async def _found(
    ask: Writing, tx: Transaction, entity_id: str, name: str, instance: str
) -> tuple[Kept, Document | None]:
    """The instance, and the entity where it still is. Locked in this order, as by who writes readings."""
    await allowed(ask, tx, entity_id, name)
    document = (await documents(tx, [entity_id], lock=True)).get(entity_id)
    kept = await instances.find(tx, entity_id, name, instance)
    if kept is None:
        raise NotFound(f"the history of {entity_id} has no such instance of this attribute")
    return kept, document


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
