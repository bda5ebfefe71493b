"""The one registry of devices: rows in the database, and a copy in memory for whoever must ask at every message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from broker.errors import NotFound, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from broker.waiting import rounds
from schemas.device import DeviceProfile, parse_profile

_SQL = load("broker.store", "devices")
_OVERLAP = timedelta(minutes=10)
_POLL_SECONDS = 300.0
_PAGE = 1000
_ITERATIONS, _SALT_BYTES = 101, 12
_log = logging.getLogger(__name__)


class Device(NamedTuple):
    """A registered device: who it is, whether it may speak, and the entity that its values belong to."""

    tenant: str
    id: str
    family: str
    kind: str = "device"
    status: str = "approved"
    entity_id: str | None = None
    entity_type: str | None = None
    secret_hash: bytes | None = None
    profile: DeviceProfile = DeviceProfile()
    previous: tuple[bytes, datetime] | None = None
    """The secret before this one, and until when it still counts."""
    certificates: frozenset[bytes] | None = None
    """Fingerprints of the certificates bound to it that are not revoked; None where none ever was."""


def secret_hash(secret: str) -> bytes:
    """SHA-256 of a device's secret. Enough because we make the secrets ourselves, with 128 random bits or more."""
    return hashlib.sha256(secret.encode()).digest()


