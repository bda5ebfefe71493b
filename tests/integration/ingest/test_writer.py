"""From records to the store: every observation has one outcome, and the books balance."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.mqtt.patience import until
from broker.ingest.judge import Judge
from broker.ingest.replay import replay_rejected
from broker.ingest.writer import ObservationWriter
from broker.ports import NewRecord, Record, Transaction
from broker.store.accounting import fold, summary
from broker.store.devices import Device, DeviceRegistry, register
from broker.store.entities import EntityWriter
from broker.store.instances import newest, remove
from broker.store.rejected import RejectedFilter
from cityos.wiring import ROUTES
from schemas.observation import Arrival, Observation, Reason, Received, Rejection, Tally, decode_arrival, encode_arrival
from tests.conftest import CityDatabase

NOW = datetime(2023, 7, 13, 1, 0, tzinfo=UTC)
ENTITY = "urn:ngsi-ld:WaterObserved:180009:1"


class Discard:
    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        return None


def reading(minutes: int, value: float, key: str | None = None, device: str = "gauge-1") -> Observation:
    at = NOW + timedelta(minutes=minutes)
    return Observation(device=device, property="waterLevel", value=value, observed_at=at, unit="MTR", message_key=key)


def received(*items: Observation | Rejection, payload: bytes = b"{}") -> Received:
    return Received(
        tenant="fukui",
        device="telemetry",
        topic="city/river/gauge-1/up",
        payload=payload,
        received_at=NOW,
        way="endpoint",
        family="river_gauge",
        observations=tuple(i for i in items if isinstance(i, Observation)),
        rejections=tuple(i for i in items if isinstance(i, Rejection)),
    )


class Bench:
    def __init__(self, database: CityDatabase, writer: ObservationWriter) -> None:
        self._database = database.system
        self._writer = writer

    async def handle(self, *arrivals: Arrival) -> None:
        records = [Record("observations", 0, i, b"k", encode_arrival(a), NOW) for i, a in enumerate(arrivals)]
        async with self._database.transaction() as tx:
            await self._writer.handle(tx, records)

    async def books(self) -> dict[str, dict[str, Any]]:
        async with self._database.transaction() as tx:
            lines = await summary(tx, tenant="fukui", device=None, since=date(2023, 7, 1))
        return {line["device"]: line for line in lines}

    async def rows(self, query: str) -> list[Any]:
        async with self._database.transaction() as tx:
            return [tuple(row.values()) for row in await tx.fetch(query)]


@pytest.fixture
async def bench(database: CityDatabase) -> Bench:
    gauge = Device("fukui", "gauge-1", "river_gauge", entity_id=ENTITY, entity_type="WaterObserved")
    async with database.system.transaction() as tx:
        await register(tx, "fukui", gauge, {"date_attribute": "dateObserved"})
    registry = DeviceRegistry(database.system)
    await registry.refresh()
    return Bench(database, ObservationWriter(EntityWriter(Discard()), registry, lambda: NOW))


async def test_a_reading_becomes_its_devices_entity(bench: Bench) -> None:
    await bench.handle(received(reading(0, 1.5)))
    rows = await bench.rows("select id, type, doc -> 'waterLevel' ->> 'value', doc ? 'dateObserved' from entity")
    assert rows == [(ENTITY, ["WaterObserved"], "1.5", True)]


async def test_every_kind_of_outcome_is_counted_and_the_books_balance(bench: Bench) -> None:
    fault = Rejection(reason=Reason.SENSOR_FAULT, detail="out of order", device="gauge-1")
    await bench.handle(
        received(reading(0, 1.0)),
        received(reading(0, 1.0)),
        received(reading(0, 1.2), fault),
        Tally(tenant="fukui", device="gauge-1", reason=Reason.RATE_LIMITED, count=7, received_at=NOW),
    )
    line = (await bench.books())["gauge-1"]
    assert line["received"] == 11
    assert (line["stored"], line["duplicate"]) == (2, 1)
    assert line["rejected"] == {"sensor-fault": 1, "rate-limited": 7}
    assert line["balanced"]


async def test_folding_the_books_changes_no_sum(bench: Bench, database: CityDatabase) -> None:
    await bench.handle(received(reading(0, 1.0)))
    await bench.handle(received(reading(0, 1.0)))
    before = await bench.books()
    async with database.system.transaction() as tx:
        await fold(tx)
    assert await bench.books() == before
    await bench.handle(received(reading(10, 1.0)))
    assert (await bench.books())["gauge-1"]["stored"] == 2


async def test_copies_of_one_transmission_count_once_though_their_times_differ(bench: Bench) -> None:
    await bench.handle(received(reading(0, 1.0, key="dev:7")), received(reading(1, 1.0, key="dev:7")))
    await bench.handle(received(reading(2, 1.0, key="dev:7")))
    line = (await bench.books())["gauge-1"]
    assert (line["stored"], line["duplicate"], line["balanced"]) == (1, 2, True)


async def test_a_copy_of_what_a_person_took_out_is_a_duplicate_and_another_value_is_not(
    bench: Bench, database: CityDatabase
) -> None:
    await bench.handle(received(reading(0, 1.5), reading(10, 9.9)))
    async with database.system.transaction() as tx:
        kept = await newest(tx, ENTITY, "waterLevel", "")
        assert kept is not None
        await remove(tx, kept)
    await bench.handle(received(reading(10, 9.9), reading(20, 1.7)), received(reading(10, 9.9)))
    assert await bench.rows("select number from history order by at") == [(1.5,), (1.7,)]
    await bench.handle(received(reading(10, 9.9), reading(10, 1.6), reading(10, 1.6)))
    assert await bench.rows("select number, version from history order by at") == [(1.5, 0), (1.6, 0), (1.7, 0)]
    await bench.handle(received(reading(10, 9.9), reading(10, 1.61)))
    assert await bench.rows("select number, version from history order by at, version") == [
        (1.5, 0),
        (1.6, 0),
        (1.61, 1),
        (1.7, 0),
    ]
    line = (await bench.books())["gauge-1"]
    assert (line["stored"], line["duplicate"], line["balanced"]) == (5, 5, True)


async def test_rejected_bytes_are_kept_with_reason_and_sender(bench: Bench) -> None:
    why = Rejection(reason=Reason.NOT_JSON, detail="no JSON at byte 3", field=None)
    await bench.handle(received(why, payload=b"\xff{{"))
    rows = await bench.rows("select sender, device, reason, detail, payload from rejected")
    assert rows == [("telemetry", "telemetry", "not-json", "no JSON at byte 3", b"\xff{{")]


async def test_the_bytes_of_a_message_of_a_thousand_wrong_values_are_not_kept_a_thousand_times(bench: Bench) -> None:
    def wrong(number: int, reason: Reason) -> Rejection:
        return Rejection(reason=reason, detail=f"row {number} is wrong", field=f"[{number}].t", device="gauge-1")

    late = [wrong(number, Reason.BAD_TIME) for number in range(998)]
    await bench.handle(
        received(*late, wrong(998, Reason.OUT_OF_RANGE), wrong(999, Reason.OUT_OF_RANGE), payload=b"x" * 500_000)
    )
    rows = await bench.rows("select reason, field, detail, octet_length(payload) from rejected order by reason")
    assert rows == [
        ("bad-time", "[0].t", "row 0 is wrong (and 997 more in this message)", 500_000),
        ("out-of-range", "[998].t", "row 998 is wrong (and 1 more in this message)", 500_000),
    ]
    line = (await bench.books())["gauge-1"]
    assert (line["received"], line["rejected"], line["balanced"]) == (1000, {"bad-time": 998, "out-of-range": 2}, True)


async def test_what_is_rejected_again_is_sent_in_once(bench: Bench, database: CityDatabase) -> None:
    class AtOnce:
        """A log whose records have been handled before an append returns: no writer is quicker."""

        async def append(self, topic: str, records: Sequence[NewRecord]) -> None:
            await bench.handle(*(decode_arrival(record.value) for record in records))

    why = Rejection(reason=Reason.NOT_JSON, detail="no JSON at byte 3")
    await bench.handle(received(why, payload=b"{{1"), received(why, payload=b"{{2"))
    judge, which = Judge(ROUTES, DeviceRegistry(database.system)), RejectedFilter("fukui")
    async with asyncio.timeout(30):
        sent = await replay_rejected(database.system, AtOnce(), judge, which, lambda: NOW)  # type: ignore[arg-type]
    assert sent == 2
    rows = await bench.rows("select payload, replayed_at is null from rejected order by id")
    assert sorted(rows) == [(b"{{1", False), (b"{{1", True), (b"{{2", False), (b"{{2", True)]
    assert all(line["balanced"] for line in (await bench.books()).values())


async def test_an_unknown_device_waits_in_quarantine(bench: Bench) -> None:
    why = Rejection(reason=Reason.QUARANTINED, detail="waits", device="newcomer", field="device")
    await bench.handle(received(why), received(why))
    rows = await bench.rows("select id, family, status from device where id = 'newcomer'")
    assert rows == [("newcomer", "river_gauge", "quarantined")]
    assert (await bench.books())["newcomer"]["rejected"] == {"quarantined": 2}


async def test_a_device_registered_a_moment_ago_keeps_its_entity(database: CityDatabase) -> None:
    """The intake knew it already; that the writer did not must not make an entity of its own for its readings."""
    writer = ObservationWriter(EntityWriter(Discard()), DeviceRegistry(database.system), lambda: NOW)
    async with database.system.transaction() as tx:
        new = Device("fukui", "gauge-9", "river_gauge", entity_id=f"{ENTITY}:9", entity_type="WaterObserved")
        await register(tx, "fukui", new, {})
    await Bench(database, writer).handle(received(reading(0, 1.5, device="gauge-9")))
    async with database.system.transaction() as tx:
        entities = await tx.fetch("select id from entity")
    assert [row["id"] for row in entities] == [f"{ENTITY}:9"]


async def test_a_notice_during_the_look_at_the_registry_is_not_lost(database: CityDatabase) -> None:
    class Interrupted(DeviceRegistry):
        """Somebody registers a device after what is looked at was read, and before the look has ended."""

        looks = 0

        async def refresh(self) -> None:
            await super().refresh()
            self.looks += 1
            if self.looks == 1:
                async with database.system.transaction() as tx:
                    await register(tx, "fukui", Device("fukui", "gauge-9", "river_gauge"), {})
                await asyncio.sleep(0.5)  # until its notice is here

    registry, stop = Interrupted(database.system), asyncio.Event()
    keeping = asyncio.create_task(registry.keep_fresh(stop))
    try:
        assert await until(lambda: registry.find("fukui", "gauge-9") is not None, within=60)
    finally:
        stop.set()
        await keeping
