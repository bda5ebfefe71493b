"""The endpoint keeps the promises of a way in."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator

import mqtt5
import pytest

from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.packets.codec import V5, V311, Codec
from adapters.mqtt.settings import EndpointSettings
from tests.integration.mqtt.contract import WayInContract
from tests.integration.mqtt.kit import Closed, Device, Door, TestIntake

WINDOW = 500


class DeviceAtTheEndpoint:
    """A device that repeats what was not acknowledged when it comes back, as the standard asks (4.4)."""

    plenty = 4000

    def __init__(self, codec: Codec, endpoint: Endpoint, intake: TestIntake) -> None:
        self.intake = intake
        self._endpoint = endpoint
        self._device = Device(codec)
        self._unacknowledged: OrderedDict[int, bytes] = OrderedDict()
        self._acknowledged: list[int] = []
        self._next = 0
        self._left = 0
        self._room = asyncio.Event()
        self._task: asyncio.Task[None]
        self._connected = asyncio.Event()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._live())
        await self._connected.wait()

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._device.drop()

    async def publish(self, *payloads: bytes) -> None:
        self._left += len(payloads)
        for payload in payloads:
            while len(self._unacknowledged) >= WINDOW:
                self._room.clear()
                await self._room.wait()
            self._next = self._next % 0xFFFF + 1
            self._unacknowledged[self._next] = payload
            await self._device.publish(payload, self._next)
            self._left -= 1

    def acknowledged(self) -> int:
        return len(self._acknowledged)

    async def cut(self) -> None:
        self._connected.clear()
        self._device.drop()
        await self._connected.wait()

    def unsent(self) -> int:
        return self._left

    async def _live(self) -> None:
        assert self._endpoint.port
        while True:
            await self._device.connect(self._endpoint.port, clean_start=False, session_expiry_interval=60)
            for packet_id, payload in self._unacknowledged.items():
                await self._device.publish(payload, packet_id, duplicate=True)
            self._connected.set()
            try:
                while True:
                    await self._hear()
            except Closed:
                self._device = Device(self._device.codec)

    async def _hear(self) -> None:
        packet = await self._device.packet_without_limit()
        if not isinstance(packet, mqtt5.PubAckPacket):
            assert isinstance(packet, mqtt5.DisconnectPacket), packet
            return
        assert packet.packet_id == next(iter(self._unacknowledged)), "acknowledged out of order"
        del self._unacknowledged[packet.packet_id]
        self._acknowledged.append(packet.packet_id)
        self._room.set()


class TestEndpointIsAWayIn(WayInContract):
    @pytest.fixture(params=[V311, V5], ids=["3.1.1", "5.0"])
    async def way(self, request: pytest.FixtureRequest) -> AsyncIterator[DeviceAtTheEndpoint]:
        intake = TestIntake()
        endpoint = Endpoint(intake, Door(g1="secret"), EndpointSettings(port=0))
        await endpoint.start()
        way = DeviceAtTheEndpoint(request.param, endpoint, intake)
        await way.start()
        yield way
        intake.let_go()
        await way.stop()
        await endpoint.stop()
