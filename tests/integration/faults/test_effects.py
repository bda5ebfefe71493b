"""`kill -9` of what judges, notifies and serves, mid-flood: decisions and alerts once, deliveries with stable ids, and
an event stream that resumes without a hole."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from broker.delivery.notice import Filter
from broker.delivery.queue import subscribe
from broker.store.postgres import PostgresDatabase
from tests.city import WholeCity
from tests.integration.faults.floods import (
    LEVELS,
    PROFILE,
    Effects,
    Flood,
    effects_of,
    finished,
    notices_of,
    undelivered,
)
from tests.integration.faults.hearing import Listener, listening
from tests.integration.faults.kit import (
    KILLS,
    NO_BURST_LIMIT,
    entity,
    eventually,
    killed,
    register_gauges,
    settled,
    store_of,
)
from tests.integration.notify.receivers import HttpReceiver

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

GAUGES = 10
CYCLES_PER_KILL = 6
SETTINGS = {
    "CITYOS_ALERTING_CLOCK": "data",
    "CITYOS_NOTIFY_ALLOW_PRIVATE_TARGETS": "true",
    "CITYOS_NOTIFY_POLL_S": "0.5",
    "CITYOS_NOTIFY_TIMEOUT_S": "2",  # a dead notifier holds its subscribers for five times as long
    "CITYOS_NOTIFY_EACH": "3",
    **NO_BURST_LIMIT,
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    city = WholeCity(tmp_path_factory.mktemp("effects") / "city", **SETTINGS)
    city.start()
    yield city
    city.stop()


@pytest.fixture
async def store(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    async with store_of(city) as database:
        yield database


class Observed(NamedTuple):
    """A flood's effects: in the store, at a subscriber's, and at a listener's."""

    stored: Effects
    queued: list[str]
    receiver: HttpReceiver
    listener: Listener


async def flooded(city: WholeCity, store: PostgresDatabase, flood: Flood, part: str | None) -> Observed:
    """Run `flood`, kill `part` in the middle of every `CYCLES_PER_KILL` cycles, and wait until all is quiet."""
    await register_gauges(store, flood.prefix, flood.gauges, PROFILE)
    every = CYCLES_PER_KILL * len(LEVELS)

    async with HttpReceiver() as receiver, listening(city, "WaterObserved") as listener:

        async def disturb(number: int) -> None:
            if part is not None and number % every == every // 2:
                if part == "gateway":
                    await listener.connected(1 + number // every)
                await killed(city, part)

        async with store.transaction() as tx:
            wants = Filter(staff=True)
            number = await subscribe(
                tx, "fukui", channel="webhook", target=receiver.url, secret=b"s" * 32, wants=wants, name=flood.prefix
            )
        await flood.run(city, disturb)
        assert await settled(store, flood.prefix, flood.readings) == (flood.readings, True)
        await listener.heard(flood.readings)
        assert await finished(store, flood)
        await asyncio.sleep(1)
        stored = await effects_of(store, flood)
        await eventually(lambda: undelivered(store, number), 0, 120)
        queued = await notices_of(store, number)
        async with store.transaction() as tx:
            await tx.execute("update subscriber set status = 'gone' where id = $1", number)
    return Observed(stored, queued, receiver, listener)


@pytest.fixture(scope="module")
def undisturbed(city: WholeCity) -> Effects:
    """What one gauge's flood of one cycle after the other brings about when nobody dies."""

    async def observe() -> Effects:
        async with store_of(city) as store:
            return (await flooded(city, store, Flood("calm", 1, CYCLES_PER_KILL * KILLS), None)).stored

    return asyncio.run(observe())


@pytest.mark.parametrize("part", ["alerting", "notifier", "gateway"])
async def test_every_effect_happens_once(
    city: WholeCity, store: PostgresDatabase, undisturbed: Effects, part: str
) -> None:
    flood = Flood(part, GAUGES, CYCLES_PER_KILL * KILLS)
    seen = await flooded(city, store, flood, part)
    assert len(undisturbed.decisions["0"]) >= flood.cycles * 2, "each flood is raised and lowered"
    for gauge in range(GAUGES):
        assert seen.stored.decisions[str(gauge)] == undisturbed.decisions["0"]
        assert seen.stored.messages[str(gauge)] == undisturbed.messages["0"]
    _delivered(seen, repeats=KILLS * 3 if part == "notifier" else 0)
    _told(seen.listener, flood, interrupted=KILLS if part == "gateway" else 0)


def _delivered(seen: Observed, *, repeats: int) -> None:
    """Everything queued came, under its own id, with the same bytes each time; only a killed notifier repeats."""
    assert len(set(seen.queued)) == len(seen.queued) > 0
    came = Counter(headers["webhook-id"] for headers, _ in seen.receiver.got)
    assert came.keys() == set(seen.queued)
    assert came.total() - len(came) <= repeats
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    for headers, body in seen.receiver.got:
        bodies[headers["webhook-id"]].add(body)
    assert all(len(texts) == 1 for texts in bodies.values())
    assert list(dict.fromkeys(json.loads(body)["id"] for _, body in seen.receiver.got)) == seen.queued, "out of order"


def _told(listener: Listener, flood: Flood, *, interrupted: int) -> None:
    """Every reading came through the stream once, however often the gateway died."""
    assert listener.connections == 1 + interrupted
    assert listener.gaps == 0
    sent = [(entity(f"{flood.prefix}-{gauge}"), level) for gauge in range(flood.gauges) for level in LEVELS]
    assert Counter(listener.values) == Counter(sent * flood.cycles)
    assert all(count == 1 for count in listener.versions.values())
