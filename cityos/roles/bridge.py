"""The role `bridge`: a client of an existing MQTT broker."""

from __future__ import annotations

import asyncio

from adapters.mqtt.client import BrokerClient
from broker.errors import Invalid
from broker.waiting import Parts
from cityos.settings import Settings
from cityos.wiring import open_intake, open_parts


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Take from the broker until `stop`. Raises `Invalid` where none is named."""
    if settings.bridge is None:
        raise Invalid("the bridge has no broker to go to: set CITYOS_BRIDGE_HOST", field="CITYOS_BRIDGE_HOST")
    async with open_parts(settings) as parts:
        registry, publishing, intake = await open_intake(parts, settings)
        client = BrokerClient(intake, settings.bridge)
        await client.start()
        async with Parts() as group:
            group.add(registry.keep_fresh(stop))
            group.add(intake.run(stop))
            following = group.add(publishing.follow())
            await stop.wait()
            following.cancel()
            await client.stop()
