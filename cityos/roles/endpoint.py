"""The role `endpoint`: the city's own MQTT endpoint."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from adapters.mqtt.courier import Courier
from adapters.mqtt.endpoint import Endpoint
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.ingest.intake import LogIntake
from broker.ingest.ports import Principal
from broker.store.devices import DeviceRegistry
from cityos.settings import Settings, naming_the_variable
from cityos.wiring import open_intake, open_parts
from schemas.observation import Reason

_LOOK_AGAIN = 30.0


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve devices until `stop`; then what was taken is brought to the log and acknowledged."""
    async with open_parts(settings) as parts:
        registry, intake = await open_intake(parts, settings)
        doorkeeper = RegistryDoorkeeper(registry, settings.city.tenant)
        endpoint = Endpoint(intake, doorkeeper, settings.mqtt, oversize=_count_oversize(intake))
        with naming_the_variable("mqtt"):
            await endpoint.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(registry.keep_fresh(stop))
            group.create_task(intake.run(stop))
            group.create_task(Courier(endpoint, parts.database).run(stop))
            evicting = group.create_task(_evict(endpoint, registry, doorkeeper))
            await stop.wait()
            evicting.cancel()
            await endpoint.stop()


async def _evict(endpoint: Endpoint, registry: DeviceRegistry, doorkeeper: RegistryDoorkeeper) -> None:
    """End live sessions as soon as the registry says so, and look again where an old secret's time runs out."""
    while True:
        registry.changed.clear()
        endpoint.evict(doorkeeper.still)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(registry.changed.wait(), _LOOK_AGAIN)


def _count_oversize(intake: LogIntake) -> Callable[[Principal, str | None, int], None]:
    return lambda principal, _topic, _size: intake.count(principal.tenant, principal.device, Reason.TOO_LARGE)