def broker_password(secret: str) -> str:
    """How mosquitto keeps a password: ``$7$iterations$salt$hash``, PBKDF2 with SHA-512 (mosquitto_passwd(1)).

    With its own 101 iterations: what makes guessing hopeless is the length of the secrets, not the slowness of a hash.
    """
    salt = os.urandom(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


async def register(
    tx: Transaction, tenant: str, device: Device, profile: Mapping[str, Any], secret: str | None = None
) -> None:
    """Add the device or replace what is known of it; its secret stays where none is given."""
    await tx.execute(
        _SQL["register"],
        tenant,
        device.id,
        device.family,
        device.kind,
        device.status,
        device.entity_id,
        device.entity_type,
        secret_hash(secret) if secret is not None else None,
        json.dumps(profile, ensure_ascii=False),
        broker_password(secret) if secret is not None else None,
    )


async def quarantine(tx: Transaction, devices: Sequence[tuple[str, str, str]]) -> None:
    """Note unknown devices as (tenant, id, family), to be approved or refused by a person."""
    if devices:
        await tx.execute(_SQL["quarantine"], *(list(column) for column in zip(*sorted(set(devices)), strict=True)))


async def list_devices(tx: Transaction, tenant: str, status: str | None) -> list[dict[str, Any]]:
    """The tenant's devices by id, all or those of one status."""
    return [dict(row) for row in await tx.fetch(_SQL["list"], tenant, status)]


async def set_status(tx: Transaction, tenant: str, device_id: str, status: str) -> bool:
    """Approve, quarantine or suspend a device; False if there is none of that name."""
    return await tx.execute(_SQL["set_status"], tenant, device_id, status) == "UPDATE 1"


async def note_seen(tx: Transaction, seen: Mapping[tuple[str, str], datetime]) -> None:
    """Note when devices, by (tenant, id), were last heard."""
    if seen:
        tenants, devices = (list(column) for column in zip(*seen, strict=True))
        await tx.execute(_SQL["seen"], tenants, devices, list(seen.values()))


async def rotate_secret(tx: Transaction, device_id: str, secret: str, keep_until: datetime | None) -> None:
    """Replace a device's secret; the old one counts until `keep_until`, or no more at once. Raises `NotFound`."""
    if await tx.fetchval(_SQL["rotate"], device_id, secret_hash(secret), keep_until, broker_password(secret)) is None:
        raise NotFound(f"there is no device {device_id}")


async def offer_claim(tx: Transaction, device_id: str, code: str) -> None:
    """Let whoever has `code`, from the device's sticker, claim it; until then it has no secret. Raises `NotFound`."""
    if await tx.fetchval(_SQL["offer"], device_id, secret_hash(code)) is None:
        raise NotFound(f"there is no device {device_id}")


async def claim(tx: Transaction, code: str, person: str, secret: str) -> str:
    """Give the device of a sticker its secret, once, and return its id; it waits for approval. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["claim"], secret_hash(code), person, secret_hash(secret), broker_password(secret))
    if row is None:
        raise NotFound("no device waits for this code: look again at the sticker, or it was claimed already")
    return str(row["id"])


async def family_of(tx: Transaction, device_id: str) -> str:
    """The family of a device of this tenant; empty where there is none of that id."""
    return await tx.fetchval(_SQL["family"], device_id) or ""


async def known_to_brokers(database: Database) -> AsyncIterator[tuple[Device, str | None]]:
    """Every device of every tenant with what an ordinary broker checks its password against, in order of name."""
    last = ("", "")
    while True:
        async with database.transaction() as tx:
            rows = await tx.fetch(_SQL["for_brokers"], *last, _PAGE)
        for row in rows:
            yield _device(row, _profile(row["id"], row["profile"])), row["broker_password"]
        if len(rows) < _PAGE:
            return
        last = (rows[-1]["tenant"], rows[-1]["id"])


async def changed_since(database: Database, query: str, since: datetime) -> AsyncIterator[list[Any]]:
    """The rows of `query` (by `updated_at`, tenant and id) from `since` on, a thousand at a time.

    All at once, fifty thousand rows would take memory that the process never gives back.
    """
    last = (since, "", "")
    while True:
        async with database.transaction() as tx:
            rows = await tx.fetch(query, *last, _PAGE)
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        last = (rows[-1]["updated_at"], rows[-1]["tenant"], rows[-1]["id"])


class DeviceRegistry:
    """All devices in memory, kept fresh by the database's notices (and every five minutes whatever happens).

    Of a profile only what is asked at every message is kept, and equal ones are kept once: fifty thousand devices
    have a handful of different rules. Where a device stands is kept for the families in `located` alone.
    """

    def __init__(self, database: Database, located: frozenset[str] = frozenset()) -> None:
        self._database = database
        self._located = located
        self._devices: dict[tuple[str, str], Device] = {}
        self._unknown_policy: dict[str, str] = {}
        self._watermark = datetime(1970, 1, 1, tzinfo=UTC)
        self.changed = asyncio.Event()
        """Set after every refresh; whoever follows it clears it."""
        self._profiles: dict[bytes, DeviceProfile] = {}

    def find(self, tenant: str, device_id: str) -> Device | None:
        """The device, or None if nobody registered it."""
        return self._devices.get((tenant, device_id))

    @property
    def tenants(self) -> list[str]:
        """The names of the cities there are."""
        return sorted(self._unknown_policy)

    def unknown_policy(self, tenant: str) -> str:
        """What becomes of unknown devices' readings: `reject` or `quarantine`."""
        return self._unknown_policy.get(tenant, "reject")

    async def refresh(self) -> None:
        """Read what changed since the last time, with an overlap for transactions that commit late."""
        async with self._database.transaction() as tx:
            tenants = await tx.fetch(_SQL["tenants"])
        self._unknown_policy = {row["name"]: row["unknown_devices"] for row in tenants}
        async for rows in changed_since(self._database, _SQL["since"], self._watermark - _OVERLAP):
            for row in rows:
                device = _device(row, self._shared(row["family"], _profile(row["id"], row["profile"])))
                self._devices[device.tenant, device.id] = device
            self._watermark = max(self._watermark, rows[-1]["updated_at"])
        self.changed.set()

    def _shared(self, family: str, profile: DeviceProfile) -> DeviceProfile:
        asked = DeviceProfile(
            valid_range=profile.valid_range,
            max_future_s=profile.max_future_s,
            max_age_s=profile.max_age_s,
            date_attribute=profile.date_attribute,
            publish=profile.publish,
            location=profile.location if family in self._located else None,
        )
        return self._profiles.setdefault(msgspec.json.encode(asked), asked)

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Refresh at every notice and every five minutes, until `stop`."""
        async with self._database.notices("device") as noticed:
            async for _ in rounds(noticed, stop=stop, every=_POLL_SECONDS):
                try:
                    await self.refresh()
                except Unavailable as error:
                    _log.warning("the registry of devices stays as it was: %s", error)


def _device(row: Any, profile: DeviceProfile) -> Device:
    return Device(
        tenant=sys.intern(row["tenant"]),
        id=row["id"],
        family=sys.intern(row["family"]),
        kind=sys.intern(row["kind"]),
        status=sys.intern(row["status"]),
        entity_id=row["entity_id"],
        entity_type=sys.intern(row["entity_type"]) if row["entity_type"] else None,
        secret_hash=row["secret_hash"],
        profile=profile,
        previous=(row["previous_hash"], row["previous_until"]) if row["previous_hash"] else None,
        certificates=None if row["certificates"] is None else frozenset(row["certificates"]),
    )


def _profile(device_id: str, text: str) -> DeviceProfile:
    """The profile, or an empty one where somebody wrote nonsense: one wrong row must not stop the others."""
    try:
        return parse_profile(json.loads(text))
    except ValueError:
        _log.exception("the profile of device %s is ignored", device_id)
        return DeviceProfile()
