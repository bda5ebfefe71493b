"""What detectors and gateways say of watch tags: every format, every fault, and no word of whose tag it is."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.watch_tag import decode, gateways
from adapters.watch_tag.frames import Beacon, parse_advertisement
from adapters.watch_tag.routes import ROUTES
from schemas.detection import Sighting
from schemas.observation import Reason, Rejection

UUID = "fda50693a4e24fb1afcfc6eb07647825"
IBEACON = bytes.fromhex("0201061aff4c000215" + UUID + "000a0007c5")
ALTBEACON = bytes.fromhex("02011a1bff1801beac" + UUID + "000a0007" + "c500")
UID = bytes.fromhex("0201060303aafe1716aafe00e7" + "0102030405060708090a" + "0b0c0d0e0f10" + "0000")
EID = bytes.fromhex("0201060303aafe0d16aafe30e7" + "1122334455667788")
TOPIC = "city/tag/gate-1/up"
AT = datetime(2026, 11, 23, 23, 2, 1, tzinfo=UTC)


def plain(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"sightings": list(rows)}).encode()


@pytest.mark.parametrize(
    ("frame", "beacon"),
    [
        (IBEACON, Beacon(f"ibeacon:{UUID}:10:7", -59)),
        (ALTBEACON, Beacon(f"altbeacon:{UUID}000a0007", -59)),
        (UID, Beacon("eddystone-uid:0102030405060708090a:0b0c0d0e0f10", -66)),
        (EID, Beacon("eddystone-eid:1122334455667788", -66)),
    ],
)
def test_a_frame_tells_the_tag_and_its_power_at_one_metre(frame: bytes, beacon: Beacon) -> None:
    assert parse_advertisement(frame) == beacon
    for spelling in (frame.hex(), frame.hex(" ").upper(), base64.b64encode(frame).decode()):
        (found,) = decode.decode(TOPIC, plain({"adv": spelling, "rssi": -67}))
        assert isinstance(found, Sighting)
        assert (found.device, found.tag, found.rssi, found.power) == ("gate-1", *beacon[:1], -67, beacon.power)


def test_the_message_of_the_handbook() -> None:
    page = Path("docs/devices/watch-tag.md").read_text("utf-8")
    message = page.split("```json\n")[1].split("```")[0]
    (found,) = decode.decode(TOPIC, message.encode())
    assert isinstance(found, Sighting)
    assert (found.tag, found.observed_at) == (f"ibeacon:{UUID}:10:7", AT)


def test_a_moving_detector_says_where_and_when_it_was() -> None:
    row = {"t": "2026-11-24T08:02:01+09:00", "adv": IBEACON.hex(), "rssi": -67, "lon": 134.84, "lat": 34.76}
    message = {"sent": "2026-11-24T09:00:00+09:00", "sightings": [{**row, "accuracy": 12, "battery": 80}]}
    (found,) = decode.decode(TOPIC, json.dumps(message).encode())
    assert isinstance(found, Sighting)
    assert (found.observed_at, found.place, found.accuracy, found.battery) == (AT, (134.84, 34.76), 12.0, 80.0)
    assert found.sent_at == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"adv": "zz"}, Reason.WRONG_SHAPE, "adv"),
        ({"adv": None}, Reason.WRONG_SHAPE, "adv"),
        ({"adv": "0201060303aafe"}, Reason.NOT_A_TAG, "adv"),
        ({"rssi": None}, Reason.WRONG_SHAPE, "rssi"),
        ({"rssi": "-67"}, Reason.WRONG_SHAPE, "rssi"),
        ({"rssi": 300}, Reason.OUT_OF_RANGE, "rssi"),
        ({"t": "tomorrow"}, Reason.BAD_TIME, "t"),
        ({"lon": 134.8}, Reason.WRONG_SHAPE, "lat"),
        ({"lon": 0, "lat": 0}, Reason.SENSOR_FAULT, "lon"),
        ({"battery": 101}, Reason.OUT_OF_RANGE, "battery"),
    ],
)
def test_a_wrong_sighting_names_its_field_and_spoils_no_other(
    changes: dict[str, Any], reason: Reason, field: str
) -> None:
    good = {"adv": IBEACON.hex(), "rssi": -67}
    first, wrong = decode.decode(TOPIC, plain(good, {**good, **changes}))
    assert isinstance(first, Sighting)
    assert isinstance(wrong, Rejection)
    assert (wrong.reason, wrong.field, wrong.device) == (reason, field, "gate-1")


@pytest.mark.parametrize(
    ("topic", "message", "tag"),
    [
        (
            "home/pole-12/BTtoMQTT/AABBCCDDEEFF",
            {"id": "AA:BB:CC:DD:EE:FF", "rssi": -71, "uuid": UUID, "major": 10, "minor": 7, "txpower": -59},
            f"ibeacon:{UUID}:10:7",
        ),
        (
            "home/pole-12/BTtoMQTT/AABBCCDDEEFF",
            {"id": "AA:BB:CC:DD:EE:FF", "rssi": -71, "manufacturerdata": IBEACON[5:].hex()},
            f"ibeacon:{UUID}:10:7",
        ),
        (
            "home/pole-12/BTtoMQTT/AABBCCDDEEFF",
            {"id": "AA:BB:CC:DD:EE:FF", "rssi": -71, "servicedata": UID[11:].hex(), "servicedatauuid": "0xfeaa"},
            "eddystone-uid:0102030405060708090a:0b0c0d0e0f10",
        ),
        (
            "home/pole-12/BTtoMQTT/AABBCCDDEEFF",
            {"id": "AA:BB:CC:DD:EE:FF", "mac_type": 0, "rssi": -71, "type": "TRACK", "batt": 90},
            "mac:aabbccddeeff",
        ),
        ("home/home_presence/pole-12", {"id": "AA:BB:CC:DD:EE:FF", "distance": 2.75}, "mac:aabbccddeeff"),
    ],
)
def test_openmqttgateway_and_theengs(topic: str, message: dict[str, Any], tag: str) -> None:
    (found,) = gateways.decode_openmqtt(topic, json.dumps(message).encode())
    assert isinstance(found, Sighting), found
    assert (found.device, found.tag) == ("pole-12", tag)


@pytest.mark.parametrize(
    "message",
    [
        {"id": "AA:BB:CC:DD:EE:FF", "rssi": -71, "name": "someone's phone"},
        {"id": "AA:BB:CC:DD:EE:FF", "mac_type": 1, "rssi": -71, "type": "TRACK"},
    ],
)
def test_a_passer_bys_device_is_no_tag(message: dict[str, Any]) -> None:
    (found,) = gateways.decode_openmqtt("home/pole-12/BTtoMQTT/AABBCCDDEEFF", json.dumps(message).encode())
    assert isinstance(found, Rejection)
    assert found.reason is Reason.NOT_A_TAG


@pytest.mark.parametrize(
    ("id", "tag"),
    [
        ("iBeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825-10-7", f"ibeacon:{UUID}:10:7"),
        ("abeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825-10-7", f"altbeacon:{UUID}000a0007"),
        ("eddy:0102030405060708090a-0b0c0d0e0f10", "eddystone-uid:0102030405060708090a:0b0c0d0e0f10"),
        ("apple:1005:9-26", None),
        ("iBeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825-99999-7", None),
    ],
)
def test_espresense(id: str, tag: str | None) -> None:
    message = json.dumps({"id": id, "rssi": -68.3, "rssi@1m": -59, "distance": 2.1}).encode()
    (found,) = gateways.decode_espresense(f"espresense/devices/{id}/pole-12", message)
    if tag is None:
        assert isinstance(found, Rejection)
    else:
        assert isinstance(found, Sighting)
        assert (found.device, found.tag, found.rssi, found.power) == ("pole-12", tag, -68, -59)


def test_every_gateway_gives_one_tag_one_id() -> None:
    (plainly,) = decode.decode(TOPIC, plain({"adv": IBEACON.hex(), "rssi": -67}))
    topic = "home/pole-12/BTtoMQTT/AABBCCDDEEFF"
    members = {"rssi": -71, "uuid": UUID.upper(), "major": 10, "minor": 7}
    (openmqtt,) = gateways.decode_openmqtt(topic, json.dumps(members).encode())
    (room,) = gateways.decode_espresense(
        "espresense/devices/x/pole-12", json.dumps({"id": f"iBeacon:{UUID}-10-7", "rssi": -7}).encode()
    )
    assert all(isinstance(found, Sighting) for found in (plainly, openmqtt, room))
    assert len({found.tag for found in (plainly, openmqtt, room) if isinstance(found, Sighting)}) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
rows = st.dictionaries(
    st.sampled_from(["adv", "t", "rssi", "lon", "lat", "battery", "id", "uuid", "major", "minor", "type", "batt"]),
    json_values | st.sampled_from([IBEACON.hex(), UID.hex(), UUID, -70, 5]),
)
PLANTED = "0123456789abcdef0123456789abcdef"


@given(st.binary(max_size=60))
def test_no_bytes_upset_the_frames(data: bytes) -> None:
    parse_advertisement(data)
    parse_advertisement(b"\x1a\xff\x4c\x00\x02\x15" + data)
    parse_advertisement(b"\x17\x16\xaa\xfe" + data)


@given(st.sampled_from(ROUTES), st.binary(max_size=200) | rows.map(lambda row: json.dumps(row).encode()))
def test_no_payload_upsets_a_decoder_and_each_gets_an_outcome(route: Any, payload: bytes) -> None:
    for topic in (TOPIC, "home/pole-1/BTtoMQTT/x", "home/presence/pole-1", "espresense/devices/x/pole-1", "?"):
        assert route.decode(topic, payload)


@given(rows)
def test_no_complaint_repeats_a_value(row: dict[str, Any]) -> None:
    planted = {name: f"{PLANTED}{value}" if isinstance(value, str) else value for name, value in row.items()}
    found = [*decode.decode(TOPIC, plain(planted)), *decode.decode(TOPIC, PLANTED.encode())]
    for topic in (f"home/pole-1/BTtoMQTT/{PLANTED}", f"home/{PLANTED}!/BTtoMQTT/{PLANTED}"):
        found += gateways.decode_openmqtt(topic, json.dumps(planted).encode())
    found += gateways.decode_espresense(f"espresense/devices/{PLANTED}/pole-1", json.dumps(planted).encode())
    assert all(PLANTED not in f"{one!r}{one.detail}" for one in found if isinstance(one, Rejection))
    assert all(PLANTED not in repr(one) for one in found)
