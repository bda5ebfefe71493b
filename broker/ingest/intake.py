"""The one entrance of ingest: a bounded queue, a rate for each device, nothing acknowledged before it is durable."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from broker import telemetry
from broker.errors import Unavailable
from broker.ingest.judge import Judge
from broker.ingest.limiter import RateLimiter
from broker.ingest.ports import Done, Inbound
from broker.ingest.settings import IntakeSettings
from broker.ports import MAX_RECORD_BYTES, OBSERVATIONS, Log, NewRecord
from schemas.clock import Clock, utc_now
from schemas.observation import Reason, Received, Rejection, Tally, encode_arrival

_log = logging.getLogger(__name__)
_APPEND_SECONDS = 30.0
_LONGEST_PAUSE = 2.0
_TRACE_EVERY = 500
"""Of so many batches one begins a trace, where no device sent one."""


class _Waiting(NamedTuple):
    message: Inbound
    done: Done


class LogIntake:
    """Implements `broker.ingest.ports.Intake` over the log.

    While the log is away the batch is tried again until it is back: nothing is lost or refused meanwhile, the queue
    fills, and the devices wait. (A batch tried twice may be in the log twice; the writer counts it once.)

    Overflow rule: when `queue_messages` or `queue_bytes` wait, `offer` refuses and the way in stops reading from
    its peer, so the devices themselves hold what does not fit. A device over its rate is not stored; its
    messages are counted (`Tally`) and acknowledged once the count is durable.
    """

    def __init__(
        self,
        log: Log,
        judge: Judge,
        is_network: Callable[[str, str], bool],
        settings: IntakeSettings,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._judge = judge
        self._is_network = is_network
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._device_limit = RateLimiter(settings.device_rate, settings.device_burst)
        self._network_limit = RateLimiter(settings.network_rate, int(settings.network_rate))
        self._waiting: list[_Waiting] = []
        self._tallies: Counter[tuple[str, str, Reason]] = Counter()
        self._bytes = 0
        self._batches = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.accepted = 0

    @property
    def depth(self) -> int:
        """Messages that wait for the log."""
        return len(self._waiting)

    def offer(self, message: Inbound, done: Done) -> bool:
        """See `broker.ingest.ports.Intake.offer`."""
        if not self._room.is_set():
            return False
        self._waiting.append(_Waiting(message, done))
        self._bytes += len(message.payload)
        if len(self._waiting) >= self._settings.queue_messages or self._bytes >= self._settings.queue_bytes:
            self._room.clear()
        self._arrived.set()
        return True

    def count(self, tenant: str, device: str, reason: Reason) -> None:
        """Count a message that never became one (a packet too large to be read, say); durable with the next batch."""
        self._tallies[tenant, device, reason] += 1
        self._arrived.set()

    async def room(self) -> None:
        """See `broker.ingest.ports.Intake.room`."""
        await self._room.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Move messages to the log until `stop`; then once more what still waits."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while self._waiting or self._tallies or not stop.is_set():
                if self._waiting or self._tallies:
                    await self._move_batch(stop)
                    continue
                self._arrived.clear()
                arrival = asyncio.ensure_future(self._arrived.wait())
                await asyncio.wait({arrival, stopping}, return_when=asyncio.FIRST_COMPLETED)
                arrival.cancel()
        finally:
            stopping.cancel()

    async def _move_batch(self, stop: asyncio.Event) -> None:
        batch = self._waiting[: self._settings.batch_messages]
        self._batches += 1
        telemetry.QUEUE_DEPTH.set(len(self._waiting))
        given = [message.trace for message, _ in batch]
        with telemetry.spans("receive", given, sampled=self._batches % _TRACE_EVERY == 0) as traces:
            error = await self._append(self._records(batch, traces), stop)
        del self._waiting[: len(batch)]
        self._bytes -= sum(len(item.message.payload) for item in batch)
        self._room.set()
        if error is None:
            self.accepted += len(batch)
            for way, count in Counter(message.way for message, _ in batch).items():
                telemetry.ACCEPTED.add(count, {"way": way})
        for item in batch:
            item.done(error)

    async def _append(self, records: Sequence[NewRecord], stop: asyncio.Event) -> Unavailable | None:
        """Append, again and again while the log is away; give up only when told to stop."""
        pause = 0.1
        while True:
            try:
                async with asyncio.timeout(_APPEND_SECONDS):
                    started = self._monotonic()
                    await self._log.append(OBSERVATIONS, records)
                telemetry.APPEND_TIME.record(self._monotonic() - started)
                return None
            except Unavailable as error:
                failure = error
            except TimeoutError:
                failure = Unavailable(f"the log did not answer within {_APPEND_SECONDS:.0f} s")
            _log.warning("%d records wait for the log: %s", len(records), failure)
            if stop.is_set():
                return failure
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _records(self, batch: Sequence[_Waiting], traces: Sequence[str | None]) -> list[NewRecord]:
        now = self._monotonic()
        tallies, self._tallies = self._tallies, Counter()
        records: list[NewRecord] = []
        for (message, _), trace in zip(batch, traces, strict=True):
            made = self._record(message if trace is message.trace else message._replace(trace=trace), now)
            if isinstance(made, NewRecord):
                records.append(made)
            else:
                tallies[message.tenant, *made] += 1
        for (tenant, device, reason), count in tallies.items():
            tally = Tally(tenant=tenant, device=device, reason=reason, count=count, received_at=self._clock())
            records.append(NewRecord(_key(tenant, device), encode_arrival(tally)))
        return records

    def _record(self, message: Inbound, now: float) -> NewRecord | tuple[str, Reason]:
        """The message's record, or the device and the reason under which it is only counted."""
        if len(message.payload) > self._settings.max_payload:
            return message.sender, Reason.TOO_LARGE
        network = self._is_network(message.tenant, message.sender)
        sender_limit = self._network_limit if network else self._device_limit
        if not sender_limit.allow((message.tenant, message.sender), now):
            return message.sender, Reason.RATE_LIMITED
        received = self._judge.judge(message)
        device = _device_of(received)
        if network and not self._device_limit.allow((message.tenant, device), now):
            return device, Reason.RATE_LIMITED
        record = record_of(received)
        if len(record.value) > MAX_RECORD_BYTES:
            return device, Reason.TOO_LARGE
        return record


def record_of(received: Received) -> NewRecord:
    """The message's record, keyed by the device it is about: one device's records stay in order.

    A value that an adapter let pass and no record can hold makes the message a rejection, with its bytes.
    """
    try:
        return NewRecord(_key(received.tenant, _device_of(received)), encode_arrival(received))
    except (ValueError, OverflowError) as error:  # half a character, a number beyond 64 bits
        _log.error("the decoder of %s gave what no record can hold: %s", received.family, type(error).__name__)
        return record_of(_refused(received))


def _refused(received: Received) -> Received:
    detail = f"the decoder of {received.family} gave a value that cannot be kept; the bytes are, to be replayed"
    refusal = Rejection(reason=Reason.DECODER_FAILED, detail=detail)
    return msgspec.structs.replace(received, observations=(), detections=(), rejections=(refusal,))


def _device_of(received: Received) -> str:
    if received.observations:
        return received.observations[0].device
    if received.detections:
        return received.detections[0].device
    return next((r.device for r in received.rejections if r.device), received.device)


def _key(tenant: str, device: str) -> bytes:
    return f"{tenant}/{device}".encode()
