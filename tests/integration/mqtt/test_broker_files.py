"""A real mosquitto with the files that the registry gives: a device publishes only as itself."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.mqtt.patience import until
from broker.ingest.broker_files import Bridge, BrokerFiles, Known, broker_files
from broker.store.devices import Device, known_to_brokers, register, rotate_secret, set_status
from tests.conftest import CityDatabase
from tests.integration.mqtt.broker import SHIPPED, find, free_port
from tests.integration.mqtt.kit import PATIENCE

pytestmark = pytest.mark.mosquitto

SECRET = "a secret of many random letters"
BRIDGE = Bridge("cityos-bridge", "the bridge's own password")
UP = "city/river/gauge-1/up"


async def files_of(database: CityDatabase) -> BrokerFiles:
    known = [Known(device, kept) async for device, kept in known_to_brokers(database.system)]
    return broker_files(known, bridge=BRIDGE)


async def add(database: CityDatabase, device: Device, profile: Mapping[str, Any] = {}) -> None:
    async with database.system.transaction() as tx:
        await register(tx, device.tenant, device, profile, SECRET)


class Broker:
    """mosquitto with the shipped settings and the two files, in this test's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, files: BrokerFiles) -> None:
        for name, text in (("passwords", files.passwords), ("acl", files.acl)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)

    async def start(self) -> None:
        own = ("listener ", "password_file ", "persistence_location ")
        lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith(own)]
        lines += [f"listener {self.port} 127.0.0.1", f"password_file {self.folder}/passwords"]
        lines += [f"acl_file {self.folder}/acl", f"persistence_location {self.folder}/", f"user {self.folder.owner()}"]
        lines += ["log_type information", "log_type subscribe"]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines))
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                [find("mosquitto"), "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        assert await until(lambda: b"running" in (self.folder / "log").read_bytes(), within=PATIENCE)

    async def reload(self) -> None:
        """Read the files again, as an operator has it do after a change of the registry."""
        assert self.process is not None
        before = (self.folder / "log").read_bytes().count(b"Reloading config")
        self.process.send_signal(signal.SIGHUP)
        assert await until(
            lambda: (self.folder / "log").read_bytes().count(b"Reloading config") > before, within=PATIENCE
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)

    async def publish(self, user: str, topic: str, message: str = "{}", password: str = SECRET) -> str:
        """What mosquitto's own client says of one message at QoS 1; empty where it was taken."""
        done = await self._run("mosquitto_pub", user, password, "-q", "1", "-t", topic, "-m", message)
        return (done[1] + done[2]).decode()

    async def hear(self, user: str, password: str, topic: str, *, count: int) -> asyncio.Task[list[str]]:
        """Subscribe and take so many messages as ``topic message``; returns once the broker has the subscription."""
        command = [find("mosquitto_sub"), "-V", "5", "-h", "127.0.0.1", "-p", str(self.port), "-u", user]
        command += ["-P", password, "-q", "1", "-t", topic, "-C", str(count), "-F", "%t %p"]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        there = f" 1 {topic}\n".encode()
        assert await until(lambda: there in (self.folder / "log").read_bytes(), within=PATIENCE)

        async def rest(stream: asyncio.StreamReader) -> list[str]:
            async with asyncio.timeout(PATIENCE):
                text = (await stream.read()).decode()
                await process.wait()
            return text.splitlines()

        return asyncio.create_task(rest(process.stdout))

    async def _run(self, program: str, user: str, password: str, *rest: str) -> tuple[int | None, bytes, bytes]:
        command = [find(program), "-V", "5", "-h", "127.0.0.1", "-p", str(self.port), "-u", user, "-P", password, *rest]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        return process.returncode, out, err


@pytest.fixture
async def broker(tmp_path: Path, database: CityDatabase) -> AsyncIterator[Broker]:
    await add(database, Device("fukui", "gauge-1", "river_gauge"))
    await add(database, Device("fukui", "gauge-2", "river_gauge"))
    await add(database, Device("neighbour", "gauge-1", "river_gauge"))
    await add(database, Device("fukui", "network-1", "river_gauge", "network"), {"publish": ["application/+/event/up"]})
    made = Broker(tmp_path)
    made.write(await files_of(database))
    try:
        await made.start()
        yield made
    finally:
        made.stop()


async def test_a_device_publishes_only_as_itself(broker: Broker) -> None:
    heard = await broker.hear(*BRIDGE[:2], "city/#", count=2)
    assert "ot authorized" in await broker.publish("fukui/gauge-1", "city/river/gauge-2/up", "as another")
    assert "ot authorized" in await broker.publish("fukui/gauge-1", "city/device/gauge-1/down/1", "a command")
    assert "ot authorized" in await broker.publish("fukui/gauge-1", "anything", "elsewhere")
    assert "ot authorized" in await broker.publish("fukui/gauge-1", "application/1/event/up", "as a network")
    assert await broker.publish("fukui/network-1", "application/1/event/up", "its own") == ""
    assert await broker.publish("fukui/gauge-1", UP, "its own") == ""
    assert await broker.publish("fukui/gauge-1", "city/device/gauge-1/reply/1", "done") == ""
    assert await heard == [f"{UP} its own", "city/device/gauge-1/reply/1 done"]


async def test_a_device_hears_its_own_commands_alone(broker: Broker) -> None:
    heard = await broker.hear("fukui/gauge-1", SECRET, "city/+/gauge-1/down/#", count=1)
    assert await broker.publish("cityos-bridge", "city/device/gauge-2/down/1", "not for it", BRIDGE[1]) == ""
    assert await broker.publish("cityos-bridge", "city/device/gauge-1/down/2", "open", BRIDGE[1]) == ""
    assert await heard == ["city/device/gauge-1/down/2 open"]


async def test_who_is_not_in_the_registry_does_not_come_in(broker: Broker) -> None:
    for user, password in (
        ("fukui/gauge-1", "a guess"),
        ("fukui/nobody", SECRET),
        ("gauge-1", SECRET),
        ("cityos-bridge", SECRET),
    ):
        assert "ot authorized" in await broker.publish(user, UP, password=password), user


async def test_what_changes_in_the_registry_changes_at_the_broker(broker: Broker, database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await set_status(tx, "fukui", "gauge-2", "suspended")
    async with database.app.transaction("fukui") as tx:
        await rotate_secret(tx, "gauge-1", "another secret of many letters", None)
    broker.write(await files_of(database))
    await broker.reload()
    assert await broker.publish("fukui/gauge-1", UP, password="another secret of many letters") == ""
    assert "ot authorized" in await broker.publish("fukui/gauge-1", UP)
    assert "ot authorized" in await broker.publish("fukui/gauge-2", "city/river/gauge-2/up")
    assert await broker.publish("neighbour/gauge-1", UP) == "", "each city's own device"


async def test_names_that_the_files_cannot_hold_are_left_out_with_a_reason(database: CityDatabase) -> None:
    evil = ["a:b", "a\nuser fukui/x", "a b", "#", "+", "a/b"]
    for name in evil:
        await add(database, Device("fukui", name, "river_gauge"))
    await add(database, Device("fukui", "lora", "river_gauge", "network"), {"publish": ["x\ntopic #"]})
    async with database.system.transaction() as tx:
        await register(tx, "fukui", Device("fukui", "new", "river_gauge"), {})
    made = await files_of(database)
    assert {line.device for line in made.left_out} == {f"fukui/{name}" for name in (*evil, "lora", "new")}
    assert made.passwords.count("\n") == 1, "the bridge's line alone"
    assert [line for line in made.acl.splitlines() if line.startswith("user")] == ["user cityos-bridge"]
    assert all(line.why for line in made.left_out)
