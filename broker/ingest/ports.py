"""How a way in (our MQTT endpoint, a client of somebody's broker, a replay) hands over what a device sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from schemas.detection import Sighting
from schemas.observation import Observation, Rejection


class Inbound(NamedTuple):
    """One message as it came: who sent it (the authenticated device or network), where, and the bytes."""

    tenant: str
    sender: str
    topic: str
    payload: bytes
    received_at: datetime
    way: str
    trace: str | None = None


Done = Callable[[BaseException | None], None]
"""Called once, from the event loop: with None when the log holds the message's record durably (accepted or
rejected alike: acknowledge it), or with the error when it could not be stored (do not acknowledge)."""


class Intake(Protocol):
    """The one entrance of ingest: bounded, fair between devices, durable before `done`."""

    def offer(self, message: Inbound, done: Done) -> bool:
        """Take the message, or return False when there is no room: then stop reading and `await room()`."""

    async def room(self) -> None:
        """Return when `offer` may be tried again."""


class Decoder(Protocol):
    """An adapter's decoder for the topics it claims. Pure: no clock, no I/O; never raises on any bytes."""

    def __call__(self, topic: str, payload: bytes) -> Sequence[Observation | Sighting | Rejection]: ...


class AdapterRoute(NamedTuple):
    """Topics that an adapter decodes: an MQTT filter (``+`` and ``#``), the family, and the decoder.

    Of a `personal` family neither topic nor bytes reach the log in clear, and its rejections repeat no value.
    """

    filter: str
    family: str
    decode: Decoder
    personal: bool = False


class Credentials(NamedTuple):
    """What a device shows when it connects."""

    client_id: str
    username: str | None
    password: bytes | None
    certificate_name: str | None
    fingerprint: bytes | None = None
    """SHA-256 of the verified certificate in DER."""


class Principal(NamedTuple):
    """Whom a connection speaks as, once believed, and which topics it may use (MQTT filters)."""

    tenant: str
    device: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    key: bytes = b""
    """What it was believed by: the hash of its secret or certificate. The connection ends when that counts no more."""


class Doorkeeper(Protocol):
    """Believes or refuses a connecting device, from the one registry of devices."""

    async def admit(self, credentials: Credentials) -> Principal | None:
        """The principal, or None to refuse."""
