"""Who may connect, and as whom: decided from the one registry of devices."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from broker.ingest.ports import Credentials, Principal
from broker.store.devices import Device, DeviceRegistry
from schemas.clock import Clock, utc_now

MayPublish = Callable[[Device], bool]
"""Whether the policy lets a registered device publish (`access.policy.may_publish`)."""


def anything(_device: Device) -> bool:
    """The registry alone decides."""
    return True


class RegistryDoorkeeper:
    """Implements `broker.ingest.ports.Doorkeeper`.

    The user name is ``tenant/device`` (or ``device`` in the default tenant) and the password the device's secret;
    a client certificate, which the endpoint has verified, takes the place of both with the same name in it. Of a
    device to which certificates were bound only one of those counts, and no password. A device that the policy forbids
    to publish comes in and hears its commands.
    """

    def __init__(
        self,
        registry: DeviceRegistry,
        default_tenant: str,
        clock: Clock = utc_now,
        may_publish: MayPublish = anything,
    ) -> None:
        self._may_publish = may_publish
        self._registry = registry
        self._default_tenant = default_tenant
        self._clock = clock

    async def admit(self, credentials: Credentials) -> Principal | None:
        """See `broker.ingest.ports.Doorkeeper.admit`. A quarantined device is let in; what it sends waits."""
        name = credentials.certificate_name or credentials.username
        if not name:
            return None
        tenant, _, device_id = name.rpartition("/")
        device = self._registry.find(tenant or self._default_tenant, device_id)
        if device is None or device.status == "suspended":
            return None
        key = self._key(device, credentials)
        if key is None:
            return None
        return Principal(device.tenant, device.id, *topics_of(device, self._may_publish), key)

    def still(self, principal: Principal) -> bool:
        """Whether one who was admitted would be admitted again: a suspension or a revoked key ends live sessions,
        and so does what the policy says of its publishing: it comes back to what it may."""
        device = self._registry.find(principal.tenant, principal.device)
        if device is None or device.status == "suspended":
            return False
        if bool(principal.publish) is not self._may_publish(device):
            return False
        if device.certificates is not None:
            return principal.key in device.certificates
        return not principal.key or principal.key in self._secrets(device)

    def _key(self, device: Device, credentials: Credentials) -> bytes | None:
        if device.certificates is not None:
            return credentials.fingerprint if credentials.fingerprint in device.certificates else None
        if credentials.certificate_name is not None:
            return b""
        shown = hashlib.sha256(credentials.password or b"").digest()
        return next((kept for kept in self._secrets(device) if hmac.compare_digest(shown, kept)), None)

    def _secrets(self, device: Device) -> list[bytes]:
        """The hashes that count now: the secret's, and for a while the one's before it."""
        kept = [device.secret_hash] if device.secret_hash else []
        if device.previous and device.previous[1] > self._clock():
            kept.append(device.previous[0])
        return kept


def topics_of(device: Device, may_publish: MayPublish = anything) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The topics that a device may publish to, and those that it may hear: its own, and no others but a network's.

    It may publish nothing where the policy forbids it.
    """
    own = (f"city/+/{device.id}/up", f"city/+/{device.id}/reply/#")
    publish = (*own, *device.profile.publish) if device.kind == "network" else own
    return publish if may_publish(device) else (), (f"city/+/{device.id}/down/#",)
