"""The role `endpoint`: the city's own MQTT endpoint."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from adapters.mqtt.courier import Courier
from adapters.mqtt.endpoint import Endpoint
from api_gateway.policies.book import PolicyBook
from broker.errors import Unavailable
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.ingest.intake import LogIntake
from broker.ingest.ports import Principal
from broker.store.devices import Device, DeviceRegistry
from cityos.commands.policy import read_policy
from cityos.settings import Settings, naming_the_variable
from cityos.wiring import open_intake, open_parts
from schemas.observation import Reason

_LOOK_AGAIN = 30.0


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve devices until `stop`; then what was taken is brought to the log and acknowledged."""
    async with open_parts(settings) as parts:
        registry, intake = await open_intake(parts, settings)
        policies = PolicyBook(read_policy(settings.gateway.policy_file), parts.database, registry.changed)
        await _learn(policies, registry)

        def may_publish(device: Device) -> bool:
            return policies.judge(device.tenant).may_publish(device.tenant, device.id, device.family)

        doorkeeper = RegistryDoorkeeper(registry, settings.city.tenant, may_publish=may_publish)
        endpoint = Endpoint(intake, doorkeeper, settings.mqtt, oversize=_count_oversize(intake))
        with naming_the_variable("mqtt"):
            await endpoint.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(registry.keep_fresh(stop))
            group.create_task(intake.run(stop))
            group.create_task(Courier(endpoint, parts.database).run(stop))
            keepers = [
                group.create_task(policies.follow()),
                group.create_task(_evict(endpoint, registry, doorkeeper, policies)),
            ]
            await stop.wait()
            for keeper in keepers:
                keeper.cancel()
            await endpoint.stop()


async def _learn(policies: PolicyBook, registry: DeviceRegistry) -> None:
    """Every city's policy, before its devices speak."""
    for tenant in registry.tenants:
        await policies.learn(tenant)


async def _evict(
    endpoint: Endpoint, registry: DeviceRegistry, doorkeeper: RegistryDoorkeeper, policies: PolicyBook
) -> None:
    """End live sessions as soon as the registry or a policy says so, and look again where an old secret's time runs
    out."""
    while True:
        registry.changed.clear()
        with contextlib.suppress(Unavailable):
            await _learn(policies, registry)
        endpoint.evict(doorkeeper.still)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(registry.changed.wait(), _LOOK_AGAIN)


def _count_oversize(intake: LogIntake) -> Callable[[Principal, str | None, int], None]:
    return lambda principal, _topic, _size: intake.count(principal.tenant, principal.device, Reason.TOO_LARGE)
