"""A device's life at the door: commands down and answers up, suspension, overlapping secrets, claims, silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import mqtt5
import pytest

from access.defaults import DEFAULT_POLICY
from access.policy import READINGS
from access.policy_file import plain
from adapters.commands.routes import ROUTES as ANSWERS
from adapters.mqtt.courier import Courier
from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.settings import EndpointSettings
from adapters.river_gauge.routes import ROUTES
from api_gateway.policies.book import PolicyBook
from api_gateway.policies.store import activate, draft
from broker.consume import Consumption, Subscription
from broker.ingest.broker_files import Known, broker_files
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.ingest.intake import LogIntake
from broker.ingest.judge import Judge
from broker.ingest.settings import IntakeSettings
from broker.ingest.writer import GROUP, ObservationWriter
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS
from broker.store.devices import DeviceRegistry, known_to_brokers
from broker.store.entities import EntityWriter
from cityos.authority import found_authority, issue
from schemas.clock import utc_now
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City
from tests.integration.mqtt.kit import Closed, Device

PATIENCE = 30.0


@dataclass(frozen=True)
class Door:
    """The endpoint and the writer, on the city's own database and log."""

    endpoint: Endpoint
    registry: DeviceRegistry
    doorkeeper: RegistryDoorkeeper

    async def connect(self, device: Device) -> None:
        await self.registry.refresh()
        assert self.endpoint.port
        answer = await device.connect(self.endpoint.port)
        assert answer.reason_code.value == 0

    async def refuses(self, device: Device) -> bool:
        await self.registry.refresh()
        assert self.endpoint.port
        return bool((await device.connect(self.endpoint.port)).reason_code.value == 0x87)


@pytest.fixture
async def door(city: City) -> AsyncIterator[Door]:
    system, partitions = city.database.system, {OBSERVATIONS: 2, CHANGES: 2}
    log = PostgresLog(system, partitions=partitions)
    registry = DeviceRegistry(system)
    policies = PolicyBook(DEFAULT_POLICY, system, registry.changed)
    await policies.learn("fukui")
    doorkeeper = RegistryDoorkeeper(
        registry,
        "fukui",
        may_publish=lambda one: policies.judge(one.tenant).may_publish(one.tenant, one.id, one.family),
    )
    intake = LogIntake(log, Judge((*ROUTES, *ANSWERS), registry), lambda tenant, device: False, IntakeSettings())
    endpoint = Endpoint(intake, doorkeeper, EndpointSettings(port=0))
    writer = ObservationWriter(EntityWriter(PostgresOutlet(partitions)), registry, utc_now)
    subscription = Subscription(OBSERVATIONS, GROUP, wait=0.05)
    consumption = Consumption(log, system, subscription, writer.handle, committed=writer.committed)
    await endpoint.start()
    stop = asyncio.Event()
    keepers = [
        asyncio.create_task(work)
        for work in (intake.run(stop), Courier(endpoint, system).run(stop), consumption.run(stop))
    ]
    following = asyncio.create_task(policies.follow())
    yield Door(endpoint, registry, doorkeeper)
    following.cancel()
    stop.set()
    await endpoint.stop()
    await asyncio.wait_for(asyncio.gather(*keepers), PATIENCE)
    await log.close()


@pytest.fixture
async def officer(browser: Browser) -> dict[str, str]:
    return {"Authorization": f"Bearer {await browser.staff('device-officer')}"}


async def registered(api: httpx.AsyncClient, officer: dict[str, str], name: str = "gate-1") -> Device:
    made = await api.post("/api/v1/devices", headers=officer, json={"id": name, "family": "river_gauge"})
    assert made.status_code == 201, made.text
    return Device(name=f"fukui/{name}", password=made.json()["password"])


