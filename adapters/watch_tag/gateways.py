"""Off-the-shelf gateways: OpenMQTTGateway and Theengs, and ESPresense. Pure. Their topics carry raw ids too.

- OpenMQTTGateway, Theengs: `{base}/{gateway}/BTtoMQTT/{mac}` and the presence topics `{base}/home_presence/{gateway}`
  and `{base}/presence/{gateway}`.
- ESPresense: `espresense/devices/{id}/{room}`.

The gateway or the room is the detector, to be registered with its position. None of them tells the time: it is that
of arrival.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.watch_tag import fields
from adapters.watch_tag.fields import Outcome, Wrong
from adapters.watch_tag.frames import Beacon, ibeacon, parse_eddystone, parse_manufacturer, read_bytes
from schemas.detection import Sighting
from schemas.observation import Reason, Rejection

OPENMQTT = "+/+/BTtoMQTT/+"
OPENMQTT_PRESENCE = "+/home_presence/+"
THEENGS_PRESENCE = "+/presence/+"
ESPRESENSE = "espresense/devices/+/+"

_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})"
_GATEWAY = re.compile(rf"[^/]+/(?:{_NAME}/BTtoMQTT/[^/]+|(?:home_presence|presence)/{_NAME})")
_ROOM = re.compile(rf"espresense/devices/[^/]+/{_NAME}")
_MAC = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_OF_ESPRESENSE = re.compile(
    r"(?P<kind>iBeacon|abeacon|altbeacon):(?P<uuid>[0-9a-f-]{32,36})-(?P<major>\d{1,5})-(?P<minor>\d{1,5})"
    r"|(?:eddy|eddystone):(?P<space>[0-9a-f]{20})-(?P<instance>[0-9a-f]{12})",
    re.IGNORECASE,
)
_TRACKERS = ("BCON", "TRACK")
"""What Theengs calls things that are made to be followed. Everything else with an address may be a passer-by's."""
_TOLD_PRESENT = -75
"""The strength assumed where a presence message tells only a distance."""


def decode_openmqtt(topic: str, payload: bytes) -> Sequence[Outcome]:
    """The tag that an OpenMQTTGateway or Theengs gateway heard. One outcome; never raises."""
    match = _GATEWAY.fullmatch(topic)
    presence = "/BTtoMQTT/" not in topic
    return [_one(match and (match[1] or match[2]), payload, _presence if presence else _openmqtt)]


def decode_espresense(topic: str, payload: bytes) -> Sequence[Outcome]:
    """The tag that an ESPresense node heard. One outcome; never raises."""
    match = _ROOM.fullmatch(topic)
    return [_one(match and match[1], payload, _espresense)]


def _one(device: str | None, payload: bytes, read: Any) -> Outcome:
    if device is None:
        detail = "the gateway's name in the topic must be letters, digits, dots, hyphens and underscores"
        return Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)
    message = fields.read_message(payload, device)
    if isinstance(message, Rejection):
        return message
    if not isinstance(message, Mapping):
        return Rejection(reason=Reason.WRONG_SHAPE, detail="the message is no object", device=device)
    try:
        found: Sighting = read(message, device)
    except Wrong as wrong:
        return wrong.rejection
    return found


def _openmqtt(message: Mapping[str, Any], device: str) -> Sighting:
    beacon = _from_members(message, device) or _from_bytes(message)
    if beacon is None and any(message.get("type") == tracker for tracker in _TRACKERS):
        beacon = _address(message)
    if beacon is None:
        raise Wrong(Reason.NOT_A_TAG, "id", "neither a beacon nor a tracker", device)
    return Sighting(
        device=device,
        tag=beacon.tag,
        rssi=fields.signal(message, "rssi", device),
        power=beacon.power or None,
        battery=fields.number(message, "batt", 0.0, 100.0, device),
    )


def _presence(message: Mapping[str, Any], device: str) -> Sighting:
    beacon = _from_members(message, device) or _address(message)
    if beacon is None:
        raise Wrong(Reason.NOT_A_TAG, "id", "id is no address of a tag", device)
    heard = fields.power(message, "rssi", device)
    return Sighting(device=device, tag=beacon.tag, rssi=_TOLD_PRESENT if heard is None else heard)


def _espresense(message: Mapping[str, Any], device: str) -> Sighting:
    id = message.get("id")
    match = _OF_ESPRESENSE.fullmatch(id) if isinstance(id, str) else None
    if match is None:
        raise Wrong(Reason.NOT_A_TAG, "id", "id is neither that of an iBeacon, AltBeacon nor Eddystone-UID", device)
    return Sighting(
        device=device,
        tag=_tag_of(match, device),
        rssi=fields.signal(message, "rssi", device),
        power=fields.power(message, "rssi@1m", device),
        battery=fields.number(message, "batt", 0.0, 100.0, device),
    )


def _tag_of(match: re.Match[str], device: str) -> str:
    if match["space"]:
        return f"eddystone-uid:{match['space'].lower()}:{match['instance'].lower()}"
    uuid, major, minor = _plain(match["uuid"]), int(match["major"]), int(match["minor"])
    if len(uuid) != 32 or max(major, minor) > 0xFFFF:
        raise Wrong(Reason.OUT_OF_RANGE, "id", "a UUID has 32 digits, major and minor are at most 65535", device)
    if match["kind"].lower() == "ibeacon":
        return ibeacon(uuid, major, minor)
    return f"altbeacon:{uuid}{major:04x}{minor:04x}"


def _from_members(message: Mapping[str, Any], device: str) -> Beacon | None:
    """An iBeacon that the gateway has decoded: `uuid`, `major`, `minor`."""
    uuid = message.get("uuid")
    if not isinstance(uuid, str) or not _UUID.fullmatch(uuid) or "major" not in message:
        return None
    major = fields.number(message, "major", 0, 0xFFFF, device)
    minor = fields.number(message, "minor", 0, 0xFFFF, device)
    if major is None or minor is None:
        raise Wrong(Reason.WRONG_SHAPE, "minor", "an iBeacon has uuid, major and minor", device)
    return Beacon(ibeacon(_plain(uuid), int(major), int(minor)), fields.power(message, "txpower", device) or 0)


def _from_bytes(message: Mapping[str, Any]) -> Beacon | None:
    """A beacon in the bytes that the gateway hands on: `manufacturerdata`, `servicedata`."""
    for field, parse in (("manufacturerdata", parse_manufacturer), ("servicedata", parse_eddystone)):
        raw = message.get(field)
        data = read_bytes(raw) if isinstance(raw, str) else None
        beacon = parse(data) if data else None
        if beacon is not None:
            return beacon
    return None


def _address(message: Mapping[str, Any]) -> Beacon | None:
    """A tag known by its Bluetooth address alone; random addresses change too often to follow anybody."""
    id = message.get("id")
    if isinstance(id, str) and _MAC.fullmatch(id) and message.get("mac_type") in (None, 0):
        return Beacon(f"mac:{id.replace(':', '').lower()}", 0)
    return None


def _plain(uuid: str) -> str:
    return uuid.replace("-", "").lower()
