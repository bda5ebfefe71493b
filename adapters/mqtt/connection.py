"""One socket of the endpoint: bytes to packets to the intake, and answers back. The protocol itself is `peer.py`.

Reading stops, so that TCP itself holds the device back, while the intake has no room, while too many messages wait
for their acknowledgement, while the device leaves its answers unread, and until it is admitted.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, cast

import mqtt5

from adapters.mqtt.handshake import Refused, refuse
from adapters.mqtt.packets.codec import CODECS, V311, Codec
from adapters.mqtt.packets.errors import PROTOCOL_ERROR, Oversize, ProtocolError, UnsupportedVersion
from adapters.mqtt.packets.framing import Framer, protocol_level
from adapters.mqtt.peer import Offer, Peer
from adapters.mqtt.tls import certificate_name, fingerprint
from broker.ingest.ports import Credentials, Done, Inbound

if TYPE_CHECKING:
    from adapters.mqtt.endpoint import Endpoint

WAY = "mqtt"
"""How messages that came in here are marked (`Inbound.way`)."""

_CONNECT = 0x10
_LINGER = 5.0
_SERVER_BUSY = 0x89
_KEEP_ALIVE_TIMEOUT = 0x8D
_SERVER_UNAVAILABLE = mqtt5.ConnAckReasonCode.SERVER_UNAVAILABLE
_log = logging.getLogger(__name__)


class _Held(NamedTuple):
    message: Inbound
    done: Done
    qos: int


class Connection(asyncio.Protocol):
    """The shell around a `Peer`: owns the socket, the timers and nothing of the protocol."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._settings = endpoint.settings
        self._counters = endpoint.counters
        self._intake = endpoint.intake
        self._loop = asyncio.get_running_loop()
        self._framer = Framer(endpoint.settings.max_connect_bytes)
        self._codec: Codec = V311
        self._transport: asyncio.Transport
        self._peer: Peer | None = None
        self._admission: asyncio.Task[None] | None = None
        self._held: _Held | None = None
        self._crowded = False
        self._unread = False
        self._reading = True
        self._ending = False
        self._flushing = False
        self._quiet = False
        self._seen = self._loop.time()
        self._arrived: datetime
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._settings.write_buffer_bytes)
        if not self._endpoint.enter(self):
            self._counters.refused += 1
            self._transport.abort()
            return
        self._timer = self._loop.call_later(self._settings.connect_timeout, self._too_late)

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        self._seen = self._loop.time()
        self._arrived = self._endpoint.clock()
        if self._peer is None and self._admission is None and not len(self._framer) and data[0] != _CONNECT:
            self._broken(ProtocolError("the first packet must be CONNECT", code=PROTOCOL_ERROR))
            return
        self._framer.feed(data)
        self._pump()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            _log.debug("a connection broke: %s", exc)
        self._ending = True
        for timer in (self._timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        if self._admission is not None:
            self._admission.cancel()
        if self._held is not None and not self._held.qos:
            self._counters.lost_qos0 += 1
        self._held = None
        self._endpoint.leave(self)
        if self._peer is not None:
            self._endpoint.ended(self._peer, self._loop.time(), quiet=self._quiet)

    def pause_writing(self) -> None:
        self._unread = True
        self._unread_timer = self._loop.call_later(self._settings.write_timeout, self._never_read)
        self._regulate()

    def resume_writing(self) -> None:
        self._unread = False
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        self._flush()
        self._pump()

    # what the endpoint calls

    @property
    def waiting(self) -> bool:
        """Whether messages of this connection are with the intake."""
        return self._peer is not None and self._peer.backlog > 0

    def retry(self) -> bool:
        """There may be room again: offer what was held and go on. Whether the held message was taken."""
        held = self._held
        if held is None:
            return True
        if not self._intake.offer(held.message, held.done):
            return False
        self._held = None
        self._pump()
        return True

    def close(self, code: int, reason: str, *, quiet: bool = False) -> None:
        """Say goodbye and end. `quiet`: the device's last will is not said, since not the device is gone."""
        if self._ending:
            return
        self._ending, self._quiet = True, quiet
        if self._peer is not None:
            self._peer.goodbye(code, reason)
            self._transport.write(self._peer.output())
        self._transport.close()
        self._loop.call_later(_LINGER, self._transport.abort)

    def hush(self) -> None:
        """Read no more; what is with the intake will still be acknowledged."""
        self._crowded = True
        self._regulate()

    # reading

    def _pump(self) -> None:
        """Handle the packets that are here, until one cannot be placed."""
        if self._blocked():
            self._regulate()
            return
        try:
            for frame in self._framer.frames():
                if not self._take(frame):
                    break
        except Oversize as error:
            self._oversize(error)
        except ProtocolError as error:
            self._broken(error)
        if not self._ending:
            self._flush()
            self._regulate()

    def _take(self, frame: memoryview) -> bool:
        """Handle one packet; False when no other may be handled now."""
        peer = self._peer
        if peer is None:
            self._greet(frame)
            return False
        offer = peer.handle(self._codec.decode(frame))
        if offer is not None and not self._offer(peer, offer):
            return False
        if peer.full:
            self._crowded = True
            return False
        if peer.finished:
            self._ending = True
            self._transport.close()
            return False
        return True

    def _offer(self, peer: Peer, offer: Offer) -> bool:
        topic, payload, trace, pending = offer
        principal = peer.principal
        message = Inbound(principal.tenant, principal.device, topic, payload, self._arrived, WAY, trace)
        done: Done
        if pending is None:
            self._counters.received_qos0 += 1
            done = self._endpoint.unwaited
        else:
            if pending.qos == 1:
                self._counters.received_qos1 += 1
            else:
                self._counters.received_qos2 += 1
            done = pending.done
        if self._intake.offer(message, done):
            return True
        self._held = _Held(message, done, pending.qos if pending else 0)
        self._endpoint.stalled(self)
        return False

    def _blocked(self) -> bool:
        return self._ending or self._held is not None or self._crowded or self._unread or self._admission is not None

    def _regulate(self) -> None:
        """Read the socket if and only if what it brings can be handled."""
        reading = not self._blocked()
        if reading is self._reading or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._seen = self._loop.time()
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # writing

    def _wake(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what the peer has to say: everything since the last time in one go."""
        self._flushing = False
        peer = self._peer
        if peer is None or self._ending:
            return
        if not self._unread:
            peer.push(self._loop.time())
        data = peer.output()
        if data:
            self._transport.write(data)
        if peer.failure is not None:
            self._counters.not_stored += 1
            _log.warning("a message of %s could not be stored: %s", peer.principal.device, peer.failure)
            self.close(_SERVER_BUSY, "the message could not be stored; send it again", quiet=True)
        elif self._crowded and peer.relieved and not self._endpoint.stopping:
            self._crowded = False
            self._pump()

    # the beginning

    def _greet(self, frame: memoryview) -> None:
        """The first packet: find the version, and ask at the door without holding up other connections."""
        try:
            self._codec = CODECS[protocol_level(frame)]
        except UnsupportedVersion:
            self._transport.write(b"\x20\x02\x00\x01")
            raise
        connect = self._codec.decode(frame)
        if not isinstance(connect, mqtt5.ConnectPacket):
            raise ProtocolError("the first packet must be CONNECT", code=PROTOCOL_ERROR)
        self._admission = self._loop.create_task(self._admit(connect))

    async def _admit(self, connect: mqtt5.ConnectPacket) -> None:
        credentials = Credentials(
            connect.client_id,
            connect.username,
            connect.password,
            certificate_name(self._transport.get_extra_info("peercert")),
            fingerprint(self._transport.get_extra_info("ssl_object")),
        )
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                self._peer, connack = await self._endpoint.admit(self, connect, credentials, self._codec, self._wake)
        except Refused as error:
            self._turn_away(error)
        except TimeoutError:
            self._turn_away(Refused("nobody answered at the door in time", _SERVER_UNAVAILABLE))
        except Exception:
            _log.exception("a device could not be checked")
            self._turn_away(Refused("devices cannot be checked at present", _SERVER_UNAVAILABLE))
        else:
            self._welcome(self._peer, connack)

    def _welcome(self, peer: Peer, connack: mqtt5.Packet) -> None:
        self._admission = None
        self._counters.accepted += 1
        self._framer.limit = self._settings.max_packet_bytes
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if peer.terms.keep_alive:
            self._watch(peer.terms.keep_alive * 1.5)
        peer.start(connack, self._loop.time())
        self._flush()
        self._pump()

    def _turn_away(self, refused: Refused) -> None:
        self._counters.refused += 1
        self._ending = True
        self._admission = None
        self._transport.write(self._codec.encode(refuse(refused)))
        self._transport.close()

    # the end

    def _oversize(self, error: Oversize) -> None:
        self._counters.oversize += 1
        if self._peer is not None:
            self._endpoint.oversize(self._peer.principal, error.topic, error.size)
        self._part(error)

    def _broken(self, error: ProtocolError) -> None:
        self._counters.protocol_errors += 1
        self._part(error)

    def _part(self, error: ProtocolError) -> None:
        if self._peer is None:
            self._counters.refused += 1
        else:
            _log.info("%s broke the protocol: %s", self._peer.principal.device, error)
        self.close(error.code, str(error))

    def _watch(self, patience: float) -> None:
        """End the connection when nothing is heard for `patience` seconds while we are listening (3.1.2.10)."""
        heard = self._loop.time() if not self._reading else self._seen
        remaining = heard + patience - self._loop.time()
        if remaining > 0:
            self._timer = self._loop.call_later(remaining, self._watch, patience)
            return
        self._counters.timed_out += 1
        self.close(_KEEP_ALIVE_TIMEOUT, "nothing was heard for one and a half keep-alives")

    def _too_late(self) -> None:
        self._counters.refused += 1
        self._transport.abort()

    def _never_read(self) -> None:
        self._counters.timed_out += 1
        self._transport.abort()
