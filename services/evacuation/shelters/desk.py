"""The shelters' book: loading, opening, counting, and what is shown of it. In a tenant's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.entities.merge import EntityUpdate
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import iso
from schemas.river import Mode
from services.evacuation import store
from services.evacuation.desk import EvacuationDesk
from services.evacuation.orders import Officer
from services.evacuation.shelters.shelter import (
    OPENING_NAMES,
    Change,
    Loaded,
    Opening,
    Passing,
    Shelter,
    Standing,
    changed,
    check_passing,
    parse_shelters,
    passed,
)
from services.evacuation.store import Event, encode

_SQL = load("services.evacuation", "shelters")
_MOST = 500


async def read_document(tx: Transaction, document: Any) -> Loaded:
    """The shelters as `load_document` would store them. Raises `Invalid`."""
    return parse_shelters(document, {district.id for district in await store.load_districts(tx)})


async def load_document(tx: Transaction, tenant: str, desk: EvacuationDesk, officer: Officer, document: Any) -> Loaded:
    """These shelters and no others; how those that stay stand is kept."""
    loaded = await read_document(tx, document)
    before = [shelter for shelter, _ in await standings(tx, Mode.ACTUAL)]
    await save_shelters(tx, loaded.shelters)
    text = f"避難所を読み込みました（{len(loaded.shelters)}か所）"
    await desk.note(tx, Event("shelters", officer, [], text, {"warnings": loaded.warnings}))
    if desk.mode is Mode.ACTUAL:
        gone = {one.id: one for one in before}.keys() - {one.id for one in loaded.shelters}
        closed = [(one, Standing()) for one in before if one.id in gone]
        updates = [_entity(*one) for one in [*closed, *await standings(tx, Mode.ACTUAL)]]
        await desk.writer.write(tx, tenant, updates, at=(await desk.times(tx)).wall)
    return loaded


async def save_shelters(tx: Transaction, shelters: Sequence[Shelter]) -> None:
    """These and no others; how those that stay stand is kept."""
    await tx.execute(_SQL["forget"], [one.id for one in shelters])
    await tx.executemany(_SQL["save"], [(one.id, place, encode(one)) for place, one in enumerate(shelters)])


async def change(
    tx: Transaction, tenant: str, desk: EvacuationDesk, officer: Officer, name: str, wish: Change
) -> Standing:
    """Open, close or count a shelter by hand. Raises `NotFound`, `Conflict` when another was first, `Invalid`."""
    shelter = await _named(tx, name)
    wall = (await desk.times(tx)).wall
    after = changed(shelter, await _lock(tx, desk, name), wish, wall)
    await _keep(tx, tenant, desk, shelter, after)
    await desk.note(tx, Event("shelter", officer, list(shelter.districts), _words(shelter, after), after))
    return after


async def count(tx: Transaction, tenant: str, desk: EvacuationDesk, name: str, told: Sequence[Passing]) -> Standing:
    """People counted at a shelter's door by an app or a device; what was told before counts once."""
    if not 1 <= len(told) <= _MOST:
        raise Invalid(f"{len(told)} counts; 1 to {_MOST} are taken at once", field="passings")
    shelter = await _named(tx, name)
    wall = (await desk.times(tx)).wall
    now = before = await _lock(tx, desk, name)
    for one in sorted(told, key=lambda passing: (passing.at, passing.id)):
        check_passing(one, wall)
        new = await tx.fetchval(_SQL["passing"], name, desk.mode, one.id, one.people, one.at)
        now = passed(now, one) if new is not None else now
    if now != before:
        await _keep(tx, tenant, desk, shelter, now)
    return now


async def standings(tx: Transaction, mode: Mode) -> list[tuple[Shelter, Standing]]:
    """Every shelter and how it stands, in the order in which they were loaded."""
    return [
        (
            msgspec.json.decode(row["body"], type=Shelter),
            msgspec.json.decode(row["standing"], type=Standing) if row["standing"] else Standing(),
        )
        for row in await tx.fetch(_SQL["shelters"], mode)
    ]


async def public_shelters(tx: Transaction) -> list[dict[str, Any]]:
    """What anybody may read: shelters as they stand in fact. Whatever an exercise opens is not among it."""
    return [public_form(shelter, standing) for shelter, standing in await standings(tx, Mode.ACTUAL)]


def public_form(shelter: Shelter, standing: Standing) -> dict[str, Any]:
    """A shelter for residents: whether it is open, how full, and what it offers."""
    return {
        **msgspec.to_builtins(shelter),
        "state": standing.state,
        "count": standing.count,
        "countedAt": iso(standing.counted_at) if standing.counted_at else None,
        "power": shelter.power if standing.power is None else standing.power,
        "note": standing.note,
        "revision": standing.revision,
    }


async def _named(tx: Transaction, name: str) -> Shelter:
    text = await tx.fetchval(_SQL["shelter"], name)
    if text is None:
        raise NotFound(f"there is no shelter {name!r}")
    return msgspec.json.decode(text, type=Shelter)


async def _lock(tx: Transaction, desk: EvacuationDesk, name: str) -> Standing:
    await tx.execute(_SQL["begin"], name, desk.mode, encode(Standing()), (await desk.times(tx)).wall)
    return msgspec.json.decode(await tx.fetchval(_SQL["lock"], name, desk.mode), type=Standing)


async def _keep(tx: Transaction, tenant: str, desk: EvacuationDesk, shelter: Shelter, after: Standing) -> None:
    wall = (await desk.times(tx)).wall
    await tx.execute(_SQL["set"], shelter.id, desk.mode, encode(after), wall)
    if desk.mode is Mode.ACTUAL:
        await desk.writer.write(tx, tenant, [_entity(shelter, after)], at=wall)


def _words(shelter: Shelter, standing: Standing) -> str:
    parts = [f"{shelter.name}: {OPENING_NAMES[standing.state]}"]
    if standing.count is not None:
        parts.append(f"{standing.count}人" + (f"（定員{shelter.capacity}人）" if shelter.capacity else ""))
    if standing.power is not None:
        parts.append("電源あり" if standing.power else "電源なし")
    return "、".join([*parts, *([standing.note] if standing.note else [])])


def _entity(shelter: Shelter, standing: Standing) -> EntityUpdate:
    """The shelter as open data: a PointOfInterest of the Smart Data Models, with how it stands beside it."""
    values: dict[str, Any] = {
        "name": shelter.name,
        "category": ["evacuationShelter"],
        "address": {"streetAddress": shelter.address},
        "status": standing.state,
        "open": standing.state is Opening.OPEN,
        "capacity": shelter.capacity,
        "occupancy": standing.count,
        "accessible": shelter.accessible,
        "petsAllowed": shelter.pets,
        "power": shelter.power if standing.power is None else standing.power,
    }
    attributes: dict[str, Any] = {
        name: {"type": "Property", "value": value} for name, value in values.items() if value is not None
    }
    attributes["location"] = {
        "type": "GeoProperty",
        "value": {"type": "Point", "coordinates": list(shelter.location)},
    }
    return EntityUpdate(
        f"urn:ngsi-ld:PointOfInterest:shelter:{shelter.id}", ("PointOfInterest",), attributes, frozenset(attributes)
    )
