"""The role `endpoint`: the city's own MQTT endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from adapters.mqtt.courier import Courier
from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.tls import tls_files
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.ingest.intake import LogIntake
from broker.ingest.ports import Principal
from broker.renewal import follow
from broker.store.devices import DeviceRegistry
from broker.waiting import Parts, rounds
from cityos.publishing import Publishing
from cityos.settings import Settings, naming_the_variable
from cityos.wiring import open_intake, open_parts
from schemas.observation import Reason

_LOOK_AGAIN = 30.0


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve devices until `stop`; then what was taken is brought to the log and acknowledged."""
    async with open_parts(settings) as parts:
        registry, publishing, intake = await open_intake(parts, settings)
        doorkeeper = RegistryDoorkeeper(registry, settings.city.tenant, may_publish=publishing.may)
        endpoint = Endpoint(intake, doorkeeper, settings.mqtt, oversize=_count_oversize(intake))
        with naming_the_variable("mqtt"):
            await endpoint.start()
        async with Parts() as group:
            group.add(registry.keep_fresh(stop))
            group.add(intake.run(stop))
            group.add(Courier(endpoint, parts.database).run(stop))
            keepers = [
                group.add(follow(tls_files(settings.mqtt), endpoint.reload_certificates)),
                group.add(publishing.follow()),
                group.add(_evict(endpoint, registry, doorkeeper, publishing)),
            ]
            await stop.wait()
            for keeper in keepers:
                keeper.cancel()
            await endpoint.stop()


async def _evict(
    endpoint: Endpoint, registry: DeviceRegistry, doorkeeper: RegistryDoorkeeper, publishing: Publishing
) -> None:
    """End live sessions as soon as the registry or a policy says so, and look again where an old secret's time runs
    out."""
    async for _ in rounds(registry.changed, every=_LOOK_AGAIN):
        await publishing.learn()
        endpoint.evict(doorkeeper.still)


def _count_oversize(intake: LogIntake) -> Callable[[Principal, str | None, int], None]:
    return lambda principal, _topic, _size: intake.count(principal.tenant, principal.device, Reason.TOO_LARGE)
