"""Floods for the fault tests: every gauge rises to danger and falls again, so that each cycle has the same effects."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

from broker.store.postgres import PostgresDatabase
from tests.city import WholeCity
from tests.integration.faults.kit import START, entity, eventually, reading, sender

PROFILE = {
    "stages": {"standby": 1.0, "caution": 1.4, "evacuation": None, "danger": 2.0},
    # Nobody falls silent, which depends on when one looks: the present is the data's, and an earlier flood of many
    # kills has carried it days ahead.
    "report_interval_s": 366 * 86_400,
}
LEVELS = (0.5, 2.2, 1.2, 0.5, 0.55, 0.6, 0.5)
"""One reading every twenty minutes."""


class Flood(NamedTuple):
    """`cycles` floods at each of the gauges ``{prefix}-0`` to ``{prefix}-{gauges - 1}``."""

    prefix: str
    gauges: int
    cycles: int

    @property
    def rows(self) -> int:
        """Times of reading."""
        return self.cycles * len(LEVELS)

    @property
    def readings(self) -> int:
        """Readings of all gauges together."""
        return self.rows * self.gauges

    async def run(self, city: WholeCity, during: Callable[[int], Awaitable[None]] | None = None) -> None:
        """Publish everything and return when it is acknowledged; `during` is called with each row's number."""
        async with sender(city, f"{self.prefix}-network") as publisher:
            for number in range(self.rows):
                at, level = START + timedelta(minutes=20 * number), LEVELS[number % len(LEVELS)]
                for gauge in range(self.gauges):
                    await publisher.publish(f"city/river/{self.prefix}-{gauge}/up", reading(at, level))
                if during is not None:
                    await during(number)
                await asyncio.sleep(0.02)
            await publisher.drain()


class Effects(NamedTuple):
    """What a flood brought about, so that two floods can be compared gauge by gauge."""

    decisions: dict[str, tuple[tuple[str, float, str, str], ...]]
    """By gauge: kind, minutes since the start, stage before and after, in order of observation."""
    messages: Counter[str]
    """By gauge: how many messages its alerts have."""


async def effects_of(store: PostgresDatabase, flood: Flood) -> Effects:
    """What the database holds of this flood."""
    like = entity(f"{flood.prefix}-%")
    async with store.transaction() as tx:
        decisions = await tx.fetch(
            "select entity_id, kind, at, stage_before, stage_after from decision where entity_id like $1"
            " order by at, id",
            like,
        )
        messages = await tx.fetch(
            "select a.entity_id from alert_message m join alert a on a.tenant_id = m.tenant_id and a.id = m.alert_id"
            " where a.entity_id like $1",
            like,
        )
    made: defaultdict[str, list[tuple[str, float, str, str]]] = defaultdict(list)
    for row in decisions:
        minutes = (row["at"] - START).total_seconds() / 60
        made[_gauge(row)].append((row["kind"], minutes, row["stage_before"], row["stage_after"]))
    return Effects({name: tuple(rows) for name, rows in made.items()}, Counter(_gauge(row) for row in messages))


async def finished(store: PostgresDatabase, flood: Flood, seconds: float = 120) -> bool:
    """Wait until alerting has come to the end of the flood: every gauge is below all stages after its last cycle."""
    last_cycle = (flood.rows - len(LEVELS)) * 20.0

    async def ask() -> bool:
        made = (await effects_of(store, flood)).decisions
        ends = [rows[-1] for rows in made.values()]
        return len(ends) == flood.gauges and all(end[1] > last_cycle and end[3] == "below" for end in ends)

    return await eventually(ask, True, seconds)


def _gauge(row: dict[str, str]) -> str:
    """A gauge's number, the same in every flood."""
    return str(row["entity_id"]).rpartition("-")[2]


async def undelivered(store: PostgresDatabase, subscriber: int) -> int:
    """How many deliveries still wait."""
    async with store.transaction() as tx:
        count = await tx.fetchval(
            "select count(*) from delivery where subscriber_id = $1 and state = 'waiting'", subscriber
        )
    return int(count)


async def notices_of(store: PostgresDatabase, subscriber: int) -> list[str]:
    """The ids of everything queued for a subscriber, in order."""
    async with store.transaction() as tx:
        rows = await tx.fetch("select notice_id from delivery where subscriber_id = $1 order by id", subscriber)
    return [row["notice_id"] for row in rows]
