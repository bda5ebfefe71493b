"""The server's side of one accepted connection: packets in, messages to offer and bytes to write out.

No sockets and no clock. The shell feeds packets to `handle`, offers what it returns to the intake, reports the
outcome through `Pending.done`, and writes what `output` hands over. Acknowledgements leave in the order of the
messages (MQTT 5.0, 4.6), and only for messages whose record is durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import mqtt5

from access.topics import allowed, may_subscribe, valid_filter, valid_topic
from adapters.mqtt.downlink import DeliveryState, Downlink
from adapters.mqtt.handshake import Terms
from adapters.mqtt.packets.codec import V5, Codec
from adapters.mqtt.packets.errors import PROTOCOL_ERROR, ProtocolError
from adapters.mqtt.session import Session, Subscription
from adapters.mqtt.settings import EndpointSettings
from broker.ingest.ports import Principal

_KNOWN_TOPICS = 256
_SUCCESS = 0
_NOT_AUTHORIZED = 0x87
_ID_NOT_FOUND = 0x92
_RECEIVE_MAXIMUM_EXCEEDED = 0x93
_TOPIC_INVALID = 0x90
_ALIAS_INVALID = 0x94
_PUBACK, _PUBREC, _PUBREL, _PUBCOMP = 0x40, 0x50, 0x62, 0x70


class Pending:
    """One message at QoS 1 or 2 between its arrival and its acknowledgement."""

    __slots__ = ("packet_id", "peer", "qos", "reason", "settled")

    def __init__(self, peer: Peer, packet_id: int, qos: int, reason: int) -> None:
        self.peer = peer
        self.packet_id = packet_id
        self.qos = qos
        self.reason = reason
        self.settled = False

    def done(self, error: BaseException | None) -> None:
        """The intake's answer: None when the record is durable."""
        self.peer.settle(self, error)


class Offer(NamedTuple):
    """A message for the intake. `pending` is None at QoS 0, which nobody waits for."""

    topic: str
    payload: bytes
    trace: str | None
    pending: Pending | None


