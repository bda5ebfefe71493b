"""What a CONNECT asks for and what it gets (MQTT 5.0, 3.1 and 3.2; MQTT 3.1.1, 3.1 and 3.2). Pure."""

from __future__ import annotations

from typing import NamedTuple

import mqtt5

from access.topics import allowed
from adapters.mqtt.packets.codec import V5, Codec
from adapters.mqtt.settings import EndpointSettings
from broker.errors import CityError
from broker.ingest.ports import Principal

MAX_CLIENT_ID = 256


class Refused(CityError):
    """The connection is not accepted; `code` is the reason code for CONNACK."""

    def __init__(self, message: str, code: mqtt5.ConnAckReasonCode) -> None:
        super().__init__(message)
        self.code = code


class Terms(NamedTuple):
    """What one connection is granted.

    `keep_alive` in seconds (0: none agreed), `expiry` of the session in seconds, `window` how many commands may be
    unacknowledged at the device, `max_packet` the largest packet that the device takes.
    """

    client_id: str
    assigned: bool
    clean: bool
    expiry: int
    keep_alive: int
    window: int
    max_packet: int | None


def negotiate(connect: mqtt5.ConnectPacket, codec: Codec, settings: EndpointSettings, fresh_id: str) -> Terms:
    """The terms for a connection; `fresh_id` is its client identifier if it brings none. Raises `Refused`."""
    reasons = mqtt5.ConnAckReasonCode
    if connect.authentication_method is not None:
        raise Refused("extended authentication is not offered", reasons.BAD_AUTHENTICATION_METHOD)
    if not connect.client_id and codec is not V5 and not connect.clean_start:
        raise Refused("a session that is to be kept needs a client identifier", reasons.CLIENT_ID_NOT_VALID)
    if len(connect.client_id) > MAX_CLIENT_ID or "\0" in connect.client_id:
        raise Refused(f"a client identifier has at most {MAX_CLIENT_ID} characters", reasons.CLIENT_ID_NOT_VALID)
    keep_alive = connect.keep_alive
    if codec is V5 and not 0 < keep_alive <= settings.max_keep_alive:
        keep_alive = settings.max_keep_alive
    return Terms(
        client_id=connect.client_id or fresh_id,
        assigned=not connect.client_id,
        clean=connect.clean_start,
        expiry=min(connect.session_expiry_interval, settings.max_session_expiry),
        keep_alive=keep_alive,
        window=min(connect.receive_max, settings.downlink_inflight),
        max_packet=connect.max_packet_size,
    )


def check_will(connect: mqtt5.ConnectPacket, principal: Principal) -> None:
    """Raises `Refused` for a last will on a topic that the device may not publish."""
    if connect.will is not None and not allowed(principal.publish, connect.will.topic):
        message = f"this device may not publish its last will to {connect.will.topic!r}"
        raise Refused(message, mqtt5.ConnAckReasonCode.NOT_AUTHORIZED)


def accept(terms: Terms, connect: mqtt5.ConnectPacket, settings: EndpointSettings, *, present: bool) -> mqtt5.Packet:
    """The CONNACK that grants `terms`; 3.1.1 keeps of it what it can say."""
    return mqtt5.ConnAckPacket(
        session_present=present,
        session_expiry_interval=terms.expiry if terms.expiry != connect.session_expiry_interval else None,
        assigned_client_id=terms.client_id if terms.assigned else None,
        server_keep_alive=terms.keep_alive if terms.keep_alive != connect.keep_alive else None,
        receive_max=settings.receive_maximum,
        topic_alias_max=settings.topic_alias_maximum,
        max_packet_size=settings.max_packet_bytes,
        shared_subscription_available=False,
    )


def refuse(refused: Refused) -> mqtt5.Packet:
    """The CONNACK that says no, and why."""
    return mqtt5.ConnAckPacket(reason_code=refused.code, reason_str=str(refused))
