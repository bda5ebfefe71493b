"""A registry of devices that a test writes down."""

from __future__ import annotations

from broker.store.devices import Device


class WrittenRegistry:
    """Implements `broker.ingest.judge.Registry` from a list."""

    def __init__(self, *devices: Device, unknown: str = "quarantine") -> None:
        self._devices = {(device.tenant, device.id): device for device in devices}
        self._unknown = unknown

    def find(self, tenant: str, device_id: str) -> Device | None:
        return self._devices.get((tenant, device_id))

    def unknown_policy(self, tenant: str) -> str:
        return self._unknown
