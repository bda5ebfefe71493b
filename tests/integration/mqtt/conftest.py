"""Endpoints to try: each test gets its own, on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.settings import EndpointSettings
from tests.integration.mqtt.kit import Device, Door, TestIntake

StartEndpoint = Callable[..., Awaitable[Endpoint]]


@pytest.fixture(autouse=True)
async def hang_up() -> AsyncIterator[None]:
    """Close the sockets of all bare devices at the end of a test."""
    Device.opened.clear()  # those of a test whose loop was closed before it came so far
    yield
    for device in Device.opened:
        device.drop()
    Device.opened.clear()


@pytest.fixture
def intake() -> TestIntake:
    return TestIntake()


@pytest.fixture
def door() -> Door:
    return Door(g1="secret", g2="secret")


@pytest.fixture
async def start_endpoint(intake: TestIntake, door: Door) -> AsyncIterator[StartEndpoint]:
    """Start an endpoint with the given settings; it is stopped at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(oversize: Any = None, **settings: Any) -> Endpoint:
            options = {"oversize": oversize} if oversize else {}
            endpoint = Endpoint(intake, door, EndpointSettings(**{"port": 0, **settings}), **options)
            await endpoint.start()
            stack.push_async_callback(endpoint.stop)
            return endpoint

        yield start


@pytest.fixture
async def port(start_endpoint: StartEndpoint) -> int:
    """The port of an endpoint with default settings."""
    endpoint = await start_endpoint()
    assert endpoint.port
    return endpoint.port
