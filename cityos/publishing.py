"""Whether the policies in force let devices publish: for a process that takes readings."""

from __future__ import annotations

import asyncio
import contextlib

from api_gateway.policies.book import PolicyBook
from broker.errors import Unavailable
from broker.ports import Database
from broker.store.devices import Device, DeviceRegistry
from broker.waiting import Parts
from cityos.policy_files import read_policy
from cityos.settings import Settings

_NEW_CITIES = 10.0


class Publishing:
    """The policies of all cities that there are. A change of one counts as a change of the registry, and is told as one
    (`DeviceRegistry.changed`)."""

    def __init__(self, settings: Settings, database: Database, registry: DeviceRegistry) -> None:
        self._registry = registry
        self._policies = PolicyBook(read_policy(settings.gateway.policy_file), database, registry.changed)

    def may(self, device: Device) -> bool:
        """Whether the device's city lets it publish. Pure look-up: asked for each reading."""
        return self._policies.judge(device.tenant).may_publish(device.tenant, device.id, device.family)

    async def learn(self) -> None:
        """Read the policies of cities that are not known yet. What cannot be read now is asked for again."""
        with contextlib.suppress(Unavailable):
            for tenant in self._registry.tenants:
                await self._policies.learn(tenant)

    async def follow(self) -> None:
        """Keep them as they are in force, those of new cities too. Runs until cancelled."""
        async with Parts() as group:
            group.add(self._policies.follow())
            while True:
                await asyncio.sleep(_NEW_CITIES)
                await self.learn()
