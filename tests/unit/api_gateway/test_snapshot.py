"""The public's picture: made once for many, and kept while nothing can make a new one."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from api_gateway.shared import Answer, tag_of
from api_gateway.snapshot import Snapshots
from broker.errors import Unavailable

LONG = b"." * 2000


class City:
    """Makes pictures, unless its database is away; the test moves the clock."""

    def __init__(self) -> None:
        self.now, self.made, self.away = 100.0, 0, False
        self.gate = asyncio.Event()
        self.gate.set()
        self.snapshots = Snapshots(self.make, 2.0, monotonic=lambda: self.now)

    async def make(self, tenant: str) -> Answer:
        await self.gate.wait()
        if self.away:
            raise Unavailable("the database does not answer")
        self.made += 1
        body = f"{tenant} {self.made}".encode()
        return Answer(body + LONG, tag_of(body))

    async def look(self) -> tuple[bytes, int]:
        kept, age = await self.snapshots.get("fukui")
        assert gzip.decompress(kept.packed) == kept.body
        return kept.body.removesuffix(LONG), age


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_at_once_make_one() -> None:
    city = City()
    assert set(await asyncio.gather(*(city.look() for _ in range(1000)))) == {(b"fukui 1", 0)}
    city.now += 1.9
    assert await city.look() == (b"fukui 1", 1)
    assert city.made == 1


async def test_nobody_waits_while_many_ask() -> None:
    city = City()
    await city.look()
    city.now += 4
    city.gate.clear()
    assert await city.look() == (b"fukui 1", 4)
    city.gate.set()
    await settle()
    assert await city.look() == (b"fukui 2", 0)


async def test_after_a_quiet_time_the_first_waits_for_a_new_one() -> None:
    city = City()
    await city.look()
    city.now += 60
    assert await city.look() == (b"fukui 2", 0)
    city.now += 60
    city.gate.clear()
    assert await city.look() == (b"fukui 2", 60), "a database that says nothing is waited for a moment only"
    await city.snapshots.close()


async def test_without_a_database_the_old_one_stays_with_its_age() -> None:
    city = City()
    await city.look()
    city.away = True
    city.now += 3600
    assert await city.look() == (b"fukui 1", 3600)
    await settle()
    assert await city.look() == (b"fukui 1", 3600)
    city.away = False
    assert await city.look() == (b"fukui 2", 0)


async def test_without_any_there_is_nothing_to_serve() -> None:
    city = City()
    city.away = True
    with pytest.raises(Unavailable):
        await city.look()
    city.away = False
    assert await city.look() == (b"fukui 1", 0)
