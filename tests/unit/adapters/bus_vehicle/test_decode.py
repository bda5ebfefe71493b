"""What buses say of where they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bus_vehicle.decode import MAX_ROWS, decode
from schemas.observation import Observation, Reason, Rejection

TOPIC = "city/bus/v1/up"
GOOD = {"t": "2026-11-24T09:12:30+09:00", "lon": 136.2216, "lat": 36.0612}
AT = datetime(2026, 11, 24, 0, 12, 30, tzinfo=UTC)


def test_the_message_of_the_handbook() -> None:
    message = {**GOOD, "speed": 31.5, "bearing": 270}
    assert decode(TOPIC, json.dumps(message).encode()) == [
        Observation(device="v1", property="location", value=(136.2216, 36.0612), observed_at=AT),
        Observation(device="v1", property="speed", value=31.5, observed_at=AT, unit="KMH"),
        Observation(device="v1", property="heading", value=270.0, observed_at=AT, unit="DD"),
    ]


def test_what_was_kept_in_a_tunnel_comes_as_a_list_and_a_bad_row_spoils_no_other() -> None:
    found = decode(TOPIC, json.dumps([GOOD, {"t": "?"}, GOOD]).encode())
    assert [type(outcome) for outcome in found] == [Observation, Rejection, Observation]


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"lon": 36.06, "lat": 136.22}, Reason.OUT_OF_RANGE, "lat"),
        ({"lon": 0, "lat": 0}, Reason.SENSOR_FAULT, "lon"),
        ({"lon": "136.2"}, Reason.WRONG_SHAPE, "lon"),
        ({"lat": None}, Reason.WRONG_SHAPE, "lat"),
        ({"lat": True}, Reason.WRONG_SHAPE, "lat"),
        ({"lat": 1e400}, Reason.NOT_A_NUMBER, "lat"),
        ({"t": "tomorrow"}, Reason.BAD_TIME, "t"),
    ],
)
def test_a_wrong_place_names_the_field(changes: dict[str, object], reason: Reason, field: str) -> None:
    (found,) = decode(TOPIC, json.dumps({**GOOD, **changes}).encode())
    assert isinstance(found, Rejection)
    assert (found.reason, found.field, found.device) == (reason, field, "v1")


def test_a_wrong_speed_keeps_the_place() -> None:
    place, speed = decode(TOPIC, json.dumps({**GOOD, "speed": -3}).encode())
    assert isinstance(place, Observation)
    assert isinstance(speed, Rejection)


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", json.dumps([GOOD] * (MAX_ROWS + 1)).encode()])
def test_other_shapes_are_rejected(payload: bytes) -> None:
    assert all(isinstance(outcome, Rejection) for outcome in decode(TOPIC, payload))


@given(st.text(), st.binary())
def test_no_bytes_break_it(topic: str, payload: bytes) -> None:
    assert decode(topic, payload)
    assert decode(TOPIC, payload)
