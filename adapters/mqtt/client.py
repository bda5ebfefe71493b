"""The second way in: a client of an existing broker, through paho-mqtt (which `publisher.py` beside it knows, too).

The guarantee starts at our acknowledgement: a message is acknowledged to the broker when the log has its record, on
the connection it came on and on no other; until then the broker keeps it for our session, as far as its own
settings go (see deploy/mosquitto.conf). paho is driven by the event loop, without a thread of its own, so a message
that finds no room stops the reading of the socket, and TCP and the receive maximum hold the broker back.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from paho.mqtt.client import Client, MQTTMessage, error_string
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from adapters.mqtt.settings import BrokerClientSettings
from broker.errors import Unavailable
from broker.ingest.ports import Done, Inbound, Intake
from schemas.clock import Clock, utc_now

WAY = "mqtt-client"
"""How messages that came in here are marked (`Inbound.way`)."""

_MISC_SECONDS = 1.0
_READS_AT_ONCE = 100
_NO_PROGRESS = 0.005
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BrokerClientCounters:
    """Counts since the start, as plain numbers that telemetry reads when it is asked."""

    connected: int = 0
    """1 while connected."""
    connections: int = 0
    received_qos0: int = 0
    received_qos1: int = 0
    lost_qos0: int = 0
    not_stored: int = 0
    unreadable_topics: int = 0
    """Messages whose topic is not UTF-8: acknowledged without a record, since a record has no such topic."""
    stalls: int = 0


class _Pending:
    """A message that the broker awaits our acknowledgement for, in its place in the order of arrival."""

    __slots__ = ("mid", "settled")

    def __init__(self, mid: int) -> None:
        self.mid = mid
        self.settled = False


class _Link:
    """One connection: what is unacknowledged on it ends with it. `news` is set when it is lost or holds something."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.pending: deque[_Pending] = deque()
        self.held: deque[tuple[Inbound, Done]] = deque()
        self.news = asyncio.Event()
        self.lost = False
        self.failure: BaseException | None = None
        self.reading = False
        self.writing = False
        self.flushing = False

    def lose(self) -> None:
        self.lost = True
        self.news.set()


