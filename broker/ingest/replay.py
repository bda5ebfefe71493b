"""Sending in again: rejected messages after their cause is gone, and the log's messages after a decoder was mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from broker.ingest.intake import record_of
from broker.ingest.judge import Judge
from broker.ingest.ports import Inbound
from broker.ports import OBSERVATIONS, Database, Log, Record
from broker.store.rejected import RejectedFilter, Replayable, mark_replayed, newest, to_replay
from schemas.clock import Clock
from schemas.observation import Received, decode_arrival

_READ = 500


async def replay_rejected(database: Database, log: Log, judge: Judge, which: RejectedFilter, clock: Clock) -> int:
    """Judge rejected messages anew and put them on the log; returns how many messages.

    Those rejected until now: what is rejected again has a new number and waits for another run.
    They are marked only once they are durable there; a second run after a crash may send some twice, and the
    writer counts those as duplicates.
    """
    count, last = 0, 0
    async with database.transaction() as tx:
        until = await newest(tx)
    while True:
        async with database.transaction() as tx:
            found = await to_replay(tx, which, last, until)
        if not found:
            return count
        messages = {(r.sender, r.topic, r.payload, r.received_at): _again(which.tenant, r) for r in found}
        await log.append(OBSERVATIONS, [record_of(judge.judge(message)) for message in messages.values()])
        async with database.transaction() as tx:
            await mark_replayed(tx, [row.id for row in found], clock())
        count += len(messages)
        last = found[-1].id


async def replay_log(log: Log, judge: Judge, tenant: str, family: str, start: datetime, end: datetime) -> int:
    """Decode anew what `family`'s devices sent between two arrival times; returns how many messages.

    What comes out the same is a duplicate, what comes out otherwise a correction: nothing is lost or overwritten.
    """
    count = 0
    first, last = await log.offsets_at(OBSERVATIONS, start), await log.offsets_at(OBSERVATIONS, end)
    for partition, offset in sorted(first.items()):
        count += await _replay_partition(log, judge, (tenant, family), partition, offset, last)
    return count


async def _replay_partition(
    log: Log, judge: Judge, wanted: tuple[str, str], partition: int, offset: int, last: Mapping[int, int]
) -> int:
    count = 0
    while offset < last[partition]:
        records = await log.read(OBSERVATIONS, partition, offset, limit=_READ)
        if not records:
            break
        again = _messages([record for record in records if record.offset < last[partition]], wanted)
        if again:
            await log.append(OBSERVATIONS, [record_of(judge.judge(message)) for message in again])
        count += len(again)
        offset = records[-1].offset + 1
    return count


def _messages(records: Sequence[Record], wanted: tuple[str, str]) -> list[Inbound]:
    arrivals = (decode_arrival(record.value) for record in records)
    return [
        Inbound(a.tenant, a.device, a.topic, a.payload, a.received_at, "replay")
        for a in arrivals
        if isinstance(a, Received) and (a.tenant, a.family) == wanted and a.payload
    ]


def _again(tenant: str, row: Replayable) -> Inbound:
    return Inbound(tenant, row.sender, row.topic, row.payload, row.received_at, "replay")
