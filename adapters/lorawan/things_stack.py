"""Uplinks of The Things Stack v3 over MQTT: `v3/{application}@{tenant}/devices/{device}/up`, without `@tenant` in the
open source edition.

Fields equal to 0, false or "" are left out of the JSON, so an absent `f_cnt` is 0. The values inside
`decoded_payload` are not such fields (it is a `google.protobuf.Struct`): what its codec says is there, zeros too. The
event time is the network server's: gateways' own clocks are often not set.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.lorawan.uplink import FrameCounter, FramePort, Uplink, encrypted, read_base64, read_eui
from adapters.payload import read_json, shown
from schemas.observation import Reason, Rejection

TOPIC_FILTER = "v3/+/devices/+/up"

_TOPIC = re.compile(r"v3/[^/]+/devices/([^/]+)/up")
_DEVICE_ID = re.compile(r"[a-z0-9](?:-?[a-z0-9]){1,35}")


class EndDeviceIds(msgspec.Struct):
    """What we read of `EndDeviceIdentifiers`."""

    device_id: str
    dev_eui: str = ""
    dev_addr: str = ""


class UplinkMessage(msgspec.Struct):
    """What we read of `ApplicationUplink`."""

    session_key_id: str = ""
    f_cnt: FrameCounter = 0
    f_port: FramePort = 0
    frm_payload: str = ""
    decoded_payload: dict[str, Any] | None = None
    received_at: datetime | None = None
    app_s_key: dict[str, Any] | None = None


class ApplicationUp(msgspec.Struct):
    """What we read of `ApplicationUp`."""

    end_device_ids: EndDeviceIds
    uplink_message: UplinkMessage
    received_at: datetime | None = None
    simulated: bool = False


def parse(topic: str, payload: bytes) -> Uplink | Rejection:
    """The uplink in `payload`, or why there is none. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = f"{shown(topic)} is no uplink of The Things Stack; expected {TOPIC_FILTER}"
        return Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)
    message = read_json(payload)
    if isinstance(message, Rejection):
        return message
    try:
        return _uplink(match[1], msgspec.convert(message, ApplicationUp))
    except (ValueError, OverflowError) as error:
        detail = f"not an uplink message of The Things Stack v3: {error}"
        return Rejection(reason=Reason.WRONG_SHAPE, detail=detail)


def _uplink(topic_device: str, message: ApplicationUp) -> Uplink | Rejection:
    ids, uplink = message.end_device_ids, message.uplink_message
    if ids.device_id != topic_device:
        raise ValueError(
            f"end_device_ids.device_id is {shown(ids.device_id)}, but the topic names {shown(topic_device)}"
        )
    if _DEVICE_ID.fullmatch(ids.device_id) is None:
        raise ValueError(f"{shown(ids.device_id)} is no device_id: 2 to 36 of a-z 0-9 and single dashes")
    device = read_eui(ids.dev_eui) if ids.dev_eui else ids.device_id
    if message.simulated:
        detail = "`simulated` is true: somebody made this message up in The Things Stack, no device measured it"
        return Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field="simulated", device=device)
    if uplink.app_s_key is not None:
        return encrypted("uplink_message.app_s_key", device)
    at = uplink.received_at or message.received_at
    if at is None or at.tzinfo is None:
        detail = "the message has no time with an offset: expected `uplink_message.received_at` in RFC 3339"
        return Rejection(reason=Reason.BAD_TIME, detail=detail, field="uplink_message.received_at", device=device)
    session = uplink.session_key_id or ids.dev_addr
    data = read_base64(uplink.frm_payload)
    return Uplink(device, session, at.astimezone(UTC), uplink.f_cnt, uplink.f_port, data, uplink.decoded_payload)
