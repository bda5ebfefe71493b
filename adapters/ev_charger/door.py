"""Which stations are let in: by their path, their password or certificate, and not too many guesses."""

from __future__ import annotations

import base64
import binascii
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from adapters.ev_charger.settings import ChargersSettings
from adapters.mqtt.tls import certificate_name, fingerprint
from broker.ingest.limiter import RateLimiter
from broker.ingest.ports import Credentials, Doorkeeper, Principal
from broker.store.devices import Device
from schemas.charging import FAMILY

_AT_ONCE = 10
_FROM_ANYWHERE = 10
"""So many times as fast as one address may a station be guessed at by all addresses together."""
_OPEN = b"open"
"""The key of a station that was let in without a secret: no hash is so short."""


class Refusal(NamedTuple):
    """Why a station is not let in, as the HTTP status of the handshake says it."""

    status: HTTPStatus
    why: str
    headers: tuple[tuple[str, str], ...] = ()


_TOO_MANY = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong passwords", (("Retry-After", "60"),))


class Registered(Protocol):
    """What the door asks of the registry of devices."""

    def find(self, tenant: str, device_id: str) -> Device | None: ...


class Door:
    """Decides for each handshake. A station's path is `/ocpp/STATION` or `/ocpp/TENANT/STATION`."""

    def __init__(
        self,
        doorkeeper: Doorkeeper,
        registry: Registered,
        default_tenant: str,
        settings: ChargersSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doorkeeper = doorkeeper
        self._registry = registry
        self._default_tenant = default_tenant
        self._open = settings.allow_open
        self._wrong = RateLimiter(settings.wrong_per_minute / 60, _AT_ONCE)
        self._everywhere = RateLimiter(_FROM_ANYWHERE * settings.wrong_per_minute / 60, _FROM_ANYWHERE * _AT_ONCE)
        self._homes: dict[tuple[str, str], str] = {}
        """Where each station last came from, of those that were let in."""
        self._monotonic = monotonic

    async def admit(
        self, path: str, authorization: str | None, peer: ssl.SSLObject | None, address: str
    ) -> Principal | Refusal:
        """Whom the connection speaks as, or why it may not. Wrong guesses are counted.

        A station that is guessed at is closed for a while to the address that guesses: not to others, or whoever knows
        a station's name could keep it out, and not the address to other stations: behind a carrier's one may stand all
        of the city's. Guessed at from everywhere, it is open only to the address that it came from last.
        """
        named = _station_of(path)
        if named is None:
            return Refusal(HTTPStatus.NOT_FOUND, "connect to /ocpp/STATION")
        tenant, station = named[0] or self._default_tenant, named[1]
        now = self._monotonic()
        name, guesser = (tenant, station), ("address", address)
        guessed = (*name, address)
        if self._wrong.left(guessed, now) < 1:
            return _TOO_MANY
        if self._homes.get(name) != address and self._everywhere.left(name, now) < 1:
            return _TOO_MANY
        device = self._registry.find(tenant, station)
        if device is None or device.family != FAMILY or device.status == "suspended":
            first = self._wrong.allow(guesser, now)
            return Refusal(HTTPStatus.NOT_FOUND, "no such station is registered") if first else _TOO_MANY
        principal = await self._believe(device, authorization, peer)
        if principal is not None:
            self._homes[name] = address
            return principal
        self._wrong.allow(guessed, now)
        self._everywhere.allow(name, now)
        if not self._wrong.allow(guesser, now):
            return _TOO_MANY
        challenge = ("WWW-Authenticate", 'Basic realm="ocpp", charset="UTF-8"')
        return Refusal(HTTPStatus.UNAUTHORIZED, "the station's name and password are expected", (challenge,))

    def still(self, principal: Principal, believed: Callable[[Principal], bool]) -> bool:
        """Whether a station would be let in again; `believed` answers for those that showed something."""
        if principal.key != _OPEN:
            return believed(principal)
        device = self._registry.find(principal.tenant, principal.device)
        return self._open and device is not None and device.status != "suspended" and device.secret_hash is None

    async def _believe(self, device: Device, authorization: str | None, peer: ssl.SSLObject | None) -> Principal | None:
        name = f"{device.tenant}/{device.id}"
        shown = certificate_name(peer.getpeercert()) if peer is not None else None
        if shown is not None:
            city, _, station = shown.rpartition("/")
            # A name without a city is the default's, unless this very certificate is bound to the station.
            if station != device.id or (city != device.tenant and (city or not self._is_ours(device))):
                return None
            credentials = Credentials(device.id, None, None, name, fingerprint(peer))
            return await self._doorkeeper.admit(credentials)
        basic = _basic(authorization)
        if basic is not None and basic[0] == device.id:
            return await self._doorkeeper.admit(Credentials(device.id, name, basic[1], None))
        if self._open and authorization is None and device.secret_hash is None and device.certificates is None:
            return Principal(device.tenant, device.id, (), (), _OPEN)
        return None

    def _is_ours(self, device: Device) -> bool:
        return device.tenant == self._default_tenant or device.certificates is not None


def _station_of(path: str) -> tuple[str, str] | None:
    """Tenant ('' for the default) and station of a path, or None."""
    parts = [unquote(part) for part in path.partition("?")[0].strip("/").split("/")]
    if len(parts) not in (2, 3) or parts[0] != "ocpp" or not all(parts):
        return None
    return ("" if len(parts) == 2 else parts[1]), parts[-1]


def _basic(authorization: str | None) -> tuple[str, bytes] | None:
    """User and password of a Basic header (RFC 7617); the password may be any bytes (OCPP 1.6 security, 4.2)."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None
