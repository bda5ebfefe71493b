"""The central system against stations that are real clients: sessions, doors, faults, commands; in both versions."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from broker.store.commands import command
from cityos.simulated_station import CallFailed
from schemas.clock import iso, utc_now
from tests.conftest import CityDatabase
from tests.integration.charging.conftest import PATIENCE, SECRET, Central, running, tell, until

THEN = "2026-11-21T09:00:00Z"
URN = "urn:ngsi-ld:EVChargingStation:EV-1"
both = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


@both
async def test_a_session_from_card_to_energy(central: Central, version: str) -> None:
    await central.allow("CARD-1")
    station = await central.station(version=version)
    await station.status("Available")
    await central.entity(URN, status="empty", availableCapacity=1, connector1Status="Available")
    assert await station.start("CARD-1") == "Accepted"
    await station.status("Charging")
    station.charge(timedelta(minutes=6), 6000)
    await station.meter(power_w=6000, soc=41)
    values = await central.entity(URN, status="full", powerConsumption=6000)
    assert values["availableCapacity"] == 0
    [row] = await central.rows("select transaction, state::text as state from charging_session")
    session = f"urn:ngsi-ld:EVChargingSession:EV-1:{row['transaction']}"
    assert (await central.entity(session, status="ACTIVE"))["kwh"] == 0.6
    station.charge(timedelta(minutes=6), 6000)
    await station.stop("CARD-1")
    ended = await central.entity(session, status="COMPLETED", kwh=1.2, stopReason="Local")
    assert "CARD-1" not in json.dumps(ended)
    assert "CARD-1" not in row["state"]
    assert ended.get("flags") is None


async def test_a_start_that_is_repeated_counts_once(central: Central) -> None:
    await central.allow("CARD-1")
    station = await central.station()
    told = {"connectorId": 1, "idTag": "CARD-1", "meterStart": 1000, "timestamp": iso(utc_now())}
    answers = [await station.call("StartTransaction", told) for _ in range(3)]
    assert len({answer["transactionId"] for answer in answers}) == 1
    another = await station.call("StartTransaction", {**told, "meterStart": 1001})
    assert another["transactionId"] != answers[0]["transactionId"]
    rows = await central.rows("select transaction, open, state::text as state from charging_session order by at")
    assert [row["open"] for row in rows].count(True) == 1, "the connector has begun another: the first is over"


async def test_a_stop_of_an_unknown_transaction_is_kept(central: Central) -> None:
    station = await central.station()
    station.transaction, station.meter_wh = "4711", 5000
    await station.stop()
    session = await central.entity("urn:ngsi-ld:EVChargingSession:EV-1:4711", status="COMPLETED")
    assert session["flags"] == ["unknown-start"]
    for meter in (7000, 9000, 9000):  # two that never got an id, one of them told twice
        station.transaction, station.meter_wh = "-1", meter
        await station.call("StopTransaction", {"transactionId": -1, "meterStop": meter, "timestamp": THEN})
    assert len(await central.rows("select from charging_session where not open")) == 3


@both
async def test_what_was_said_offline_keeps_its_times(central: Central, version: str) -> None:
    await central.allow("CARD-1")
    then = utc_now() - timedelta(hours=3)
    station = await central.station(version=version, clock=lambda: then)
    await station.start("CARD-1")
    transaction = station.transaction
    await station.close()
    station.charge(timedelta(hours=1), 3000)
    await station.meter(power_w=3000)
    await station.stop("CARD-1")
    await station.connect()
    assert await station.say_what_was_kept() == 2
    urn = f"urn:ngsi-ld:EVChargingSession:EV-1:{transaction}"
    session = await central.entity(urn, status="COMPLETED", kwh=3.0)
    assert session["endDateTime"] == iso(then)
    assert "offline" in session["flags"]


async def test_an_unknown_card_is_refused_and_a_blocked_one_too(central: Central) -> None:
    await central.allow("BLOCKED")
    await central.execute("update charging_token set status = 'Blocked'")
    station = await central.station(version="1.6")
    assert (await station.call("Authorize", {"idTag": "NOBODY"}))["idTagInfo"]["status"] == "Invalid"
    assert (await station.call("Authorize", {"idTag": "BLOCKED"}))["idTagInfo"]["status"] == "Blocked"
    assert await station.start("NOBODY") == "Invalid"
    [row] = await central.rows("select state::text as state from charging_session")
    assert "not-authorized" in row["state"]


async def test_a_station_waits_for_approval(central: Central) -> None:
    await central.register("NEW-1", status="quarantined")
    station = central.client("NEW-1")
    await station.connect()
    assert await station.boot() == "Pending"
    with pytest.raises(CallFailed) as refused:
        await station.status("Available")
    assert refused.value.code == "SecurityError"
    await central.register("NEW-1")
    assert await station.boot() == "Accepted"
    await station.status("Available")


FAULTS = [
    ("1.6", '[2,"1","Heartbeat",{"x":1}]', "FormationViolation"),
    ("2.0.1", '[2,"1","Heartbeat",{"x":1}]', "FormatViolation"),
    ("1.6", '[2,"1","BootNotification",{"chargePointVendor":"a"}]', "OccurenceConstraintViolation"),
    ("2.0.1", '[2,"1","BootNotification",{"reason":"PowerUp"}]', "OccurrenceConstraintViolation"),
    (
        "1.6",
        '[2,"1","StatusNotification",{"connectorId":"1","errorCode":"NoError","status":"Available"}]',
        "TypeConstraintViolation",
    ),
    (
        "1.6",
        '[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Odd"}]',
        "PropertyConstraintViolation",
    ),
    ("1.6", '[2,"1","FlyToTheMoon",{}]', "NotImplemented"),
    ("1.6", '[2,"1","Reset",{"type":"Soft"}]', "NotSupported"),
    ("1.6", '[2,"1","Heartbeat",[]]', "TypeConstraintViolation"),
    ("1.6", '[2,"1","Authorize",{"idTag":"a\\u0000"}]', "PropertyConstraintViolation"),
    ("2.0.1", '[2,"1","Get15118EVCertificate",{}]', "OccurrenceConstraintViolation"),
    (
        "1.6",
        '[2,"1","StopTransaction",{"transactionId":1,"meterStop":1,"timestamp":"yesterday"}]',
        "PropertyConstraintViolation",
    ),
    ("2.0.1", "not JSON", "RpcFrameworkError"),
    ("2.0.1", '[9,"1","x",{}]', "RpcFrameworkError"),
]


async def test_what_is_wrong_gets_the_right_error_and_the_connection_goes_on(central: Central) -> None:
    await central.register("EV-1")
    for version, frame, code in FAULTS:
        raw = await _raw(central, "EV-1", version)
        await raw.send(frame)
        answer = json.loads(await asyncio.wait_for(raw.recv(), PATIENCE))
        assert (answer[0], answer[2]) == (4, code), frame
        await raw.send('[2,"2","Heartbeat",{}]')
        assert json.loads(await asyncio.wait_for(raw.recv(), PATIENCE))[0] == 3, frame
        await raw.close()


async def test_a_frame_too_large_and_endless_noise_end_the_connection(database: CityDatabase) -> None:
    async with running(database, max_frame_bytes=2048) as central:
        await central.register("EV-1")
        raw = await _raw(central, "EV-1")
        await raw.send("x" * 4096)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(raw.recv(), PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        raw = await _raw(central, "EV-1")
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                await raw.send("noise")
                await asyncio.sleep(0.01)


async def test_the_door_refuses_strangers_and_slows_guessers_down(central: Central) -> None:
    await central.register("EV-1")
    with pytest.raises(InvalidStatus) as unknown:
        await central.client("NOBODY").connect()
    assert unknown.value.response.status_code == 404
    seen = set()
    for _ in range(12):
        with pytest.raises(InvalidStatus) as wrong:
            await central.client("EV-1", password="guess").connect()
        seen.add(wrong.value.response.status_code)
    assert seen == {401, 429}
    with pytest.raises(InvalidStatus) as held:
        await central.client("EV-1").connect()
    assert held.value.response.status_code == 429, "the right password too, until the guessing has stopped a while"
    from_elsewhere = central.client("EV-1", local="127.0.0.2")
    await from_elsewhere.connect()
    assert await from_elsewhere.boot() == "Accepted", "who knows a station's name cannot keep it out"
    await central.station("EV-2")  # comes from the same address: behind a carrier's stand many


async def test_an_old_station_without_a_secret_needs_a_setting(database: CityDatabase) -> None:
    async with running(database) as central:
        await central.register("OLD-1", secret=None)
        with pytest.raises(InvalidStatus) as refused:
            await central.client("OLD-1", password=None).connect()
        assert refused.value.response.status_code == 401
    async with running(database, allow_open=True) as central:
        await central.client("OLD-1", password=None).connect()
        await central.register("EV-1")
        with pytest.raises(InvalidStatus):
            await central.client("EV-1", password=None).connect()


async def test_no_subprotocol_of_ours_ends_the_connection(central: Central) -> None:
    await central.register("EV-1")
    raw = await _raw(central, "EV-1", "0.9")
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(raw.recv(), PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1002


async def test_one_more_than_fits_is_told_so(database: CityDatabase) -> None:
    async with running(database, max_connections=1) as central:
        await central.station("EV-1")
        await central.register("EV-2")
        with pytest.raises(InvalidStatus) as full:
            await central.client("EV-2").connect()
        assert full.value.response.status_code == 503


async def test_a_station_that_comes_again_takes_its_place_over(central: Central) -> None:
    first = await central.station("EV-1")
    second = central.client("EV-1")
    await second.connect()
    await until(_now(lambda: first.connected), lambda open_: not open_)
    await second.heartbeat()
    assert len(central.system.stations()) == 1


async def test_a_half_open_connection_is_found(database: CityDatabase) -> None:
    async with running(database, ping_seconds=0.5) as central:
        station = await central.station("EV-1")
        await station.status("Available")
        await central.entity(URN, status="empty")
        assert station._socket is not None
        station._socket.transport.pause_reading()  # type: ignore[attr-defined]  # the line is dead: nothing is answered
        await until(_now(central.system.stations), lambda found: not found)
        await central.entity(URN, status="outOfService", availableCapacity=0)
        station._socket.transport.abort()


async def test_who_is_suspended_is_put_out(central: Central) -> None:
    station = await central.station("EV-1")
    assert await central.system.evict(central.doorkeeper.still) == 0
    await central.register("EV-1", status="suspended")
    assert await central.system.evict(central.doorkeeper.still) == 1
    await until(_now(lambda: station.connected), lambda open_: not open_)


COMMANDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("limit", {"connector": 1, "watts": 2400}, "SetChargingProfile", "SetChargingProfile"),
    ("unlock", {"connector": 1}, "UnlockConnector", "UnlockConnector"),
    ("reset", {"kind": "Soft"}, "Reset", "Reset"),
    (
        "set-configuration",
        {"key": "OCPPCommCtrlr.HeartbeatInterval", "value": 60},
        "ChangeConfiguration",
        "SetVariables",
    ),
    ("local-list", {"version": 2, "tokens": ["CARD-1"]}, "SendLocalList", "SendLocalList"),
    ("trigger", {"message": "Heartbeat"}, "TriggerMessage", "TriggerMessage"),
]


@both
async def test_a_command_reaches_the_station_and_its_answer_settles_it(central: Central, version: str) -> None:
    station = await central.station("EV-1", version)
    for number, (name, arguments, action16, action201) in enumerate(COMMANDS):
        await tell(central, f"c-{number}", name, arguments)
        await station.until_asked(action16 if version == "1.6" else action201)
    query = "select status from device_command"
    await until(lambda: central.rows(query), lambda rows: {row["status"] for row in rows} == {"done"})
    assert station.limit_w == 2400


async def test_how_a_station_is_set_up_is_kept_and_its_wish_for_a_certificate_too(central: Central) -> None:
    await central.station("EV-1", "1.6")
    other = await central.station("EV-2", "2.0.1")
    await tell(central, "c-1", "get-configuration", {})
    part = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"},
            "variableAttribute": [{"value": "Available", "mutability": "ReadOnly"}]}  # fmt: skip
    report = {"requestId": 1, "generatedAt": iso(utc_now()), "seqNo": 0, "reportData": [part, part]}
    await other.call("NotifyReport", report)
    query = "select station, name, value, writable from charging_variable order by station"
    rows = await until(lambda: central.rows(query), lambda rows: len(rows) == 2)
    assert [tuple(row.values()) for row in rows] == [
        ("EV-1", "HeartbeatInterval", "300", True), ("EV-2", "EVSE@1.AvailabilityState", "Available", False)
    ]  # fmt: skip
    assert (await other.call("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}))["status"] == "Accepted"
    rows = await central.rows("select certificate_request from charging_station where id = 'EV-2'")
    assert rows[0]["certificate_request"].startswith("-----BEGIN")


async def test_an_answer_of_any_length_is_kept_whole(central: Central) -> None:
    station = await central.station("EV-1")
    keys = [{"key": f"Key{number}", "readonly": True, "value": "v" * 40} for number in range(40)]
    station.configuration = keys
    await tell(central, "long", "get-configuration", {})
    await tell(central, "short", "unlock", {"connector": 1})
    query = "select status from device_command"
    await until(lambda: central.rows(query), lambda rows: {row["status"] for row in rows} == {"done"})
    async with central.database.app.transaction("fukui") as tx:
        long, short = [await command(tx, number, utc_now()) for number in ("long", "short")]
    assert long["answer"].endswith("…")
    assert long["whole"] == {"configurationKey": keys}
    assert (short["answer"], short["whole"]) == ("Unlocked", None)


async def test_a_command_that_is_none_fails_with_its_reason(central: Central) -> None:
    await central.station("EV-1")
    await tell(central, "c-1", "limit", {"watts": 1000})
    query = "select status, answer from device_command"
    [row] = await until(lambda: central.rows(query), lambda rows: rows[0]["status"] == "failed")
    assert "connector" in row["answer"]


async def test_nothing_is_answered_that_is_not_durable(central: Central) -> None:
    """The books lie still: the station hears nothing, and what it repeats counts once."""
    await central.allow("CARD-1")
    station = await central.station("EV-1")
    told = {"connectorId": 1, "idTag": "CARD-1", "meterStart": 1000, "timestamp": iso(utc_now())}
    async with central.database.system.transaction() as tx:
        await tx.execute("lock table charging_session in exclusive mode")
        asking = asyncio.create_task(station.call("StartTransaction", told))
        await asyncio.sleep(0.5)
        assert not asking.done()
    first = await asyncio.wait_for(asking, PATIENCE)
    assert await station.call("StartTransaction", told) == first


async def _raw(central: Central, name: str, version: str = "1.6") -> Any:
    pair = base64.b64encode(f"{name}:{SECRET}".encode()).decode()
    url = f"ws://127.0.0.1:{central.system.port}/ocpp/{name}"
    return await connect(
        url, subprotocols=[f"ocpp{version}"], additional_headers={"Authorization": f"Basic {pair}"}  # type: ignore[list-item]
    )  # fmt: skip


def _now(look: Any) -> Any:
    async def looked() -> Any:
        return look()

    return looked