class BrokerClient:
    """Takes from a broker what `settings.subscriptions` name and hands it to the intake."""

    def __init__(
        self,
        intake: Intake,
        settings: BrokerClientSettings,
        *,
        clock: Clock = utc_now,
        counters: BrokerClientCounters | None = None,
    ) -> None:
        self.counters = counters or BrokerClientCounters()
        self.connected = asyncio.Event()
        self._intake = intake
        self._settings = settings
        self._clock = clock
        self._link: _Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._accepted: asyncio.Future[None] | None = None
        self._arrivals = 0
        self._client = self._build()

    async def start(self) -> None:
        """Begin to connect, and go on for ever. `connected` is set while the broker grants all subscriptions."""
        self._task = asyncio.create_task(self._live(), name=f"mqtt client of {self._settings.host}")

    async def stop(self) -> None:
        """Say goodbye; the broker keeps our session and what we have not acknowledged."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # connecting

    def _build(self) -> Client:
        settings = self._settings
        five = settings.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, password)
        if settings.tls:
            client.tls_set_context(self._tls())
        client.connect_timeout = settings.connect_timeout
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_more_to_write
        return client

    def _tls(self) -> ssl.SSLContext:
        settings = self._settings
        authorities = str(settings.tls_authorities) if settings.tls_authorities else None
        context = ssl.create_default_context(cafile=authorities)
        if settings.tls_certificate is not None:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        return context

    async def _live(self) -> None:
        pause = self._settings.backoff_min
        while True:
            try:
                await self._visit()
                pause = self._settings.backoff_min
            except (OSError, TimeoutError, Unavailable) as error:
                _log.warning("broker %s:%s: %s", self._settings.host, self._settings.port, error or "no answer")
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._settings.backoff_max)

    async def _visit(self) -> None:
        """One connection from beginning to end. Raises when it did not come about or we could not store."""
        self._accepted = asyncio.get_running_loop().create_future()
        sock = await asyncio.to_thread(self._dial)
        link = self._link = _Link(sock)
        try:
            self._regulate(link)
            self._write(link)
            async with asyncio.timeout(self._settings.connect_timeout):
                await self._accepted
            self.counters.connections += 1
            self.counters.connected = 1
            self.connected.set()
            await self._attend(link)
        finally:
            self._hang_up(link)
        if link.failure is not None:
            raise Unavailable(f"a message could not be stored and is left with the broker: {link.failure}")

    def _dial(self) -> socket.socket:
        """Connect (in a thread: paho resolves names and shakes hands while blocking)."""
        settings = self._settings
        options: dict[str, Any] = {}
        if settings.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = settings.session_expiry
            properties.ReceiveMaximum = settings.receive_maximum
            properties.MaximumPacketSize = settings.max_packet_bytes
            options = {"clean_start": False, "properties": properties}
        self._client.connect(settings.host, settings.port, settings.keep_alive, **options)
        sock = self._client.socket()
        if sock is None:
            raise Unavailable("the broker closed the connection at once")
        return cast("socket.socket", sock)

    async def _attend(self, link: _Link) -> None:
        """Keep the connection alive, and place what is held as soon as there is room."""
        loop = asyncio.get_running_loop()
        tick = loop.time() + _MISC_SECONDS
        while not link.lost:
            link.news.clear()
            waiting: list[asyncio.Future[Any]] = [asyncio.create_task(link.news.wait())]
            if link.held:
                waiting.append(asyncio.ensure_future(self._intake.room()))
            try:
                await asyncio.wait(waiting, timeout=_MISC_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                room = link.held and waiting[-1].done()
            finally:
                for task in waiting:
                    task.cancel()
            if room and not self._place(link):
                await asyncio.sleep(_NO_PROGRESS)
            if loop.time() >= tick and not link.lost:
                tick = loop.time() + _MISC_SECONDS
                self._judge(link, self._client.loop_misc())

    def _hang_up(self, link: _Link) -> None:
        self.connected.clear()
        self.counters.connected = 0
        self.counters.lost_qos0 += sum(done == self._best_effort for _, done in link.held)
        link.held.clear()
        if self._client.socket() is not None:
            self._client.disconnect()
            self._client.loop_write()
        if self._client.socket() is not None:
            # paho closes only when it reads; a connection that we end is ended here.
            self._on_socket_close(self._client, None, link.sock)
            link.sock.close()
        link.lose()
        self._link = None

    def _on_connect(self, client: Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            self._refused(f"the broker does not let us in: {reason}")
            return
        five = self._settings.protocol == "5"
        qos = self._settings.qos
        wanted: list[Any] = [
            (each, SubscribeOptions(qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB) if five else qos)
            for each in self._settings.subscriptions
        ]
        client.subscribe(wanted)

    def _on_subscribe(self, _: Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Any) -> None:
        refused = [name for name, code in zip(self._settings.subscriptions, reasons, strict=False) if code.is_failure]
        if refused:
            self._refused(f"the broker refuses the subscriptions {', '.join(refused)}")
        elif self._accepted is not None and not self._accepted.done():
            self._accepted.set_result(None)

    def _refused(self, why: str) -> None:
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_exception(Unavailable(why))

    # messages

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        link = self._link
        if link is None:
            return
        self._arrivals += 1
        done: Done = self._best_effort
        if message.qos:
            self.counters.received_qos1 += 1
            pending = _Pending(message.mid)
            link.pending.append(pending)
            done = partial(self._settle, link, pending)
        else:
            self.counters.received_qos0 += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.counters.unreadable_topics += 1
            done(None)
            return
        settings = self._settings
        inbound = Inbound(
            settings.tenant,
            settings.device,
            topic,
            bytes(message.payload),
            self._clock(),
            WAY,
            _trace(message.properties),
        )
        if link.held or not self._intake.offer(inbound, done):
            if not link.held:
                self.counters.stalls += 1
                link.news.set()
            link.held.append((inbound, done))

    def _settle(self, link: _Link, pending: _Pending, error: BaseException | None) -> None:
        """The intake's answer. The broker hears of it on the connection that the message came on, or never."""
        if link.lost:
            return
        if error is not None:
            self.counters.not_stored += 1
            link.failure = error
            link.lose()
            return
        pending.settled = True
        queue = link.pending
        while queue and queue[0].settled:
            self._client.ack(queue.popleft().mid, 1)

    def _best_effort(self, error: BaseException | None) -> None:
        if error is not None:
            self.counters.lost_qos0 += 1

    def _place(self, link: _Link) -> bool:
        """Offer what is held, in order. Whether any of it was taken."""
        before = len(link.held)
        while link.held and not link.lost and self._intake.offer(*link.held[0]):
            link.held.popleft()
        self._regulate(link)
        return len(link.held) < before

    # the socket

    def _regulate(self, link: _Link) -> None:
        """Read on while what is held stays within the receive maximum, which holds a QoS 1 broker back by itself."""
        reading = not link.lost and len(link.held) < self._settings.receive_maximum
        if reading is link.reading:
            return
        link.reading = reading
        loop = asyncio.get_running_loop()
        if reading:
            loop.add_reader(link.sock, self._read, link)
            self._read(link)
        else:
            loop.remove_reader(link.sock)

    def _read(self, link: _Link) -> None:
        """Take what the socket has; up to a hundred packets, then others get their turn."""
        for _ in range(_READS_AT_ONCE):
            if link.lost or not link.reading:
                return
            before = self._arrivals
            self._judge(link, self._client.loop_read())
            if not link.lost:
                self._regulate(link)
            if self._arrivals == before and not _decrypted(link):
                return
        if not link.lost and _decrypted(link):
            asyncio.get_running_loop().call_soon(self._read, link)

    def _on_more_to_write(self, _: Client, __: Any, ___: Any) -> None:
        link = self._link
        if link is not None and not link.flushing:
            link.flushing = True
            asyncio.get_running_loop().call_soon(self._write, link)

    def _write(self, link: _Link) -> None:
        link.flushing = False
        if link.lost or self._client.socket() is None:
            return
        self._judge(link, self._client.loop_write())
        writing = not link.lost and self._client.want_write()
        if writing is not link.writing:
            link.writing = writing
            loop = asyncio.get_running_loop()
            if writing:
                loop.add_writer(link.sock, self._write, link)
            else:
                loop.remove_writer(link.sock)

    def _on_socket_close(self, _: Client, __: Any, sock: Any) -> None:
        link = self._link
        if link is None or link.sock is not sock:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)
        link.reading = link.writing = False
        link.lose()
        self._refused("the broker closed the connection")

    def _judge(self, link: _Link, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            _log.info("the connection to the broker ended: %s", error_string(code))
            link.lose()


def _decrypted(link: _Link) -> bool:
    """Whether TLS holds bytes that the socket will not announce."""
    return isinstance(link.sock, ssl.SSLSocket) and link.sock.fileno() >= 0 and link.sock.pending() > 0


def _trace(properties: Properties | None) -> str | None:
    pairs = getattr(properties, "UserProperty", None) if properties is not None else None
    return next((value for name, value in pairs if name == "traceparent"), None) if pairs else None
