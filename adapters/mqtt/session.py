"""Sessions: what outlives a connection (MQTT 5.0, 4.1). Kept in memory; no sockets, and the time is passed in.

A session belongs to a device, so that no device can take over another's by borrowing its client identifier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from access.topics import matches, may_subscribe
from adapters.mqtt.downlink import Outbox
from adapters.mqtt.settings import EndpointSettings
from broker.errors import CityError
from broker.ingest.ports import Principal

if TYPE_CHECKING:
    from adapters.mqtt.peer import Peer, Pending


class TooManySessions(CityError):
    """The device keeps as many sessions as it may, and all of them are connected."""


class Subscription(NamedTuple):
    """What was granted for one filter."""

    qos: int
    identifier: int | None


@dataclass(eq=False, slots=True)
class Session:
    """One client identifier of one device.

    `incoming` holds the QoS 2 messages that have come and are not yet released, so that each is offered once.
    `expiry` is how many seconds the session outlives its connection; `ends_at` when it will end, once it is alone.
    """

    tenant: str
    device: str
    client_id: str
    outbox: Outbox
    expiry: float = 0.0
    ends_at: float | None = None
    peer: Peer | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    incoming: dict[int, Pending] = field(default_factory=dict)

    def wants(self, topic: str) -> Subscription | None:
        """The strongest of the subscriptions that name `topic`, or None when there is none."""
        named = [granted for filter, granted in self.subscriptions.items() if matches(filter, topic)]
        return max(named, key=lambda granted: granted.qos, default=None)

    def identifiers(self, topic: str) -> tuple[int, ...]:
        """The subscription identifiers to send along with a message on `topic` (5.0, 3.3.4)."""
        found = (granted.identifier for filter, granted in self.subscriptions.items() if matches(filter, topic))
        return tuple(identifier for identifier in found if identifier is not None)


class Opened(NamedTuple):
    """A session for a new connection: whether it was there before, and the connection it is taken from."""

    session: Session
    present: bool
    displaced: Peer | None


class Sessions:
    """All sessions of this process, by device and client identifier."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._devices: dict[tuple[str, str], dict[str, Session]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._devices.values()))

    def of(self, tenant: str, device: str) -> Iterable[Session]:
        """The sessions of one device."""
        return list(self._devices.get((tenant, device), {}).values())

    def open(self, principal: Principal, client_id: str, *, clean: bool, expiry: float) -> Opened:
        """The session for a connection that was admitted. Raises `TooManySessions`.

        A device with as many sessions as it may keep loses the one that has been without connection longest.
        """
        own = self._devices.setdefault((principal.tenant, principal.device), {})
        existing = own.get(client_id)
        displaced = existing.peer if existing else None
        present = existing is not None and not clean
        if existing is not None and clean:
            self._end(existing)
            existing = None
        if existing is None:
            self._make_room(own)
            existing = self._new(principal, client_id)
            own = self._devices.setdefault((principal.tenant, principal.device), {})
            own[client_id] = existing
        existing.expiry = expiry
        existing.ends_at = None
        for filter in [each for each in existing.subscriptions if not may_subscribe(principal.subscribe, each)]:
            del existing.subscriptions[filter]
        return Opened(existing, present, displaced)

    def close(self, session: Session, peer: Peer, now: float) -> None:
        """The connection `peer` has ended. Does nothing when another has taken the session over."""
        if session.peer is not peer:
            return
        session.peer = None
        if session.expiry <= 0:
            self._end(session)
        else:
            session.ends_at = now + session.expiry

    def expire(self, now: float) -> None:
        """End the sessions whose time is over, and the commands whose time is."""
        for own in list(self._devices.values()):
            for session in list(own.values()):
                if session.ends_at is not None and session.ends_at <= now:
                    self._end(session)
                else:
                    session.outbox.expire(now)

    def _new(self, principal: Principal, client_id: str) -> Session:
        limits = self._settings
        outbox = Outbox(most=limits.downlink_queue, most_bytes=limits.downlink_queue_bytes)
        return Session(principal.tenant, principal.device, client_id, outbox)

    def _make_room(self, own: dict[str, Session]) -> None:
        if len(own) < self._settings.sessions_per_device:
            return
        alone = [session for session in own.values() if session.ends_at is not None]
        if not alone:
            raise TooManySessions(f"a device may keep {self._settings.sessions_per_device} sessions at once")
        self._end(min(alone, key=lambda session: (session.ends_at or 0.0) - session.expiry))

    def _end(self, session: Session) -> None:
        session.outbox.abandon()
        session.ends_at = None
        own = self._devices.get((session.tenant, session.device), {})
        if own.get(session.client_id) is session:
            del own[session.client_id]
        if not own:
            self._devices.pop((session.tenant, session.device), None)
