"""Commands on their way down to one session: waiting, sent, acknowledged. No sockets and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class DeliveryState(StrEnum):
    """How far a command came."""

    QUEUED = "queued"
    """Kept for a session whose device is away or busy."""
    SENT = "sent"
    """Written to the device's connection; at QoS 0 no more will ever be known."""
    ACKNOWLEDGED = "acknowledged"
    """The device has it (PUBACK, or PUBCOMP at QoS 2)."""
    REFUSED = "refused"
    """Not taken: the session's queue is full, the device's packet limit too small, or the device refused it."""
    EXPIRED = "expired"
    """Its time, or its session, ended before the device had it."""
    NOBODY = "nobody"
    """No session of the device has subscribed to the topic here."""


@dataclass(eq=False, slots=True)
class Downlink:
    """One command for one session. `expires_at` is in the caller's monotonic seconds."""

    topic: str
    payload: bytes
    qos: int
    subscription_ids: tuple[int, ...] = ()
    expires_at: float | None = None
    on_change: Callable[[DeliveryState], None] | None = None
    state: DeliveryState = DeliveryState.QUEUED
    packet_id: int = 0
    released: bool = False

    def become(self, state: DeliveryState) -> None:
        """Change state and tell who asked to know."""
        if state is not self.state:
            self.state = state
            if self.on_change is not None:
                self.on_change(state)


class Outbox:
    """The commands of one session, in order. Overflow rule: what is kept stays, the newest is refused."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: deque[Downlink] = deque()
        self._inflight: dict[int, Downlink] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._inflight)

    def offer(self, downlink: Downlink) -> bool:
        """Keep a command; False when there is no room for it."""
        if len(self) >= self._most or self._bytes + len(downlink.payload) > self._most_bytes:
            return False
        self._waiting.append(downlink)
        self._bytes += len(downlink.payload)
        return True

    def take(self, window: int, now: float) -> Iterator[Downlink]:
        """The next to send while fewer than `window` are unacknowledged; each at QoS 1 or 2 gets its packet id."""
        while self._waiting and len(self._inflight) < window:
            downlink = self._waiting.popleft()
            if downlink.expires_at is not None and downlink.expires_at <= now:
                self._forget(downlink, DeliveryState.EXPIRED)
                continue
            if downlink.qos:
                downlink.packet_id = self._free_id()
                self._inflight[downlink.packet_id] = downlink
            else:
                self._bytes -= len(downlink.payload)
            yield downlink

    def inflight(self) -> list[Downlink]:
        """What was sent and not acknowledged, in the order it was sent (to repeat after a reconnection, 4.4)."""
        return list(self._inflight.values())

    def received(self, packet_id: int, *, refused: bool) -> bool:
        """PUBREC came. Whether the packet id is one of ours that awaits its release."""
        downlink = self._inflight.get(packet_id)
        if downlink is None or downlink.qos != 2:
            return False
        if refused:
            self.settle(packet_id, refused=True)
        else:
            downlink.released = True
        return not refused

    def settle(self, packet_id: int, *, refused: bool = False) -> None:
        """PUBACK or PUBCOMP came (or the packet could not be sent at all). Unknown ids are ignored."""
        downlink = self._inflight.pop(packet_id, None)
        if downlink is not None:
            self._forget(downlink, DeliveryState.REFUSED if refused else DeliveryState.ACKNOWLEDGED)

    def expire(self, now: float) -> None:
        """Let go of the waiting whose time is over."""
        over = [each for each in self._waiting if each.expires_at is not None and each.expires_at <= now]
        for downlink in over:
            self._waiting.remove(downlink)
            self._forget(downlink, DeliveryState.EXPIRED)

    def abandon(self) -> None:
        """The session ends: nothing of this will be delivered any more."""
        for downlink in [*self._inflight.values(), *self._waiting]:
            self._forget(downlink, DeliveryState.EXPIRED)
        self._inflight.clear()
        self._waiting.clear()

    def _forget(self, downlink: Downlink, state: DeliveryState) -> None:
        self._bytes -= len(downlink.payload)
        downlink.become(state)

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._inflight:
                return self._last_id
