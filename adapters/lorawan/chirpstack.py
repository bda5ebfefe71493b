"""Uplinks of ChirpStack v4 over its MQTT integration with JSON encoding: `application/{id}/device/{devEui}/event/up`.

The JSON is the Protocol Buffers mapping of `integration.UplinkEvent`, in which a field with its type's zero value may
be left out; so an absent `fCnt` is 0 and an absent `data` is no bytes. `object` is there only where the device's
profile has a codec. Where a join server of its own keeps the application's key, `data` is still encrypted.

`time` is a gateway's clock where any gateway that heard the frame told its time (GPS first), else the network
server's. A gateway whose clock is not set would date a flood wrongly, so `time` counts where it agrees with `nsTime`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapters.lorawan.uplink import FrameCounter, FramePort, Uplink, encrypted, read_base64, read_eui
from adapters.payload import read_json, shown
from schemas.observation import Reason, Rejection

TOPIC_FILTER = "application/+/device/+/event/up"

GATEWAY_DELAY = timedelta(minutes=1)
"""How far a gateway's clock may be from the network server's; seconds of backhaul are usual."""

_TOPIC = re.compile(r"application/[^/]+/device/([^/]+)/event/up")


class DeviceInfo(msgspec.Struct, rename="camel"):
    """What we read of `integration.DeviceInfo`."""

    dev_eui: str


class Reception(msgspec.Struct, rename="camel"):
    """What we read of `gw.UplinkRxInfo`: when the gateway and the network server heard the frame."""

    gw_time: datetime | None = None
    ns_time: datetime | None = None


class JoinServerContext(msgspec.Struct, rename={"session_key_id": "sessionKeyId", "app_s_key": "appSKey"}):
    """`integration.JoinServerContext`: what it takes to find the key that the network does not have."""

    session_key_id: str = ""
    app_s_key: dict[str, Any] | None = None


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
    join_server_context: JoinServerContext | None = None


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
    context = event.join_server_context
    if context is not None and (context.session_key_id or context.app_s_key):
        return encrypted("joinServerContext", device)
    at = _heard_at(event)
    if at is None:
        detail = "the event has no time with an offset: expected `time` in RFC 3339"
        return Rejection(reason=Reason.BAD_TIME, detail=detail, field="time", device=device)
    return Uplink(
        device, event.dev_addr, at.astimezone(UTC), event.f_cnt, event.f_port, read_base64(event.data), event.object
    )


def _heard_at(event: UplinkEvent) -> datetime | None:
    by_server = min(_aware(heard.ns_time for heard in event.rx_info), default=None)
    by_gateway = next(_aware([event.time, *(heard.gw_time for heard in event.rx_info)]), None)
    if by_gateway is None or by_server is None:
        return by_gateway or by_server
    return by_gateway if abs(by_gateway - by_server) <= GATEWAY_DELAY else by_server


def _aware(times: Iterable[datetime | None]) -> Iterator[datetime]:
    return (time for time in times if time is not None and time.tzinfo is not None)
