"""Attributes that are queried by value: rare matches come from the index, and the answer is the same as without it."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.entities.merge import EntityUpdate
from broker.errors import Forbidden, NotFound
from broker.jsonld.context import CORE
from broker.log.postgres import PostgresOutlet
from broker.ports import CHANGES
from broker.query.q import compile_q
from broker.store import reading, values
from broker.store.entities import EntityWriter
from broker.store.reading import Selection
from tests.conftest import CityDatabase

AT = datetime(2026, 7, 1, tzinfo=UTC)
TYPE = "ParkingSpot"


def writer() -> EntityWriter:
    return EntityWriter(PostgresOutlet({CHANGES: 2}))


async def put(database: CityDatabase, *entities: tuple[str, dict[str, Any]], tenant: str = "fukui") -> None:
    updates = [EntityUpdate(f"urn:x:{name}", (TYPE,), attributes, decided=True) for name, attributes in entities]
    async with database.app.transaction(tenant) as tx:
        await writer().write(tx, tenant, updates, at=AT)


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


async def found(database: CityDatabase, q: str, tenant: str = "fukui") -> tuple[list[str], tuple[str, ...] | None]:
    """What matches, and the ids that the index narrowed it to."""
    async with database.app.transaction(tenant) as tx:
        plain = Selection(types=(TYPE,), where=(compile_q(q, CORE.expand),))
        selection = await values.narrowed(tx, plain)
        matching = [document.id for document in await reading.select(tx, selection, limit=1000, offset=0)]
        assert matching == [document.id for document in await reading.select(tx, plain, limit=1000, offset=0)]
    return [id_.removeprefix("urn:x:") for id_ in matching], selection.ids


async def test_rare_values_are_found_by_the_index(database: CityDatabase) -> None:
    await put(database, *((f"{n:03}", {"level": prop(n), "name": prop(f"spot {n % 7}")}) for n in range(100)))
    assert (await found(database, "level>97"))[1] is None
    await values.declare(database.system, "fukui", "level")
    await values.declare(database.system, "fukui", "name")

    ids, narrowed = await found(database, "level>97")
    assert (ids, narrowed) == (["098", "099"], ("urn:x:097", "urn:x:098", "urn:x:099"))
    ids, narrowed = await found(database, 'level>90;name=="spot 3"')
    assert ids == ["094"]
    assert narrowed == ("urn:x:094",)
    assert await found(database, "level==3,5..6,200") == (
        ["003", "005", "006"],
        ("urn:x:003", "urn:x:005", "urn:x:006"),
    )
    assert (await found(database, 'name=="nothing of the kind"')) == ([], ())
    for wide in ('level>97|name=="spot 3"', "!level>97", "level!=3", "name~=spot", "name", "level.sub>3"):
        assert (await found(database, wide))[1] is None
    assert (await found(database, "level>97", tenant="neighbour")) == ([], None)


async def test_the_index_follows_what_becomes_of_entities(database: CityDatabase) -> None:
    await put(database, ("a", {"level": prop(1)}), ("b", {"level": prop(2)}))
    await values.declare(database.system, "fukui", "level")
    await put(database, ("a", {"level": prop(50)}), ("c", {"level": prop(60)}))
    assert (await found(database, "level>10"))[0] == ["a", "c"]
    assert (await found(database, "level==1")) == ([], ())
    both = [prop(3), prop(70, datasetId="urn:d:2")]
    await put(database, ("b", {"level": both}))
    assert (await found(database, "level>65"))[0] == ["b"]
    await put(database, ("b", {"level": None, "links": {"type": "Relationship", "object": ["urn:x:a", "urn:x:c"]}}))
    assert (await found(database, "level>65")) == ([], ())
    async with database.app.transaction("fukui") as tx:
        await writer().delete(tx, "fukui", ["urn:x:c"], at=AT)
    assert (await found(database, "level>10"))[1] == ("urn:x:a",)
    await values.declare(database.system, "fukui", "links")
    assert (await found(database, 'links=="urn:x:c"')) == (["b"], ("urn:x:b",))
    for strange in (1e308, 1.5e300, -(10**18), 1e-310, "x" * 5000, [1, "two", None, [3]], {"deep": 1}, True):
        await put(database, ("odd", {"level": prop(strange)}))
    await put(database, ("odd", {"level": prop("y" * 3000)}))
    assert (await found(database, f'level=="{"y" * 3000}"')) == (["odd"], ("urn:x:odd",))


async def test_what_is_written_while_it_is_declared_is_in_it(database: CityDatabase) -> None:
    chance = random.Random(3)
    await put(database, *((f"{n:04}", {"level": prop(0)}) for n in range(1500)))

    async def write() -> None:
        for _ in range(30):
            some = chance.sample(range(1500), 5)
            await put(database, *((f"{n:04}", {"level": prop(chance.randrange(1, 100))}) for n in some))

    await asyncio.gather(write(), values.declare(database.system, "fukui", "level"), write())
    ids, narrowed = await found(database, "level>=1")
    assert narrowed is not None
    assert len(ids) > 100
    assert (await found(database, "level>50"))[1] is not None


async def test_what_is_common_is_read_in_order(database: CityDatabase) -> None:
    for part in range(0, 2500, 500):
        await put(database, *((f"{n:04}", {"level": prop(n)}) for n in range(part, part + 500)))
    await values.declare(database.system, "fukui", "level")
    assert (await found(database, "level>100"))[1] is None
    ids, narrowed = await found(database, "level>100;level<103")
    assert ids == ["0101", "0102"]
    assert len(narrowed or ()) == 104, "of two bounds the one that tells"


async def test_it_is_given_up_with_the_last_attribute(database: CityDatabase) -> None:
    with pytest.raises(NotFound):
        await values.declare(database.system, "nowhere", "level")
    await put(database, ("a", {"level": prop(1)}))
    await values.declare(database.system, "fukui", "level")
    async with database.system.transaction() as tx:
        assert await values.declared(tx) == [{"tenant": "fukui", "attribute": "level", "ready": True, "values": 1}]
        assert await values.forget(tx, "fukui", "level")
        assert not await values.forget(tx, "fukui", "level")
        assert await tx.fetchval("select count(*) from entity_value") == 0
        assert not await tx.fetchval("select values_kept()")
    await put(database, ("b", {"level": prop(2)}))
    assert (await found(database, "level>0"))[1] is None
    await values.declare(database.system, "fukui", "level")
    assert (await found(database, "level>0"))[0] == ["a", "b"]


async def test_values_are_their_citys_own(database: CityDatabase) -> None:
    await put(database, ("a", {"level": prop(1)}))
    await values.declare(database.system, "fukui", "level")
    for tenant, rows in (("fukui", 1), ("neighbour", 0)):
        async with database.app.transaction(tenant) as tx:
            assert await tx.fetchval("select count(*) from entity_value") == rows
            assert await tx.fetchval("select count(*) from queried_attribute") == rows
    with pytest.raises(Forbidden):
        async with database.app.transaction("neighbour") as tx:
            await tx.execute("select declare_queried(1, 'level')")