class Peer:
    """One connection's protocol state."""

    def __init__(
        self,
        codec: Codec,
        principal: Principal,
        session: Session,
        terms: Terms,
        settings: EndpointSettings,
        *,
        will: mqtt5.Will | None,
        wake: Callable[[], None],
    ) -> None:
        self.principal = principal
        self.session = session
        self.terms = terms
        self.will = will
        self.failure: BaseException | None = None
        self.finished = False
        self.closed = False
        self._codec = codec
        self._settings = settings
        self.wake = wake
        self._out: list[bytes] = []
        self._pending: deque[Pending] = deque()
        self._aliases: dict[int, str] = {}
        self._topics: dict[str, int] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            mqtt5.PubAckPacket: self._puback,
            mqtt5.PubRecPacket: self._pubrec,
            mqtt5.PubRelPacket: self._pubrel,
            mqtt5.PubCompPacket: self._pubcomp,
            mqtt5.SubscribePacket: self._subscribe,
            mqtt5.UnsubscribePacket: self._unsubscribe,
            mqtt5.PingReqPacket: self._ping,
            mqtt5.DisconnectPacket: self._disconnect,
        }

    @property
    def full(self) -> bool:
        """Whether as many messages as allowed wait for their acknowledgement: stop reading until some have left."""
        return len(self._pending) >= self._settings.receive_maximum

    @property
    def relieved(self) -> bool:
        """Whether so many acknowledgements have left that reading again is worth the while."""
        return len(self._pending) <= self._settings.receive_maximum // 2

    @property
    def backlog(self) -> int:
        """How many messages wait for their acknowledgement."""
        return len(self._pending)

    def start(self, connack: mqtt5.Packet, now: float) -> None:
        """Say CONNACK, repeat what the device has not acknowledged (4.4), then send what was kept for it."""
        self._out.append(self._codec.encode(connack))
        for downlink in self.session.outbox.inflight():
            if downlink.released:
                self._answer(_PUBREL, downlink.packet_id)
            else:
                self._send(downlink, duplicate=True, now=now)
        self.push(now)

    def handle(self, packet: mqtt5.Packet) -> Offer | None:
        """Take one packet; the message that it brings, if it does. Raises `ProtocolError`."""
        if type(packet) is mqtt5.PublishPacket:
            return self._publish(packet)
        handler = self._handlers.get(type(packet))
        if handler is None:
            name = type(packet).__name__.removesuffix("Packet")
            raise ProtocolError(f"a connected device must not send {name}", code=PROTOCOL_ERROR)
        handler(packet)
        return None

    def settle(self, pending: Pending, error: BaseException | None) -> None:
        """A message's record is durable, or could not be stored: then this connection ends unacknowledged."""
        if error is not None:
            if self.session.incoming.get(pending.packet_id) is pending:
                del self.session.incoming[pending.packet_id]
            self.failure = error
            self.wake()
            return
        pending.settled = True
        queue = self._pending
        if not queue or not queue[0].settled:
            return
        while queue and queue[0].settled:
            self._acknowledge(queue.popleft())
        self.wake()

    def push(self, now: float) -> None:
        """Send the commands that the device's window has room for."""
        for downlink in self.session.outbox.take(self.terms.window, now):
            self._send(downlink, duplicate=False, now=now)

    def goodbye(self, code: int, reason: str) -> None:
        """Tell a version 5 device why the connection ends; version 3.1.1 has no words for it."""
        if self._codec is V5:
            packet = mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode(code), reason_str=reason[:200])
            self._out.append(packet.write())

    def output(self) -> bytes:
        """The bytes to write, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def close(self) -> None:
        """The connection is gone: what is still pending will not be acknowledged on it."""
        self.closed = True
        self._pending.clear()
        self._out.clear()

    def _publish(self, packet: mqtt5.PublishPacket) -> Offer | None:
        topic = packet.topic
        if packet.topic_alias is not None:
            topic = self._alias(topic, packet.topic_alias)
        reason = self._topics.get(topic)
        if reason is None:
            reason = self._judge(topic)
        qos = packet.qos.value
        pending = None
        if qos:
            pending = self._expect(packet.packet_id or 0, qos, reason)
            if pending is None:
                return None
        properties = packet.user_properties
        trace = next((value for name, value in properties if name == "traceparent"), None) if properties else None
        return Offer(topic, packet.payload, trace, pending)

    def _alias(self, topic: str, alias: int) -> str:
        if not 0 < alias <= self._settings.topic_alias_maximum:
            raise ProtocolError(f"topic alias {alias} is beyond the announced maximum", code=_ALIAS_INVALID)
        if topic:
            self._aliases[alias] = topic
            return topic
        known = self._aliases.get(alias)
        if known is None:
            raise ProtocolError(f"topic alias {alias} was never given a topic", code=PROTOCOL_ERROR)
        return known

    def _judge(self, topic: str) -> int:
        if not valid_topic(topic):
            raise ProtocolError("one cannot publish to this topic name", code=_TOPIC_INVALID)
        if len(topic.encode()) > self._settings.max_topic_bytes:
            raise ProtocolError(f"a topic has at most {self._settings.max_topic_bytes} bytes", code=_TOPIC_INVALID)
        reason = _SUCCESS if allowed(self.principal.publish, topic) else _NOT_AUTHORIZED
        if len(self._topics) >= _KNOWN_TOPICS:
            self._topics.clear()
        self._topics[topic] = reason
        return reason

    def _expect(self, packet_id: int, qos: int, reason: int) -> Pending | None:
        """The acknowledgement to come, or None when the message is a copy of one that has been offered (QoS 2)."""
        incoming = self.session.incoming
        if qos == 2:
            known = incoming.get(packet_id)
            if known is not None:
                self._repeat(known)
                return None
            if len(incoming) >= self._settings.receive_maximum:
                raise ProtocolError("more unreleased messages than announced", code=_RECEIVE_MAXIMUM_EXCEEDED)
        pending = Pending(self, packet_id, qos, reason)
        if qos == 2:
            incoming[packet_id] = pending
        self._pending.append(pending)
        return pending

    def _repeat(self, known: Pending) -> None:
        """A copy of a message at QoS 2: it is not offered again, and acknowledged once its first offer is durable."""
        if known.peer is self and not known.settled:
            return
        known.peer = self
        self._pending.append(known)
        if known.settled:
            self.settle(known, None)

    def _acknowledge(self, pending: Pending) -> None:
        if pending.qos == 1:
            self._answer(_PUBACK, pending.packet_id, pending.reason)
            return
        if pending.reason and self._codec is V5:
            self.session.incoming.pop(pending.packet_id, None)
        self._answer(_PUBREC, pending.packet_id, pending.reason)

    def _answer(self, first: int, packet_id: int, reason: int = _SUCCESS) -> None:
        """One of the four acknowledgements: short when all is well, and always in 3.1.1 (5.0, 3.4.2.1)."""
        identifier = packet_id.to_bytes(2, "big")
        if reason and self._codec is V5:
            self._out.append(bytes((first, 3)) + identifier + bytes((reason,)))
        else:
            self._out.append(bytes((first, 2)) + identifier)

    def _pubrel(self, packet: mqtt5.PubRelPacket) -> None:
        known = self.session.incoming.get(packet.packet_id)
        if known is not None and not known.settled:
            raise ProtocolError("PUBREL for a message that was not acknowledged", code=PROTOCOL_ERROR)
        self.session.incoming.pop(packet.packet_id, None)
        self._answer(_PUBCOMP, packet.packet_id, _SUCCESS if known else _ID_NOT_FOUND)

    def _puback(self, packet: mqtt5.PubAckPacket) -> None:
        self.session.outbox.settle(packet.packet_id, refused=packet.reason_code.value >= 0x80)

    def _pubrec(self, packet: mqtt5.PubRecPacket) -> None:
        refused = packet.reason_code.value >= 0x80
        known = self.session.outbox.received(packet.packet_id, refused=refused)
        if not refused:
            self._answer(_PUBREL, packet.packet_id, _SUCCESS if known else _ID_NOT_FOUND)

    def _pubcomp(self, packet: mqtt5.PubCompPacket) -> None:
        self.session.outbox.settle(packet.packet_id)

    def _subscribe(self, packet: mqtt5.SubscribePacket) -> None:
        codes = [self._grant(each, packet.subscription_id) for each in packet.topic_filters]
        self._out.append(
            self._codec.encode(mqtt5.SubAckPacket(packet.packet_id, [mqtt5.SubAckReasonCode(code) for code in codes]))
        )

    def _grant(self, wanted: mqtt5.TopicFilter, identifier: int | None) -> int:
        reasons = mqtt5.SubAckReasonCode
        subscriptions = self.session.subscriptions
        if wanted.pattern.startswith("$share/"):
            return reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED.value
        if not valid_filter(wanted.pattern):
            return reasons.TOPIC_FILTER_INVALID.value
        if not may_subscribe(self.principal.subscribe, wanted.pattern):
            return reasons.NOT_AUTHORIZED.value
        if wanted.pattern not in subscriptions and len(subscriptions) >= self._settings.subscriptions_per_session:
            return reasons.QUOTA_EXCEEDED.value
        subscriptions[wanted.pattern] = Subscription(wanted.max_qos.value, identifier)
        return wanted.max_qos.value

    def _unsubscribe(self, packet: mqtt5.UnsubscribePacket) -> None:
        reasons = mqtt5.UnsubAckReasonCode
        gone = [self.session.subscriptions.pop(pattern, None) is not None for pattern in packet.patterns]
        codes = [reasons.SUCCESS if was else reasons.NO_SUBSCRIPTION_EXISTED for was in gone]
        self._out.append(self._codec.encode(mqtt5.UnsubAckPacket(packet.packet_id, codes)))

    def _ping(self, _: mqtt5.PingReqPacket) -> None:
        self._out.append(b"\xd0\x00")

    def _disconnect(self, packet: mqtt5.DisconnectPacket) -> None:
        if packet.reason_code.value == 0:
            self.will = None
        wanted = packet.session_expiry_interval
        if wanted is not None:
            if wanted and not self.session.expiry:
                raise ProtocolError("a session that was to end cannot be prolonged", code=PROTOCOL_ERROR)
            self.session.expiry = min(wanted, self._settings.max_session_expiry)
        self.finished = True

    def _send(self, downlink: Downlink, *, duplicate: bool, now: float) -> None:
        remaining = None if downlink.expires_at is None else max(1, int(downlink.expires_at - now))
        packet = mqtt5.PublishPacket(
            downlink.topic,
            downlink.payload,
            qos=mqtt5.QoS(downlink.qos),
            packet_id=downlink.packet_id or None,
            duplicate=duplicate,
            message_expiry_interval=remaining,
            subscription_ids=list(downlink.subscription_ids),
        )
        data = self._codec.encode(packet)
        if self.terms.max_packet is not None and len(data) > self.terms.max_packet:
            if downlink.packet_id:
                self.session.outbox.settle(downlink.packet_id, refused=True)
            else:
                downlink.become(DeliveryState.REFUSED)
            return
        self._out.append(data)
        downlink.become(DeliveryState.SENT)
