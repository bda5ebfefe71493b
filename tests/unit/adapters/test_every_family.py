"""Whatever any device of any family says in JSON can be put on the log and kept by the store, or is refused."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.topics import allowed
from broker.ingest.ports import AdapterRoute
from cityos.wiring import ROUTES
from schemas.observation import Observation, Received, Rejection, decode_arrival, encode_arrival

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
AT = "2026-11-21T12:00:00+09:00"
EUI = "0102030405060708"
METER = {"value": "1.5", "measurand": "Power.Active.Import", "phase": "L1", "location": "EV", "unit": "kW"}
ADVERTISEMENT = "1aff4c000215" + "00" * 16 + "00010002c5"
SAMPLES: dict[str, list[Any]] = {
    "city/river/x1/up": [{"t": AT, "level": 2.72, "unit": "m", "battery": 3.6}],
    "city/rain/x1/up": [{"t": AT, "hour": 3.5, "tenMinutes": 1}],
    "city/dam/x1/up": [{"t": AT, "level": 302.4, "inflow": 210.4}],
    "city/flood-notice/x1/up": [
        {"t": AT, "kind": "flood-forecast", "level": 3, "status": "actual", "headline": "九頭竜川", "text": "x"}
    ],
    "city/bus/x1/up": [{"t": AT, "lon": 136.2, "lat": 36.1, "speed": 31.5, "bearing": 270}],
    "city/power/x1/up": [{"t": AT, "power": 1.0}],
    "city/device/x1/reply/c-1": [{"t": AT, "outcome": "failed", "detail": "blocked"}],
    "city/ev/x1/up": [
        {"ocpp": "1.6", "action": action, "at": AT, "payload": payload}
        for action, payload in (
            ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}),
            ("StatusNotification", {"connectorId": 1, "status": "Charging", "timestamp": AT}),
            ("FirmwareStatusNotification", {"status": "Installed"}),
            ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [METER]}]}),
            ("Heartbeat", {}),
        )
    ],
    f"application/a/device/{EUI}/event/up": [
        {
            "deviceInfo": {"devEui": EUI},
            "time": AT,
            "devAddr": "a",
            "fPort": 1,
            "data": "AAAAAA==",
            "object": {"level": 1},
        }
    ],
    "v3/a/devices/x1/up": [
        {
            "end_device_ids": {"device_id": "x1", "dev_addr": "a"},
            "uplink_message": {"session_key_id": "s", "f_port": 1, "decoded_payload": {"level": 1}, "received_at": AT},
        }
    ],
    "city/tag/x1/up": [{"sent": AT, "sightings": [{"t": AT, "adv": ADVERTISEMENT, "rssi": -67, "battery": 90}]}],
    "home/x1/BTtoMQTT/AABBCCDDEEFF": [{"id": "AA:BB:CC:DD:EE:FF", "type": "TRACK", "rssi": -60, "batt": 3}],
    "home/home_presence/x1": [{"id": "AA:BB:CC:DD:EE:FF", "rssi": -60}],
    "home/presence/x1": [{"id": "AA:BB:CC:DD:EE:FF", "rssi": -60}],
    "espresense/devices/y/x1": [{"id": f"iBeacon:{'0' * 32}-1-2", "rssi": -60, "rssi@1m": -59}],
}
"""A topic of each route, and messages of it that are in order."""

HOSTILE = (
    st.sampled_from(["\ud800", "a\udfffb", "a\x00b", "x" * 5000, "Energy" + "A" * 5000, 10**400, 1e308, -1])
    | st.none()
    | st.booleans()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from([[], {}, [7], [[]], {"": None}, {"\ud800": {"\x00": 1}}])
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value, the whole of it first."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def put(value: Any, path: tuple[Any, ...], what: Any) -> Any:
    if not path:
        return what
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = what
    return value


def assert_storable(outcome: Observation | Rejection) -> None:
    assert "\\u0000" not in msgspec.json.encode(outcome).decode(), "PostgreSQL keeps no NUL"
    if isinstance(outcome, Observation):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,199}", outcome.property), "an attribute's name stands in an index"
        assert len(outcome.message_key or "") <= 200
        assert not isinstance(outcome.value, str) or len(outcome.value) <= 8_000
    else:
        assert len(outcome.detail) <= 1000
        assert len(outcome.field or "") <= 200


def topic_of(route: AdapterRoute) -> str:
    [topic] = [topic for topic in SAMPLES if allowed((route.filter,), topic)]
    return topic


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.filter))
@given(st.data())
def test_what_it_says_can_be_kept(route: AdapterRoute, data: st.DataObject) -> None:
    topic = topic_of(route)
    sample = data.draw(st.sampled_from(SAMPLES[topic]))
    path = data.draw(st.sampled_from(list(places(sample))))
    message = put(sample, path, data.draw(HOSTILE))
    outcomes = route.decode(topic, json.dumps(message).encode())
    assert outcomes
    kept = [outcome for outcome in outcomes if isinstance(outcome, Observation | Rejection)]
    record = Received(
        tenant="t",
        device="x1",
        topic=topic,
        payload=b"",
        received_at=NOW,
        way="endpoint",
        observations=tuple(one for one in kept if isinstance(one, Observation)),
        rejections=tuple(one for one in kept if isinstance(one, Rejection)),
    )
    assert decode_arrival(encode_arrival(record))
    for outcome in kept:
        assert_storable(outcome)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.filter))
def test_the_samples_are_in_order(route: AdapterRoute) -> None:
    topic = topic_of(route)
    for sample in SAMPLES[topic]:
        assert not [one for one in route.decode(topic, json.dumps(sample).encode()) if isinstance(one, Rejection)]
