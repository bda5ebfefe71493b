"""One uplink of a LoRaWAN device, as every network server means it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from adapters.payload import shown
from schemas.clock import iso
from schemas.observation import Reason, Rejection

FrameCounter = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""The uplink frame counter, whole (LoRaWAN 1.0.4, 4.3.1.5), as network servers reconstruct it."""

FramePort = Annotated[int, Meta(ge=0, le=255)]
"""FPort: 0 carries commands of the network, 1 to 223 are the application's (LoRaWAN 1.0.4, 4.3.2)."""

_EUI = re.compile(r"[0-9a-fA-F]{16}")


class Uplink(NamedTuple):
    """What a network server says of one transmission.

    `device` is the DevEUI in lower case (where the network knows none, its own name of the device), `session` what
    changes when the device joins anew, `at` the network's time of reception (aware, UTC), `data` the decrypted
    bytes, `object` what the network's own codec made of them, None where it has no codec.
    """

    device: str
    session: str
    at: datetime
    f_cnt: int
    f_port: int
    data: bytes
    object: Mapping[str, Any] | None


def message_key(uplink: Uplink) -> str:
    """The same for every copy of one transmission, and for no other transmission of this device.

    Copies are the network's repetitions (a confirmed uplink sent again, a second gateway after the network's own
    window, an MQTT redelivery); such a copy may carry another `deduplicationId`, so that is not used.

    The frame counter alone does not do: it starts again when a device joins anew, which the session tells, and when
    a device without joining (ABP) loses its power, which only the day and the content can tell. A copy that arrives
    on the far side of midnight UTC is still known by its time and value where the network gave both the same time.
    """
    content = uplink.data or repr(uplink.object).encode("utf-8", "backslashreplace")
    digest = hashlib.blake2b(content, key=uplink.session.encode("utf-8", "backslashreplace")[:64], digest_size=8)
    return f"{uplink.f_cnt}:{iso(uplink.at)[:10]}:{digest.hexdigest()}"


def encrypted(field: str, device: str) -> Rejection:
    """What to say of an uplink whose `field` tells that the network has no key to its bytes: read as they are, they
    would be a level by chance."""
    detail = f"`{field}` says that the payload is still encrypted; let the network server decrypt it"
    return Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field=field, device=device)


def read_eui(text: str) -> str:
    """A DevEUI of 16 hexadecimal digits, in lower case. Raises ValueError."""
    if _EUI.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is no DevEUI; expected 16 hexadecimal digits")
    return text.lower()


def read_base64(text: str) -> bytes:
    """The bytes of a payload (RFC 4648, 4). Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{shown(text)} is not base64") from error
