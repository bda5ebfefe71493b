"""The city's own MQTT endpoint: MQTT 3.1.1 and 5.0 for devices, acknowledged only when the log has the record.

Not a broker: what a device publishes goes to the intake and nowhere else, and what it may hear are the commands
that `Endpoint.deliver` sends to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import ssl
from collections import deque
from collections.abc import Callable

import mqtt5

from adapters.mqtt.connection import WAY, Connection
from adapters.mqtt.counters import EndpointCounters
from adapters.mqtt.downlink import DeliveryState, Downlink
from adapters.mqtt.handshake import Refused, accept, check_will, negotiate
from adapters.mqtt.packets.codec import Codec
from adapters.mqtt.patience import until
from adapters.mqtt.peer import Peer
from adapters.mqtt.session import Session, Sessions, TooManySessions
from adapters.mqtt.settings import EndpointSettings
from adapters.mqtt.tls import renew, server_context
from adapters.mqtt.wills import Wills
from broker.errors import Invalid
from broker.ingest.ports import Credentials, Doorkeeper, Inbound, Intake, Principal
from schemas.clock import Clock, utc_now

Oversized = Callable[[Principal, str | None, int], None]
"""Told of a packet that was too large to take: who sent it, the topic where it can be seen, and its size in bytes."""

_SESSION_TAKEN_OVER = 0x8E
_NOT_AUTHORIZED = 0x87
_SERVER_SHUTTING_DOWN = 0x8B
_UNSPECIFIED = 0x80
_SWEEP = 5.0
_GRACE = 2.0
_NO_PROGRESS = 0.005
_BACKLOG = 2048
_FINAL = frozenset({DeliveryState.ACKNOWLEDGED, DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.NOBODY})
_RANK = (
    DeliveryState.NOBODY,
    DeliveryState.EXPIRED,
    DeliveryState.REFUSED,
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.ACKNOWLEDGED,
)
_log = logging.getLogger(__name__)


def _uncounted(principal: Principal, topic: str | None, size: int) -> None:
    _log.warning("%s sent %d bytes to %s: too large", principal.device, size, topic)


class Endpoint:
    """Listens, admits devices, hands what they send to the intake, and brings them their commands."""

    def __init__(
        self,
        intake: Intake,
        doorkeeper: Doorkeeper,
        settings: EndpointSettings,
        *,
        clock: Clock = utc_now,
        counters: EndpointCounters | None = None,
        oversize: Oversized = _uncounted,
    ) -> None:
        self.intake = intake
        self.settings = settings
        self.clock = clock
        self.counters = counters or EndpointCounters()
        self.oversize = oversize
        self.stopping = False
        self._doorkeeper = doorkeeper
        self._sessions = Sessions(settings)
        self._wills = Wills(intake, self.counters)
        self._connections: set[Connection] = set()
        self._of_peer: dict[Peer, Connection] = {}
        self._stalled: deque[Connection] = deque()
        self._any_stalled = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._tls: ssl.SSLContext | None = None
        self.port: int | None = None
        """The port without TLS, once started."""
        self.tls_port: int | None = None
        """The port with TLS, once started."""

    async def start(self) -> None:
        """Listen. Raises `Invalid` for certificates or ports that are no good."""
        settings = self.settings
        if settings.port is not None:
            self.port = await self._listen(settings.port, None, "port")
        if settings.tls_port is not None:
            self._tls = server_context(settings)
            self.tls_port = await self._listen(settings.tls_port, self._tls, "tls_port")
        self._tasks = [
            asyncio.create_task(self._unstall(), name="mqtt: retry the stalled"),
            asyncio.create_task(self._sweep(), name="mqtt: end sessions"),
            asyncio.create_task(self._wills.run(), name="mqtt: last wills"),
        ]

    async def stop(self) -> None:
        """Accept and read no more, give acknowledgements under way two seconds to leave, and close everything.

        Last wills are not said: not the devices are going.
        """
        self.stopping = True
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.hush()
        await until(lambda: not any(connection.waiting for connection in self._connections), within=_GRACE)
        for connection in list(self._connections):
            connection.close(_SERVER_SHUTTING_DOWN, "the endpoint is stopping; connect again", quiet=True)
        await self._wills.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    def reload_certificates(self) -> None:
        """Use renewed certificate files for the connections to come. Raises `Invalid` and keeps the old ones."""
        if self._tls is not None:
            renew(self._tls, self.settings)

    async def deliver(
        self,
        tenant: str,
        device: str,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        expires_in: float | None = None,
        wait: float = 0.0,
        on_change: Callable[[DeliveryState], None] | None = None,
    ) -> DeliveryState:
        """Send a command to the sessions of a device that have subscribed to `topic`, and say how far it came.

        Away from here a command is kept for a persistent session, unless it is at QoS 0. `expires_in` seconds
        bound how long it may wait. `wait` up to so many seconds for the device's acknowledgement; `on_change` is
        called with every later state of each session's copy.
        """
        now = asyncio.get_running_loop().time()
        settled = asyncio.Event()
        copies: list[Downlink] = []

        def changed(state: DeliveryState) -> None:
            if state is DeliveryState.ACKNOWLEDGED or all(copy.state in _FINAL for copy in copies):
                settled.set()
            if on_change is not None:
                on_change(state)

        for session in self._sessions.of(tenant, device):
            copy = self._keep(session, Downlink(topic, payload, qos, on_change=changed), expires_in, now)
            if copy is not None:
                copies.append(copy)
        await asyncio.sleep(0)  # connected sessions write now
        if wait > 0 and any(copy.state not in _FINAL for copy in copies):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await settled.wait()
        return max((copy.state for copy in copies), key=_RANK.index, default=DeliveryState.NOBODY)

    def evict(self, still: Callable[[Principal], bool]) -> int:
        """End the connections of those who would not be admitted any more; how many those were."""
        gone = [(peer, connection) for peer, connection in self._of_peer.items() if not still(peer.principal)]
        for peer, connection in gone:
            connection.close(_NOT_AUTHORIZED, "this device may not speak any more")
            peer.close()
        return len(gone)

    # what connections call

    def enter(self, connection: Connection) -> bool:
        """A socket was accepted. False when there are too many."""
        self._connections.add(connection)
        self.counters.connections = len(self._connections)
        return len(self._connections) <= self.settings.max_connections and not self.stopping

    def leave(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(connection)
        self.counters.connections = len(self._connections)

    async def admit(
        self,
        connection: Connection,
        connect: mqtt5.ConnectPacket,
        credentials: Credentials,
        codec: Codec,
        wake: Callable[[], None],
    ) -> tuple[Peer, mqtt5.Packet]:
        """Check a device and open its session; the peer and the CONNACK for it. Raises `Refused`."""
        terms = negotiate(connect, codec, self.settings, f"city-{secrets.token_hex(8)}")
        principal = await self._doorkeeper.admit(credentials)
        if principal is None:
            raise Refused("these credentials are not accepted", mqtt5.ConnAckReasonCode.NOT_AUTHORIZED)
        check_will(connect, principal)
        try:
            session, present, displaced = self._sessions.open(
                principal, terms.client_id, clean=terms.clean, expiry=terms.expiry
            )
        except TooManySessions as error:
            raise Refused(str(error), mqtt5.ConnAckReasonCode.QUOTA_EXCEEDED) from error
        if displaced is not None:
            self._displace(displaced)
        self._wills.cancel(session)
        peer = Peer(codec, principal, session, terms, self.settings, will=connect.will, wake=wake)
        session.peer = peer
        self._of_peer[peer] = connection
        return peer, accept(terms, connect, self.settings, present=present)

    def ended(self, peer: Peer, now: float, *, quiet: bool) -> None:
        """An admitted connection is gone: keep or end its session, and say its last will if it had to go."""
        peer.close()
        self._of_peer.pop(peer, None)
        will, session = peer.will, peer.session
        taken_over = session.peer is not None and session.peer is not peer
        if will is not None and not quiet and not (taken_over and will.will_delay_interval):
            principal = peer.principal
            message = Inbound(
                principal.tenant, principal.device, will.topic, will.payload or b"", self.clock(), WAY, None
            )
            self._wills.publish(message, session, min(will.will_delay_interval, session.expiry))
        self._sessions.close(session, peer, now)

    def stalled(self, connection: Connection) -> None:
        """The intake had no room for a connection's message."""
        self.counters.stalls += 1
        self._stalled.append(connection)
        self._any_stalled.set()

    def unwaited(self, error: BaseException | None) -> None:
        """The intake's answer to a message at QoS 0."""
        if error is not None:
            self.counters.lost_qos0 += 1

    # the rest

    async def _listen(self, port: int, context: ssl.SSLContext | None, field: str) -> int:
        host = self.settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise Invalid(f"cannot listen on {host} port {port}: {error.strerror or error}", field=field) from error
        # Accepted sockets inherit it: it finds the dead among 3.1.1 devices that agreed no keep-alive.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self),
            sock=listener,
            backlog=_BACKLOG,
            ssl=context,
            ssl_handshake_timeout=self.settings.connect_timeout if context else None,
        )
        self._servers.append(server)
        return int(listener.getsockname()[1])

    def _displace(self, peer: Peer) -> None:
        self.counters.taken_over += 1
        connection = self._of_peer.get(peer)
        if connection is not None:
            connection.close(_SESSION_TAKEN_OVER, "another connection has taken this session over")
        peer.close()

    def _keep(self, session: Session, downlink: Downlink, expires_in: float | None, now: float) -> Downlink | None:
        """A copy of a command for one session; None when it has not asked for it or cannot have it."""
        granted = session.wants(downlink.topic)
        if granted is None:
            return None
        downlink.qos = min(downlink.qos, granted.qos)
        if session.peer is None and not downlink.qos:
            return None
        downlink.subscription_ids = session.identifiers(downlink.topic)
        downlink.expires_at = None if expires_in is None else now + expires_in
        if not session.outbox.offer(downlink):
            downlink.become(DeliveryState.REFUSED)
        elif session.peer is not None:
            session.peer.wake()
        return downlink

    async def _unstall(self) -> None:
        """Whenever there is room again, let the stalled connections go on in turn."""
        while True:
            await self._any_stalled.wait()
            await self.intake.room()
            taken = [self._stalled.popleft() for _ in range(len(self._stalled))]
            progress = False
            for connection in taken:
                try:
                    taken_up = connection.retry()
                except Exception:  # the others wait for this loop
                    _log.exception("a connection failed when there was room again, and is ended")
                    connection.close(_UNSPECIFIED, "the message could not be handled")
                    continue
                progress |= taken_up
                if not taken_up:
                    self._stalled.append(connection)
            if not self._stalled:
                self._any_stalled.clear()
            await asyncio.sleep(0 if progress else _NO_PROGRESS)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            self._sessions.expire(asyncio.get_running_loop().time())
