"""Group commit: merging, order, back-pressure and failures, with a commit that the test opens and closes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from broker.errors import Invalid, Unavailable
from broker.log.gathering import Gathering
from broker.log.settings import GatheringSettings
from broker.ports import MAX_RECORD_BYTES, NewRecord


class Store:
    """Keeps what was committed, while its gate is open; fails when told to."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.commits: list[dict[str, list[bytes]]] = []
        self.error: Exception | None = None

    async def __call__(self, merged: Mapping[str, Sequence[NewRecord]]) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.commits.append({topic: [record.value for record in records] for topic, records in merged.items()})


def one(value: str) -> list[NewRecord]:
    return [NewRecord(b"k", value.encode())]


async def started(gathering: Gathering, *values: str, topic: str = "observations") -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(gathering.add(topic, one(value))) for value in values]
    await asyncio.sleep(0.01)
    return tasks


async def test_appends_during_a_commit_share_the_next() -> None:
    store = Store()
    gathering = Gathering(store, GatheringSettings())
    tasks = await started(gathering, "first")
    tasks += await started(gathering, "a", "b", "c")
    tasks += await started(gathering, "x", topic="changes")
    store.gate.set()
    await asyncio.gather(*tasks)
    assert store.commits == [
        {"observations": [b"first"]},
        {"observations": [b"a", b"b", b"c"], "changes": [b"x"]},
    ]


async def test_a_commit_is_bounded_in_records_and_bytes() -> None:
    store = Store()
    store.gate.set()
    gathering = Gathering(store, GatheringSettings(commit_records=3, commit_bytes=20))
    await gathering.add("observations", [NewRecord(b"k", b"%d" % n) for n in range(7)])
    await gathering.add("observations", [NewRecord(b"k", bytes(9)), NewRecord(b"k", bytes(9)), NewRecord(b"k", b"")])
    sizes = [len(commit["observations"]) for commit in store.commits]
    assert sizes == [3, 3, 1, 2, 1]


async def test_a_full_queue_makes_callers_wait_in_their_order() -> None:
    store = Store()
    gathering = Gathering(store, GatheringSettings(commit_bytes=4, waiting_bytes=8))
    tasks = await started(gathering, *(f"{number:03d}" for number in range(20)))
    assert not any(task.done() for task in tasks)
    store.gate.set()
    await asyncio.gather(*tasks)
    committed = [value for commit in store.commits for value in commit["observations"]]
    assert committed == [f"{number:03d}".encode() for number in range(20)]


async def test_a_failed_commit_fails_its_own_callers_only() -> None:
    store = Store()
    gathering = Gathering(store, GatheringSettings())
    lost = await started(gathering, "a", "b")
    store.error = Unavailable("the log is away")
    store.gate.set()
    for task in lost:
        with pytest.raises(Unavailable, match="away"):
            await task
    store.error = None
    await gathering.add("observations", one("c"))
    assert store.commits == [{"observations": [b"c"]}]


async def test_a_caller_that_gives_up_harms_nobody() -> None:
    store = Store()
    gathering = Gathering(store, GatheringSettings())
    impatient, patient = await started(gathering, "a", "b")
    impatient.cancel()
    await asyncio.sleep(0.01)
    store.gate.set()
    await patient
    assert impatient.cancelled()
    assert store.commits == [{"observations": [b"a", b"b"]}]


async def test_a_record_too_large_is_refused_before_anything_is_stored() -> None:
    store = Store()
    store.gate.set()
    gathering = Gathering(store, GatheringSettings())
    with pytest.raises(Invalid):
        await gathering.add("observations", [*one("fine"), NewRecord(b"k", bytes(MAX_RECORD_BYTES + 1))])
    assert store.commits == []


async def test_closing_finishes_what_was_taken_and_takes_no_more() -> None:
    store = Store()
    gathering = Gathering(store, GatheringSettings())
    tasks = await started(gathering, "a", "b")
    closing = asyncio.create_task(gathering.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    store.gate.set()
    await closing
    await asyncio.gather(*tasks)
    assert store.commits == [{"observations": [b"a", b"b"]}]
    with pytest.raises(Unavailable, match="closed"):
        await gathering.add("observations", one("c"))
