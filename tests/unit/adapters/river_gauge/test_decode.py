"""Plain JSON from a gauge: what is read, and how each wrong thing is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.river_gauge.decode import decode
from adapters.river_gauge.rows import MAX_ROWS
from schemas.observation import Observation, Reason, Rejection

TOPIC = "city/river/gauge-7/up"
AT = datetime(2023, 7, 12, 22, 20, tzinfo=UTC)


def level(value: float, at: datetime = AT) -> Observation:
    return Observation(device="gauge-7", property="waterLevel", value=value, observed_at=at, unit="MTR")


def battery(value: float) -> Observation:
    return Observation(device="gauge-7", property="batteryVoltage", value=value, observed_at=AT, unit="VLT")


def only_rejection(outcomes: Sequence[Observation | Rejection]) -> Rejection:
    (outcome,) = outcomes
    assert isinstance(outcome, Rejection)
    return outcome


def row(**fields: object) -> bytes:
    return json.dumps({"t": "2023-07-13T07:20:00+09:00", **fields}, ensure_ascii=False).encode()


def test_a_whole_row() -> None:
    assert decode(TOPIC, row(level=2.72, unit="m", battery=3.61, seq=12)) == [level(2.72), battery(3.61)]


@pytest.mark.parametrize(
    ("value", "unit", "metres"),
    [
        (2.72, "m", 2.72),
        (272, "cm", 2.72),
        (2720, "mm", 2.72),
        (-35, "cm", -0.35),
        (0, "mm", 0.0),
        (571.46, "m", 571.46),
    ],
)
def test_units_become_metres_exactly(value: float, unit: str, metres: float) -> None:
    assert decode(TOPIC, row(level=value, unit=unit)) == [level(metres)]


def test_metres_where_no_unit_is_said() -> None:
    assert decode(TOPIC, row(level=-0.4)) == [level(-0.4)]


def test_a_buffered_batch_keeps_its_good_rows() -> None:
    payload = b"""[{"t": "2023-07-13T07:20", "level": 1.0}, {"t": "2023-07-13T07:30", "level": NaN}, 7,
                   {"t": 1689201600000, "level": 1.2}]"""
    first, second, third, fourth = decode(TOPIC, payload)
    assert (first, fourth) == (level(1.0), level(1.2, AT + timedelta(minutes=20)))
    assert isinstance(second, Rejection)
    assert isinstance(third, Rejection)
    assert (second.reason, second.field) == (Reason.NOT_A_NUMBER, "[1].level")
    assert (third.reason, third.field) == (Reason.WRONG_SHAPE, "[2]")


def test_a_byte_order_mark_is_overlooked() -> None:
    assert decode(TOPIC, b"\xef\xbb\xbf" + row(level=1)) == [level(1.0)]


def test_one_wrong_measurement_does_not_spoil_the_other() -> None:
    fault, volts = decode(TOPIC, row(level="*", battery=3.5))
    assert volts == battery(3.5)
    assert isinstance(fault, Rejection)
    assert fault.reason is Reason.SENSOR_FAULT


def test_a_bad_time_rejects_each_measurement_of_the_row() -> None:
    outcomes = decode(TOPIC, b'{"t": "noon", "level": 1, "battery": 3.5}')
    assert [(o.reason, o.field) for o in outcomes if isinstance(o, Rejection)] == [(Reason.BAD_TIME, "t")] * 2


@pytest.mark.parametrize(
    ("payload", "reason", "field", "says"),
    [
        (b"level=2.72", Reason.NOT_JSON, None, "not JSON"),
        (b"", Reason.NOT_JSON, None, "not JSON"),
        (b'{"t": "2023-07-13T07:20", "level": 2.7', Reason.NOT_JSON, None, "not JSON"),
        (b"[" * 200_000, Reason.NOT_JSON, None, "nested too deeply"),
        (b"9" * 5_000, Reason.NOT_JSON, None, "thousands of digits"),
        ('{"t":"2023-07-13T07:20","level":"欠測"}'.encode("shift_jis"), Reason.NOT_UTF8, None, "UTF-8"),
        (b"\xff\xfe{\x00}\x00", Reason.NOT_UTF8, None, "UTF-8"),
        (b"null", Reason.WRONG_SHAPE, None, "an object such as"),
        (b'"2.72"', Reason.WRONG_SHAPE, None, "an object such as"),
        (b"[]", Reason.WRONG_SHAPE, None, "1 to 500 rows"),
        (b"{}", Reason.WRONG_SHAPE, "level", "an empty object"),
        (row(levle=2.72), Reason.WRONG_SHAPE, "level", "'levle'"),
        (row(level="2.72"), Reason.WRONG_SHAPE, "level", "without quotes"),
        (row(level=True), Reason.WRONG_SHAPE, "level", "true or false"),
        (row(level=[2.72]), Reason.WRONG_SHAPE, "level", "a list of 1"),
        (row(level=2.72, unit="尺"), Reason.WRONG_SHAPE, "unit", "m, cm or mm"),
        (row(level=2.72, unit=["m"]), Reason.WRONG_SHAPE, "unit", "m, cm or mm"),
        (row(level=float("nan")), Reason.NOT_A_NUMBER, "level", "not a finite number"),
        (row(level=float("-inf")), Reason.NOT_A_NUMBER, "level", "not a finite number"),
        (row(level="NaN"), Reason.NOT_A_NUMBER, "level", "not a finite number"),
        (b'{"t": "2023-07-13T07:20", "level": 1e999}', Reason.NOT_A_NUMBER, "level", "not a finite number"),
        (row(level=10**400), Reason.NOT_A_NUMBER, "level", "not a finite number"),
        (b'{"level": 2.72}', Reason.BAD_TIME, "t", "missing"),
        (b'{"t": null, "level": 2.72}', Reason.BAD_TIME, "t", "None is no time"),
        (b'{"t": "13/7/23", "level": 2.72}', Reason.BAD_TIME, "t", "'13/7/23'"),
        (row(level="*"), Reason.SENSOR_FAULT, "level", "out of order"),
        (row(level=""), Reason.SENSOR_FAULT, "level", "out of order"),
        (row(level="欠測"), Reason.SENSOR_FAULT, "level", "out of order"),
        (row(level=None), Reason.SENSOR_FAULT, "level", "out of order"),
        (row(battery="low"), Reason.WRONG_SHAPE, "battery", "voltage"),
    ],
)
def test_bad_input_is_named(payload: bytes, reason: Reason, field: str | None, says: str) -> None:
    rejection = only_rejection(decode(TOPIC, payload))
    assert (rejection.reason, rejection.field, rejection.device) == (reason, field, "gauge-7")
    assert says in rejection.detail


def test_more_rows_than_allowed_are_one_rejection() -> None:
    rows = [{"t": 1_689_200_400 + n, "level": 1} for n in range(MAX_ROWS + 1)]
    assert len(decode(TOPIC, json.dumps(rows[1:]).encode())) == MAX_ROWS
    assert only_rejection(decode(TOPIC, json.dumps(rows).encode())).reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize("topic", ["", "city/river/x", "city/river/a/b/up", "city/rain/x/up", "/city/river/x/up"])
def test_a_topic_of_no_gauge(topic: str) -> None:
    assert only_rejection(decode(topic, row(level=1))).reason is Reason.UNKNOWN_TOPIC


@pytest.mark.parametrize("device", ["", " ", "名前", "a" * 101, "a\x00b", ".."])
def test_a_name_that_no_device_can_have(device: str) -> None:
    assert only_rejection(decode(f"city/river/{device}/up", row(level=1))).reason is Reason.UNKNOWN_DEVICE


_keys = st.sampled_from(["t", "level", "unit", "battery", "seq", "x"])
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2023-07-13T24:00", "*", "cm"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys | st.text(), inner, max_size=5),
    max_leaves=12,
)


def assert_sound(outcomes: Sequence[Observation | Rejection]) -> None:
    """At least one outcome, and each can be stored: no surrogates, no NUL, no number that is none."""
    assert outcomes
    for outcome in outcomes:
        stored = msgspec.msgpack.encode(outcome)
        assert b"\x00" not in msgspec.json.encode(outcome)
        assert "\\u0000" not in msgspec.json.encode(outcome).decode()
        if isinstance(outcome, Observation):
            assert msgspec.msgpack.decode(stored, type=Observation) == outcome
            assert abs(float(outcome.value)) < float("inf")
            assert outcome.observed_at.utcoffset() == timedelta()
        else:
            assert 0 < len(outcome.detail) < 400


@given(st.text(), st.binary())
def test_any_bytes_give_an_outcome(device: str, payload: bytes) -> None:
    assert_sound(decode(TOPIC, payload))
    assert_sound(decode(f"city/river/{device}/up", payload))


@given(_values)
def test_any_json_gives_an_outcome(value: object) -> None:
    assert_sound(decode(TOPIC, json.dumps(value).encode()))


@given(st.lists(st.dictionaries(_keys, _values, max_size=5), max_size=6))
def test_any_rows_give_outcomes(rows: list[dict[str, object]]) -> None:
    assert_sound(decode(TOPIC, json.dumps(rows).encode()))


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.floats(min_value=-50, max_value=1000),
)
def test_a_good_row_is_read_as_it_was_written(at: datetime, metres: float) -> None:
    payload = json.dumps({"t": at.isoformat(timespec="microseconds"), "level": metres}).encode()
    assert decode(TOPIC, payload) == [level(metres, at)]
