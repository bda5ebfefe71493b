"""Real clients at the endpoint: paho, gmqtt, mosquitto's command line and MQTT.js, in both versions.

Each publishes at every quality of service, hears its command, and finds its session again where it asks for one.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import gmqtt
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from adapters.mqtt.downlink import DeliveryState
from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.patience import until
from tests.integration.mqtt.broker import find
from tests.integration.mqtt.conftest import StartEndpoint
from tests.integration.mqtt.kit import PATIENCE, TENANT, TestIntake
from tests.requirements import need

JS = Path(__file__).parent / "js"
LEVEL, GATE = "river/g1/level", "commands/g1/gate"
paho_versions = pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])


@pytest.fixture
async def endpoint(start_endpoint: StartEndpoint) -> Endpoint:
    return await start_endpoint()


def paho(version: MQTTProtocolVersion, endpoint: Endpoint, *, keep: bool = False) -> Client:
    five = version == MQTTProtocolVersion.MQTTv5
    client = Client(
        CallbackAPIVersion.VERSION2, client_id="paho", protocol=version, clean_session=None if five else not keep
    )
    client.username_pw_set("g1", "secret")
    client.connect("127.0.0.1", endpoint.port or 0)
    client.loop_start()
    return client


@paho_versions
async def test_paho_publishes_at_every_quality(
    endpoint: Endpoint, intake: TestIntake, version: MQTTProtocolVersion
) -> None:
    client = await asyncio.to_thread(paho, version, endpoint)
    sent = [b"%d" % number for number in range(600)]
    published = [client.publish(LEVEL, payload, qos=number % 3) for number, payload in enumerate(sent)]
    for info in published:
        await asyncio.to_thread(info.wait_for_publish, PATIENCE)
    await intake.until(len(sent))
    assert sorted(intake.payloads) == sorted(sent)
    assert endpoint.counters.received_qos2 == 200
    await asyncio.to_thread(client.disconnect)
    await asyncio.to_thread(client.loop_stop)


@paho_versions
async def test_paho_is_acknowledged_only_when_it_is_durable_and_repeats_after_a_break(
    endpoint: Endpoint, intake: TestIntake, version: MQTTProtocolVersion
) -> None:
    intake.hold = True
    client = await asyncio.to_thread(paho, version, endpoint, keep=True)
    client.reconnect_delay_set(1, 1)
    info = client.publish(LEVEL, b"important", qos=1)
    await intake.until(1)
    await asyncio.sleep(0.3)
    assert not info.is_published()
    intake.release(error=OSError("the database is away"))
    intake.hold = False
    await asyncio.to_thread(info.wait_for_publish, PATIENCE)
    assert info.is_published()
    assert intake.payloads == [b"important", b"important"]
    await asyncio.to_thread(client.disconnect)
    await asyncio.to_thread(client.loop_stop)


@paho_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_paho_hears_its_commands(endpoint: Endpoint, version: MQTTProtocolVersion, qos: int) -> None:
    client = await asyncio.to_thread(paho, version, endpoint)
    heard: list[tuple[str, bytes, int]] = []
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _, __, message: heard.append((message.topic, bytes(message.payload), message.qos))
    client.subscribe("commands/g1/#", qos=qos)
    assert await asyncio.to_thread(subscribed.wait, PATIENCE)
    state = await endpoint.deliver(TENANT, "g1", GATE, b"open", 2, wait=PATIENCE if qos else 0)
    assert state == (DeliveryState.ACKNOWLEDGED if qos else DeliveryState.SENT)
    assert await until(lambda: heard == [(GATE, b"open", qos)], within=PATIENCE)
    await asyncio.to_thread(client.disconnect)
    await asyncio.to_thread(client.loop_stop)


@pytest.mark.parametrize("version", [4, 5])
async def test_gmqtt(endpoint: Endpoint, intake: TestIntake, version: int) -> None:
    client = gmqtt.Client("gmqtt", clean_session=True)
    client.set_auth_credentials("g1", "secret")
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    subscribed = asyncio.Event()

    async def on_message(_: Any, topic: str, payload: bytes, __: int, ___: Any) -> int:
        heard.put_nowait((topic, payload))
        return 0

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    await client.connect("127.0.0.1", endpoint.port, version=version)
    for qos in range(3):
        client.publish(LEVEL, b"%d" % qos, qos=qos)
    await intake.until(3)
    assert intake.payloads == [b"0", b"1", b"2"]
    client.subscribe("commands/g1/#", qos=1)
    async with asyncio.timeout(PATIENCE):
        await subscribed.wait()
        assert await endpoint.deliver(TENANT, "g1", GATE, b"open", 1, wait=PATIENCE) == DeliveryState.ACKNOWLEDGED
        assert await heard.get() == (GATE, b"open")
    await client.disconnect()


async def run(program: str, *arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        program, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def finish(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
async def test_mosquitto_command_line(endpoint: Endpoint, intake: TestIntake, version: str) -> None:
    pub, sub = find("mosquitto_pub"), find("mosquitto_sub")
    login = ("-h", "127.0.0.1", "-p", endpoint.port, "-u", "g1", "-P", "secret", "-V", version)
    for qos in range(3):
        assert (await finish(await run(pub, *login, "-t", LEVEL, "-m", f"m{qos}", "-q", qos)))[0] == 0
    await intake.until(3)
    assert intake.payloads == [b"m0", b"m1", b"m2"]
    code, _, _ = await finish(
        await run(pub, *login[:-4], "-P", "wrong", "-V", version, "-t", LEVEL, "-m", "x", "-q", 1)
    )
    assert code != 0
    listening = await run(sub, *login, "-i", "sub", "-c", "-t", "commands/g1/#", "-q", 1, "-C", 1, "-x", 60)
    for _ in range(100):
        if (state := await endpoint.deliver(TENANT, "g1", GATE, b"open", 1)) != DeliveryState.NOBODY:
            break
        await asyncio.sleep(0.05)
    assert state in (DeliveryState.SENT, DeliveryState.QUEUED)
    assert await finish(listening) == (0, "open\n", "")
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)
    assert await endpoint.deliver(TENANT, "g1", GATE, b"while away", 1) == DeliveryState.QUEUED
    again = await run(sub, *login, "-i", "sub", "-c", "-t", "commands/g1/#", "-q", 1, "-C", 1, "-x", 60)
    assert await finish(again) == (0, "while away\n", "")


@pytest.mark.parametrize("version", [4, 5])
async def test_mqtt_js(endpoint: Endpoint, intake: TestIntake, version: int) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    need(bool(node and npm), "node and npm")
    if not (JS / "node_modules" / "mqtt").exists():
        code, _, error = await finish(await run(npm or "", "ci", "--prefix", JS, "--no-audit", "--no-fund", "--silent"))
        need(code == 0, f"MQTT.js, which npm could not install: {error[-300:]}")
    device = await run(node or "", JS / "device.js", endpoint.port, version)
    try:
        await intake.until(4)
    except TimeoutError:
        raise AssertionError(await finish(device)) from None
    assert intake.payloads == [b"js 0", b"js 1", b"js 2", b"now"]
    assert await endpoint.deliver(TENANT, "g1", GATE, b"open", 2, wait=PATIENCE) == DeliveryState.ACKNOWLEDGED
    code, out, error = await finish(device)
    assert code == 0, error
    assert json.loads(out) == {"topic": GATE, "payload": "open", "qos": 2}
