"""A disk that fills up under a running city: devices wait, nothing is lost, and room brings it all back."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.mqtt.patience import until
from tests.city import WholeCity
from tests.integration.faults.kit import KILLS, NO_BURST_LIMIT, reached, register_gauges, settled, store_of, stream
from tests.requirements import need

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SIZE = 400 * 2**20
COUNT = 20_000
DEVICES = 50
FULL_SECONDS = 10 if KILLS <= 2 else 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of the test's own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    need(mounted, "the right to mount a small file system (root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def city(disk: Path) -> Iterator[WholeCity]:
    city = WholeCity(disk / "city", **NO_BURST_LIMIT)
    city.start()
    yield city
    city.stop()


def fill(disk: Path) -> Path:
    """Take all the room that is left; returns what to delete to have it back."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65_536)
        except OSError:
            return filler


async def test_a_full_disk_holds_devices_back_until_there_is_room(city: WholeCity, disk: Path) -> None:
    async with store_of(city) as store:
        await register_gauges(store, "full", DEVICES)
    progress: list[int] = []
    sending = asyncio.create_task(stream(city, "full", range(COUNT), DEVICES, progress))
    await reached(progress, COUNT // 10, sending)
    filler = fill(disk)
    await still(progress)
    assert len(progress) < COUNT // 2, "the disk was not full in time"
    for _ in range(FULL_SECONDS):
        fill(disk)  # a recovering database gives back a little
        await asyncio.sleep(1)
    assert len(progress) < COUNT // 2, "devices are not held back"
    assert not sending.done()
    filler.unlink()
    await sending
    async with store_of(city) as store:
        assert await settled(store, "full", COUNT, 40) == (COUNT, True)
    for part in ("endpoint", "writer", "alerting", "notifier", "gateway", "postgres"):
        os.kill(city.pid(part), 0)
    assert city.get("/health/ready")


async def still(progress: list[int]) -> None:
    """Wait until no acknowledgement has come for three seconds."""
    seen = -1
    while seen != len(progress):
        seen = len(progress)
        await until(lambda: False, within=3)