async def asked(api: httpx.AsyncClient, officer: dict[str, str], **wish: Any) -> str:
    answer = await api.post(
        "/api/v1/devices/gate-1/commands", headers=officer, json={"command": "open", "arguments": {"cm": 30}, **wish}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    return str(answer.json()["id"])


async def until(api: httpx.AsyncClient, officer: dict[str, str], number: str, status: str) -> dict[str, Any]:
    """The command once it has that status."""
    shown: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        while shown.get("status") != status:
            await asyncio.sleep(0.05)
            shown = (await api.get(f"/api/v1/commands/{number}", headers=officer)).json()
    return shown


async def test_a_command_goes_down_and_its_answer_comes_up(
    api: httpx.AsyncClient, officer: dict[str, str], city: City, door: Door
) -> None:
    device = await registered(api, officer)
    number = await asked(api, officer)
    await door.connect(device)
    await device.subscribe("city/+/gate-1/down/#")
    command = await asyncio.wait_for(device.expect(mqtt5.PublishPacket), PATIENCE)
    assert command.topic == f"city/device/gate-1/down/{number}"
    said = json.loads(command.payload)
    assert (said["id"], said["command"], said["arguments"]) == (number, "open", {"cm": 30})
    assert (await until(api, officer, number, "sent"))["acknowledged_at"] is None
    await device.send(mqtt5.PubAckPacket(command.packet_id))
    await until(api, officer, number, "acknowledged")
    answer = {"t": datetime.now(UTC).isoformat(), "outcome": "failed", "detail": "the gate is blocked"}
    for packet in (7, 8):
        await device.publish(json.dumps(answer).encode(), packet, topic=f"city/device/gate-1/reply/{number}")
        await device.expect(mqtt5.PubAckPacket)
    shown = await until(api, officer, number, "failed")
    assert shown["answer"] == "the gate is blocked"
    async with city.database.system.transaction() as tx:
        doc = json.loads(await tx.fetchval("select doc::text from entity where id = 'urn:ngsi-ld:Device:gate-1'"))
        lines = await tx.fetch("select actor, detail from audit where action = 'device.command'")
        seen = await tx.fetchval("select at from device_seen where device = 'gate-1'")
    assert doc["commandStatus"]["value"] == "failed: the gate is blocked"
    assert len(lines) == 1
    assert number in lines[0]["detail"]
    assert datetime.now(UTC) - seen < timedelta(minutes=5)
    device.drop()


async def test_certificates_are_bound_and_revoked_by_staff(
    api: httpx.AsyncClient, officer: dict[str, str], door: Door, tmp_path: Path
) -> None:
    device = await registered(api, officer)
    now, where = datetime.now(UTC), "/api/v1/devices/gate-1/certificates"
    found_authority(tmp_path / "ca", "fukui", now)
    good, others = (issue(tmp_path / "ca", f"fukui/{name}", now, 30) for name in ("gate-1", "gate-2"))
    old = issue(tmp_path / "ca", "fukui/gate-1", now - timedelta(days=9), 3)

    async def bind(pem: bytes, place: str = where) -> httpx.Response:
        return await api.post(place, headers=officer, json={"certificate": pem.decode()})

    for wrong, why in [
        (b"gate-1", "no certificate in PEM"),
        (good.key or b"", "no certificate in PEM"),
        (good.certificate + others.certificate, "there are 2 certificates"),
        (others.certificate, "knows this device by fukui/gate-1"),
        (old.certificate, "it was good until"),
    ]:
        answer = await bind(wrong)
        assert (answer.status_code, answer.json()["field"]) == (400, "certificate")
        assert why in answer.json()["detail"]
    await door.connect(device)
    made = await bind(good.certificate)
    assert (made.status_code, made.json()["fingerprint"]) == (201, good.fingerprint.hex())
    assert await door.refuses(device), "by its password no more"
    again = await bind(good.certificate)
    assert (again.status_code, "already" in again.json()["detail"]) == (409, True)
    assert (await bind(others.certificate, "/api/v1/devices/gate-2/certificates")).status_code == 404
    gone = await api.delete(f"{where}/{good.serial}", headers=officer)
    assert gone.status_code == 204
    assert (await api.delete(f"{where}/{good.serial}", headers=officer)).status_code == 404
    (line,) = (await api.get(where, headers=officer)).json()["certificates"]
    assert (line["serial"], line["revokedAt"] is not None) == (good.serial, True)
    assert (await api.get(where)).status_code == 401


def silenced(**more: Any) -> dict[str, Any]:
    """A policy by which these devices publish nothing."""
    rule = {"name": "silent", "explanation": "on trial", "allow": False, "actions": ["write"], "types": [READINGS]}
    return {"rules": [rule | more, *plain(DEFAULT_POLICY)["rules"]]}


async def decided(city: City, policy: dict[str, Any]) -> None:
    """The policy is in force."""
    async with city.database.system.transaction() as tx:
        number, _ = await draft(tx, "fukui", policy, [], why="x", by="x", at=utc_now())
        await activate(tx, "fukui", number, why="x", by="x", at=utc_now())


async def test_a_policy_silences_a_family_at_once_and_it_still_hears_its_commands(
    api: httpx.AsyncClient, officer: dict[str, str], city: City, door: Door
) -> None:
    device = await registered(api, officer)
    reading = json.dumps({"t": datetime.now(UTC).isoformat(), "level": 1.0}).encode()
    up = "city/river/gate-1/up"
    await door.connect(device)
    await device.publish(reading, 7, topic=up)
    assert (await device.expect(mqtt5.PubAckPacket)).reason_code.value < 0x80
    door.registry.changed.clear()
    await decided(city, silenced(devices=["family:river_gauge"]))
    await asyncio.wait_for(door.registry.changed.wait(), PATIENCE)
    door.endpoint.evict(door.doorkeeper.still)
    with pytest.raises(Closed):
        while True:
            await device.packet()
    await door.connect(device)
    await device.publish(reading, 7, topic=up)
    assert (await device.expect(mqtt5.PubAckPacket)).reason_code.value == 0x87
    await device.subscribe("city/+/gate-1/down/#")
    number = await asked(api, officer)
    command = await asyncio.wait_for(device.expect(mqtt5.PublishPacket), PATIENCE)
    assert command.topic.endswith(number)
    device.drop()


async def test_the_files_for_a_broker_follow_the_policy(
    api: httpx.AsyncClient, officer: dict[str, str], city: City
) -> None:
    await registered(api, officer)
    await registered(api, officer, "gate-2")
    system = city.database.system
    known = [Known(device, kept) async for device, kept in known_to_brokers(system)]

    async def acl() -> str:
        book = PolicyBook(DEFAULT_POLICY)
        async with system.transaction() as tx:
            judge = await book.current(tx, "fukui")
        return broker_files(known, may_publish=lambda one: judge.may_publish(one.tenant, one.id, one.family)).acl

    assert "topic write city/+/gate-1/up" in await acl()
    await decided(city, silenced(devices=["gate-1"]))
    text = await acl()
    assert "topic write city/+/gate-1/up" not in text
    assert "topic read city/+/gate-1/down/#" in text
    assert "topic write city/+/gate-2/up" in text


async def test_commands_to_some_devices_alone(api: httpx.AsyncClient, officer: dict[str, str], city: City) -> None:
    await registered(api, officer)
    await registered(api, officer, "pump-1")
    rule = {"explanation": "pumps are for the pumps' officer", "actions": ["command"], "types": ["service:devices"]}
    pumps = {**rule, "name": "pumps", "allow": False, "devices": ["pump-*"]}
    await decided(city, {"rules": [pumps, *plain(DEFAULT_POLICY)["rules"]]})
    following = asyncio.create_task(city.app.state.policies.follow())
    wish, refused = {"command": "open"}, None
    async with asyncio.timeout(PATIENCE):
        while refused is None or refused.status_code == 202:
            refused = await api.post("/api/v1/devices/pump-1/commands", headers=officer, json=wish)
    following.cancel()
    assert (refused.status_code, "pumps are for" in refused.json()["detail"]) == (403, True)
    assert (await api.post("/api/v1/devices/gate-1/commands", headers=officer, json=wish)).status_code == 202


async def test_silence_is_an_expired_command(api: httpx.AsyncClient, officer: dict[str, str], door: Door) -> None:
    await registered(api, officer)
    number = await asked(api, officer, expires_in_s=1)
    assert (await until(api, officer, number, "expired"))["sent_at"] is None


async def test_what_was_not_acknowledged_is_sent_again_under_its_number(
    api: httpx.AsyncClient, officer: dict[str, str], door: Door
) -> None:
    device = await registered(api, officer)
    await door.connect(device)
    await device.subscribe("city/device/gate-1/down/+")
    number = await asked(api, officer, expires_in_s=600)
    first = await asyncio.wait_for(device.expect(mqtt5.PublishPacket), PATIENCE)
    device.drop()
    again = Device(name=device.name, password=device.password)
    await door.connect(again)
    await again.subscribe("city/device/gate-1/down/+")
    second = await asyncio.wait_for(again.expect(mqtt5.PublishPacket), PATIENCE)
    assert first.topic == second.topic == f"city/device/gate-1/down/{number}"
    again.drop()


async def test_another_device_cannot_answer(api: httpx.AsyncClient, officer: dict[str, str], door: Door) -> None:
    await registered(api, officer)
    thief = await registered(api, officer, "gate-2")
    number = await asked(api, officer, expires_in_s=600)
    await door.connect(thief)
    answer = json.dumps({"t": datetime.now(UTC).isoformat(), "outcome": "done"}).encode()
    await thief.publish(answer, 7, topic=f"city/device/gate-2/reply/{number}")
    await thief.expect(mqtt5.PubAckPacket)
    await thief.publish(answer, 8, topic=f"city/device/gate-1/reply/{number}")
    assert (await thief.expect(mqtt5.PubAckPacket)).reason_code.value == 0x87
    shown = (await api.get(f"/api/v1/commands/{number}", headers=officer)).json()
    assert shown["status"] == "queued"
    thief.drop()


async def test_commanding_needs_its_own_permission(api: httpx.AsyncClient, officer: dict[str, str], city: City) -> None:
    await registered(api, officer)
    weak = {"Authorization": f"Bearer {await city.token('devices:write', 'devices:read')}"}
    refused = await api.post("/api/v1/devices/gate-1/commands", headers=weak, json={"command": "open"})
    assert refused.status_code == 403
    assert "devices:command" in refused.json()["detail"]
    missing = await api.post("/api/v1/devices/none/commands", headers=officer, json={"command": "open"})
    assert missing.status_code == 404
    wrong = await api.post("/api/v1/devices/gate-1/commands", headers=officer, json={"command": "a b"})
    assert wrong.status_code == 400


async def test_suspending_a_device_ends_its_live_session(
    api: httpx.AsyncClient, officer: dict[str, str], door: Door
) -> None:
    device = await registered(api, officer)
    await door.connect(device)
    await door.registry.refresh()
    assert door.endpoint.evict(door.doorkeeper.still) == 0
    await api.put("/api/v1/devices/gate-1/status", headers=officer, json={"status": "suspended"})
    await door.registry.refresh()
    assert door.endpoint.evict(door.doorkeeper.still) == 1
    assert (await device.expect(mqtt5.DisconnectPacket)).reason_code.value == 0x87
    with pytest.raises(Closed):
        await device.expect(mqtt5.PublishPacket)
    assert await door.refuses(device)


async def test_secrets_overlap_where_asked(api: httpx.AsyncClient, officer: dict[str, str], door: Door) -> None:
    old = await registered(api, officer)
    await door.connect(old)
    made = await api.post("/api/v1/devices/gate-1/secret?keep_s=600", headers=officer)
    new = Device(name=old.name, password=made.json()["password"])
    await door.registry.refresh()
    assert door.endpoint.evict(door.doorkeeper.still) == 0
    await door.connect(new)
    await door.connect(old)
    await api.post("/api/v1/devices/gate-1/secret", headers=officer)
    await door.registry.refresh()
    assert door.endpoint.evict(door.doorkeeper.still) == 1
    assert await door.refuses(old)
    assert await door.refuses(new)


async def test_a_sticker_is_claimed_once_and_its_device_waits(
    api: httpx.AsyncClient, officer: dict[str, str], browser: Browser, other: Browser, door: Door
) -> None:
    factory = await registered(api, officer)
    made = await api.post("/api/v1/devices/gate-1/claim-code", headers=officer)
    code = made.json()["code"]
    assert await door.refuses(factory)
    await other.sign_up("installer@example.jp")
    await other.log_in("installer@example.jp")
    guess = await other.post("/account/devices/claim", {"code": "0000-0000-0000-0000"})
    assert guess.status_code == 404
    claimed = (await other.post("/account/devices/claim", {"code": code.lower().replace("0", "o")})).json()
    assert (claimed["username"], claimed["status"]) == ("fukui/gate-1", "quarantined")
    assert (await other.post("/account/devices/claim", {"code": code})).status_code == 404
    await door.connect(Device(name=claimed["username"], password=claimed["password"]))
    listed = (await api.get("/api/v1/devices?status=quarantined", headers=officer)).json()["devices"]
    assert [(each["id"], each["waitsForClaim"]) for each in listed] == [("gate-1", False)]


async def test_who_should_have_been_heard_is_listed(
    api: httpx.AsyncClient, officer: dict[str, str], city: City
) -> None:
    for name in ("gate-1", "gate-2", "gate-3"):
        await registered(api, officer, name)
    async with city.database.system.transaction() as tx:
        for name, ago in (("gate-1", timedelta(hours=1)), ("gate-2", timedelta(minutes=15))):
            await tx.execute(
                "insert into device_seen select tenant_id, id, $2 from device where id = $1",
                name,
                datetime.now(UTC) - ago,
            )
    every = (await api.get("/api/v1/devices", headers=officer)).json()["devices"]
    assert [each["overdue"] for each in every] == [True, False, None]
    late = (await api.get("/api/v1/devices?overdue=true", headers=officer)).json()["devices"]
    assert [each["id"] for each in late] == ["gate-1"]
