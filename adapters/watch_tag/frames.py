"""From the bytes of a Bluetooth advertisement to the tag that sent it. Pure.

Formats: iBeacon (Apple, Proximity Beacon Specification R1), AltBeacon 1.0, Eddystone-UID and Eddystone-EID (the
frames 0x00 and 0x30 of the service 0xFEAA), inside the advertising structures of the Bluetooth Core Specification
(Vol 3, Part C, 11): a length, a type, the data.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from schemas.detection import ROTATING

_MANUFACTURER, _SERVICE_DATA = 0xFF, 0x16
_IBEACON = bytes.fromhex("4c000215")
_ALTBEACON = bytes.fromhex("beac")
_EDDYSTONE = bytes.fromhex("aafe")
_FROM_ZERO_TO_ONE_METRE = 41
"""Eddystone states its power at the tag; a metre away it is heard 41 dB weaker."""
_LONGEST = 255
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class Beacon(NamedTuple):
    """A tag's id in its one spelling, and the power (dBm) that it says is heard at one metre."""

    tag: str
    power: int


def parse_advertisement(data: bytes) -> Beacon | None:
    """The watch tag in an advertisement's bytes, or None where they hold none (a phone, earphones). Never raises."""
    for kind, body in _structures(data):
        found = None
        if kind == _MANUFACTURER:
            found = parse_manufacturer(body)
        elif kind == _SERVICE_DATA and body.startswith(_EDDYSTONE):
            found = parse_eddystone(body[2:])
        if found is not None:
            return found
    return None


def parse_manufacturer(body: bytes) -> Beacon | None:
    """iBeacon or AltBeacon in manufacturer data, which begin with the company's number (little-endian)."""
    if body.startswith(_IBEACON) and len(body) == 25:
        major, minor = int.from_bytes(body[20:22]), int.from_bytes(body[22:24])
        return Beacon(ibeacon(body[4:20].hex(), major, minor), _signed(body[24]))
    if body[2:4] == _ALTBEACON and len(body) >= 25:
        return Beacon(f"altbeacon:{body[4:24].hex()}", _signed(body[24]))
    return None


def parse_eddystone(frame: bytes) -> Beacon | None:
    """Eddystone-UID or -EID in service data, after the service's number."""
    if len(frame) >= 18 and frame[0] == 0x00:
        return Beacon(f"eddystone-uid:{frame[2:12].hex()}:{frame[12:18].hex()}", _at_one_metre(frame[1]))
    if len(frame) >= 10 and frame[0] == 0x30:
        return Beacon(f"{ROTATING}{frame[2:10].hex()}", _at_one_metre(frame[1]))
    return None


def ibeacon(uuid: str, major: int, minor: int) -> str:
    """The one spelling of an iBeacon's id; `uuid` is 32 hexadecimal digits."""
    return f"ibeacon:{uuid.lower()}:{major}:{minor}"


def read_bytes(text: str) -> bytes | None:
    """The bytes that `text` writes in hexadecimal (spaces and colons are overlooked) or base64; None for neither."""
    if len(text) > 4 * _LONGEST:
        return None
    plain = text.replace(" ", "").replace(":", "")
    if _HEX.fullmatch(plain):
        return bytes.fromhex(plain)
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each structure's type and data. A length of nought ends them early; one too long is cut off by the end."""
    at = 0
    while at + 1 < len(data) and data[at]:
        yield data[at + 1], data[at + 2 : at + 1 + data[at]]
        at += 1 + data[at]


def _at_one_metre(at_the_tag: int) -> int:
    return _signed(at_the_tag) - _FROM_ZERO_TO_ONE_METRE


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
