"""A record whose handling fails is set aside, and handled again when a person asks: once, by the group that failed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from broker.consume import Consumption, Subscription
from broker.errors import Conflict, Invalid, NotFound
from broker.ingest.discarding import DETECTIONS, discard
from broker.log.postgres import PostgresLog
from broker.ports import CHANGES, OBSERVATIONS, NewRecord, Record, Transaction
from broker.store import parked
from broker.store.accounting import summary
from broker.store.books import audit
from schemas.detection import Detection
from schemas.observation import Observation, Reason, Received, Rejection, Tally, encode_arrival
from services.presence.role import GROUP as PRESENCE
from tests.conftest import CityDatabase
from tests.integration.log.contract import eventually

PATIENCE = 60


class Handler:
    """Handles by inserting a row, which can be there only once; fails where it is told to."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.broken: Callable[[bytes], Exception | None] = lambda _value: None

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        for record in records:
            await tx.execute(
                "insert into message_seen select id, $1, $2, clock_timestamp() from tenant where name = 'fukui'",
                self.group,
                record.value.decode(),
            )
            if error := self.broken(record.value):
                raise error


@pytest.fixture
async def log(database: CityDatabase) -> AsyncIterator[PostgresLog]:
    log = PostgresLog(database.system, partitions={OBSERVATIONS: 1})
    yield log
    await log.close()


@asynccontextmanager
async def consuming(log: PostgresLog, database: CityDatabase, *handlers: Handler) -> AsyncIterator[None]:
    stop = asyncio.Event()
    parts = [
        Consumption(log, database.system, Subscription(OBSERVATIONS, each.group, wait=0.05), each.handle)
        for each in handlers
    ]
    tasks = [asyncio.create_task(part.run(stop)) for part in parts]
    yield
    stop.set()
    await asyncio.gather(*tasks)


async def test_it_is_handled_again_once_and_by_nobody_else(database: CityDatabase, log: PostgresLog) -> None:
    poisoned, healthy = Handler("writer"), Handler("presence")
    poisoned.broken = lambda value: ValueError("no such unit") if value == b"poison" else None
    await log.append(OBSERVATIONS, [NewRecord(b"fukui/a", value) for value in (b"1", b"poison", b"2")])

    async def effects() -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        async with database.system.transaction() as tx:
            for row in await tx.fetch("select device, message_key from message_seen order by seen_at"):
                found[row["device"]].append(row["message_key"])
        return found

    async def both_are_done() -> bool:
        found = await effects()
        return found["writer"] == ["1", "2"] and len(found["presence"]) == 3

    async def aside() -> list[dict[str, object]]:
        async with database.system.transaction() as tx:
            assert await parked.any_parked(tx) == bool(await parked.list_parked(tx, None))
            return await parked.list_parked(tx, "writer")

    async def became() -> parked.Again:
        async with database.system.transaction() as tx:
            return await parked.outcome(tx, [number])

    async def asked(number: int) -> parked.Again:
        async with database.system.transaction() as tx:
            assert await parked.ask(tx, "writer", None) == [number]

        async def answered() -> bool:
            return not (await became()).waiting

        await eventually(answered, PATIENCE)
        return await became()

    async with consuming(log, database, poisoned, healthy):
        await eventually(both_are_done, PATIENCE)
        [row] = await aside()
        assert (row["key"], row["log_offset"], row["attempts"], row["asked_at"]) == ("fukui/a", 1, 1, None)
        assert row["error"] == "ValueError('no such unit')"
        number = row["id"]
        assert isinstance(number, int)
        async with database.system.transaction() as tx:
            assert (await parked.show_parked(tx, number))["value"] == b"poison"

        poisoned.broken = lambda value: ValueError("still none") if value == b"poison" else None
        assert await asked(number) == parked.Again(0, 1, 0)
        [row] = await aside()
        assert (row["error"], row["attempts"], row["asked_at"]) == ("ValueError('still none')", 2, None)

        contended = iter([Conflict("somebody else writes it")])
        poisoned.broken = lambda _value: next(contended, None)
        assert await asked(number) == parked.Again(1, 0, 0), "a conflict is tried again in the next round"
        assert await aside() == []
    assert await effects() == {"writer": ["1", "2", "poison"], "presence": ["1", "poison", "2"]}
    for group, numbers in (("writer", [number]), (None, [number])):
        async with database.system.transaction() as tx:
            with pytest.raises(NotFound, match=f"no record {number} is set aside"):
                await parked.ask(tx, group, numbers)


NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
YESTERDAY = datetime(2026, 11, 20, 14, 59, tzinfo=UTC)


def message(**held: object) -> bytes:
    common = {"tenant": "fukui", "device": "net", "topic": "t", "payload": b"", "received_at": YESTERDAY, "way": "mqtt"}
    return encode_arrival(Received(**{**common, **held}))  # type: ignore[arg-type]


async def test_what_is_given_up_stays_and_stands_in_the_books(database: CityDatabase) -> None:
    seen = [Observation(device="a", property="waterLevel", value=n, observed_at=YESTERDAY) for n in (1.0, 2.0)]
    bad = Rejection(reason=Reason.BAD_TIME, detail="no time")
    heard = Detection(device="pole", epoch=1, tag="x", observed_at=YESTERDAY, rssi=-60, place=(136.2, 36.1), accuracy=9)
    tally = Tally(tenant="fukui", device="b", reason=Reason.TOO_LARGE, count=5, received_at=YESTERDAY)
    aside = [
        ("writer", OBSERVATIONS, message(observations=tuple(seen), rejections=(bad,), detections=(heard,))),
        ("writer", OBSERVATIONS, encode_arrival(tally)),
        ("writer", OBSERVATIONS, b"none of ours"),
        (DETECTIONS, OBSERVATIONS, message(observations=tuple(seen), detections=(heard,))),
        ("alerting", CHANGES, b"{}"),
    ]
    async with database.system.transaction() as tx:
        for offset, (group, topic, value) in enumerate(aside):
            await parked.set_aside(
                tx, group, Record(topic, 0, offset, b"fukui/c", value, NOW), ValueError("no such unit")
            )
        numbers = sorted(row["id"] for row in await parked.list_parked(tx, None))

    async def give_up(*which: int, reason: str = "a test device, taken down") -> int:
        async with database.system.transaction() as tx:
            return await discard(tx, which, reason, "operator:jiro", NOW)

    with pytest.raises(NotFound, match="no record 99999 is set aside"):
        await give_up(*numbers, 99999)
    with pytest.raises(Invalid, match="why"):
        await give_up(*numbers, reason=" no ")
    async with database.system.transaction() as tx:
        assert len(await parked.list_parked(tx, None)) == len(aside), "all or none"
    assert await give_up(*numbers) == len(aside)
    with pytest.raises(NotFound):
        await give_up(numbers[0])

    async with database.system.transaction() as tx:
        assert not await parked.any_parked(tx)
        kept = await parked.list_discarded(tx, "writer")
        assert {(row["reason"], row["discarded_by"], row["discarded_at"]) for row in kept} == {
            ("a test device, taken down", "operator:jiro", NOW)
        }
        assert (await parked.show_parked(tx, numbers[2]))["value"] == b"none of ours"
        lines = await summary(tx, tenant="fukui", device=None, since=YESTERDAY.date())
        today = datetime.now(UTC).date()
        assert await audit(tx, YESTERDAY.date()) == []
    counted = {(line["day"], line["device"]): (line["received"], line["discarded"], line["balanced"]) for line in lines}
    assert counted == {
        ("2026-11-20", "a"): (2, 2, True),
        ("2026-11-20", "net"): (1, 1, True),
        ("2026-11-20", "b"): (5, 5, True),
        ("2026-11-20", "pole"): (1, 1, True),
        (today.isoformat(), "c"): (1, 1, True),
    }
    async with database.system.transaction() as tx:
        await tx.execute("update account_batch set counts = counts #- '{a,discarded}' where counts ? 'a'")
        assert [(one.where, one.expected, one.found) for one in await audit(tx, YESTERDAY.date())] == [
            ("fukui/a 2026-11-20", 2, 0)
        ]


def test_detections_are_booked_by_presence() -> None:
    assert DETECTIONS == PRESENCE
