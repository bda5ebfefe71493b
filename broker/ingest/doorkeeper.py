"""Who may connect, and as whom: decided from the one registry of devices."""

from __future__ import annotations

import hashlib
import hmac

from broker.ingest.ports import Credentials, Principal
from broker.store.devices import Device, DeviceRegistry


class RegistryDoorkeeper:
    """Implements `broker.ingest.ports.Doorkeeper`.

    The user name is ``tenant/device`` (or ``device`` in the default tenant) and the password the device's secret;
    a client certificate, which the endpoint has verified, takes the place of both with the same name in it.
    """

    def __init__(self, registry: DeviceRegistry, default_tenant: str) -> None:
        self._registry = registry
        self._default_tenant = default_tenant

    async def admit(self, credentials: Credentials) -> Principal | None:
        """See `broker.ingest.ports.Doorkeeper.admit`. A quarantined device is let in; what it sends waits."""
        name = credentials.certificate_name or credentials.username
        if not name:
            return None
        tenant, _, device_id = name.rpartition("/")
        device = self._registry.find(tenant or self._default_tenant, device_id)
        if device is None or device.status == "suspended":
            return None
        if credentials.certificate_name is None and not _knows_secret(device, credentials.password):
            return None
        return _principal(device)


def _knows_secret(device: Device, password: bytes | None) -> bool:
    if password is None or device.secret_hash is None:
        return False
    return hmac.compare_digest(hashlib.sha256(password).digest(), device.secret_hash)


def _principal(device: Device) -> Principal:
    own = (f"city/+/{device.id}/up", f"city/+/{device.id}/reply/#")
    publish = (*own, *device.profile.publish) if device.kind == "network" else own
    return Principal(device.tenant, device.id, publish, (f"city/+/{device.id}/down/#",))
