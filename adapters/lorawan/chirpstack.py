"""Uplinks of ChirpStack v4 over its MQTT integration with JSON encoding: `application/{id}/device/{devEui}/event/up`.

The JSON is the Protocol Buffers mapping of `integration.UplinkEvent`, in which a field with its type's zero value may
be left out; so an absent `fCnt` is 0 and an absent `data` is no bytes. `object` is there only where the device's
profile has a codec.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.lorawan.uplink import FrameCounter, FramePort, Uplink, read_base64, read_eui
from adapters.payload import read_json, shown
from schemas.observation import Reason, Rejection

TOPIC_FILTER = "application/+/device/+/event/up"

_TOPIC = re.compile(r"application/[^/]+/device/([^/]+)/event/up")


class DeviceInfo(msgspec.Struct, rename="camel"):
    """What we read of `integration.DeviceInfo`."""

    dev_eui: str


class Reception(msgspec.Struct, rename="camel"):
    """What we read of `gw.UplinkRxInfo`: when the gateway and the network server heard the frame."""

    gw_time: datetime | None = None
    ns_time: datetime | None = None


class UplinkEvent(msgspec.Struct, rename="camel"):
    """What we read of `integration.UplinkEvent`."""

    device_info: DeviceInfo
    time: datetime | None = None
    dev_addr: str = ""
    f_cnt: FrameCounter = 0
    f_port: FramePort = 0
    data: str = ""
    object: dict[str, Any] | None = None
    rx_info: list[Reception] = []


def parse(topic: str, payload: bytes) -> Uplink | Rejection:
    """The uplink in `payload`, or why there is none. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = f"{shown(topic)} is no uplink of ChirpStack; expected {TOPIC_FILTER}"
        return Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)
    message = read_json(payload)
    if isinstance(message, Rejection):
        return message
    try:
        return _uplink(match[1], msgspec.convert(message, UplinkEvent))
    except (ValueError, OverflowError) as error:
        detail = f"not an uplink event of ChirpStack v4 in JSON: {error}"
        return Rejection(reason=Reason.WRONG_SHAPE, detail=detail)


def _uplink(topic_eui: str, event: UplinkEvent) -> Uplink | Rejection:
    device = read_eui(event.device_info.dev_eui)
    if topic_eui.lower() != device:
        raise ValueError(f"deviceInfo.devEui is {device}, but the topic names {shown(topic_eui)}")
    times = [event.time, *(time for heard in event.rx_info for time in (heard.gw_time, heard.ns_time))]
    at = next((time for time in times if time is not None), None)
    if at is None or at.tzinfo is None:
        detail = "the event has no time with an offset: expected `time` in RFC 3339"
        return Rejection(reason=Reason.BAD_TIME, detail=detail, field="time", device=device)
    return Uplink(
        device, event.dev_addr, at.astimezone(UTC), event.f_cnt, event.f_port, read_base64(event.data), event.object
    )
