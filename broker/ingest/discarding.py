"""Giving up records that were set aside: what they held has an outcome too, so that the books balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from broker.ingest.writer import GROUP as WRITER
from broker.ports import OBSERVATIONS, Record, Transaction
from broker.store.accounting import DISCARDED, RECEIVED, Ledger
from broker.store.parked import give_up
from schemas.observation import Received, Tally, decode_arrival

DETECTIONS = "presence"
"""The consumer that books detections; the writer books all else, and the others nothing."""


async def discard(tx: Transaction, numbers: Sequence[int], reason: str, by: str, at: datetime) -> int:
    """Give records up for good and book what each held as received and discarded. Returns how many records.

    A record of a consumer that books nothing (one of changes, say) has its own row for a book. Raises `NotFound` and
    `Invalid` as `give_up`.
    """
    ledger = Ledger()
    given_up = await give_up(tx, numbers, reason, by, at)
    for consumer, record in given_up:
        if record.topic == OBSERVATIONS and consumer in (WRITER, DETECTIONS):
            _book(ledger, consumer, record)
    await ledger.save(tx)
    return len(given_up)


def _book(ledger: Ledger, consumer: str, record: Record) -> None:
    try:
        arrival = decode_arrival(record.value)
    except msgspec.DecodeError:
        # What it held cannot be told any more: it counts as one, once, of the device and the day that are known of it.
        tenant, _, device = record.key.decode(errors="replace").partition("/")
        held, received_at = Counter({device: 1} if consumer == WRITER else {}), record.appended_at
    else:
        tenant, received_at = arrival.tenant, arrival.received_at
        held = _of_tally(arrival, consumer) if isinstance(arrival, Tally) else _of_message(arrival, consumer)
    for device, count in held.items():
        ledger.add(tenant, device, received_at, RECEIVED, count)
        ledger.add(tenant, device, received_at, DISCARDED, count)


def _of_tally(tally: Tally, consumer: str) -> Counter[str]:
    return Counter({tally.device: tally.count}) if consumer == WRITER else Counter()


def _of_message(arrival: Received, consumer: str) -> Counter[str]:
    if consumer == DETECTIONS:
        return Counter(one.device for one in arrival.detections)
    rejected = Counter(one.device or arrival.device for one in arrival.rejections)
    return Counter(one.device for one in arrival.observations) + rejected
