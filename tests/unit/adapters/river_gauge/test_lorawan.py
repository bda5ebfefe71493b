"""Gauges behind ChirpStack v4 and The Things Stack v3."""

from __future__ import annotations

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.river_gauge.lorawan import decode_chirpstack, decode_things_stack
from schemas.observation import Observation, Reason, Rejection
from tests.unit.adapters.river_gauge.test_decode import assert_sound

EUI = "70b3d57ed0000001"
CHIRPSTACK = f"application/ae5de6a1-21e9-4a7b-b1c8-6b2ba0a0a0a0/device/{EUI}/event/up"
THINGS_STACK = "v3/rivers@fukui/devices/gauge-1/up"
AT = datetime(2023, 7, 12, 22, 20, 15, 775_023, tzinfo=UTC)
READING = base64.b64encode(struct.pack(">hH", 2720, 3610)).decode()


def chirpstack(**changes: Any) -> bytes:
    event = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2023-07-12T22:20:15.775023242+00:00",
        "deviceInfo": {"applicationName": "rivers", "deviceName": "足羽川 1", "devEui": EUI, "tags": {}},
        "devAddr": "00189440",
        "adr": True,
        "dr": 1,
        "fCnt": 4,
        "fPort": 1,
        "data": READING,
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": 4217, "rssi": -36, "snr": 10.5}],
        "txInfo": {"frequency": 920600000},
        **changes,
    }
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def things_stack(*, ids: dict[str, Any] | None = None, **changes: Any) -> bytes:
    uplink = {
        "session_key_id": "AYcojY1QHWhSvyftdWD6DQ==",
        "f_port": 1,
        "f_cnt": 243,
        "frm_payload": READING,
        "rx_metadata": [{"gateway_ids": {"gateway_id": "roof"}, "time": "1980-01-06T00:00:00Z"}],
        "received_at": "2023-07-12T22:20:15.775023242Z",
        **changes,
    }
    names = {"device_id": "gauge-1", "dev_eui": EUI.upper(), "dev_addr": "260B6C4D", **(ids or {})}
    message = {
        "end_device_ids": {name: value for name, value in names.items() if value is not None},
        "received_at": "2023-07-12T22:20:15.981Z",
        "uplink_message": {name: value for name, value in uplink.items() if value is not None},
    }
    return json.dumps(message).encode()


def measured(outcomes: Any) -> dict[str, Any]:
    assert all(isinstance(outcome, Observation) for outcome in outcomes), outcomes
    assert {outcome.device for outcome in outcomes} == {EUI}
    return {outcome.property: outcome.value for outcome in outcomes}


@pytest.mark.parametrize(
    "outcomes", [decode_chirpstack(CHIRPSTACK, chirpstack()), decode_things_stack(THINGS_STACK, things_stack())]
)
def test_bytes_of_a_known_port(outcomes: list[Observation]) -> None:
    assert measured(outcomes) == {"waterLevel": 2.72, "batteryVoltage": 3.61}
    assert {outcome.observed_at for outcome in outcomes} == {AT}
    assert len({outcome.message_key for outcome in outcomes}) == 1
    assert outcomes[0].message_key is not None


def test_a_codecs_object_goes_before_the_bytes() -> None:
    payload = chirpstack(fPort=77, object={"level": 35, "unit": "cm"})
    assert measured(decode_chirpstack(CHIRPSTACK, payload)) == {"waterLevel": 0.35}
    payload = things_stack(f_port=77, decoded_payload={"level": -12, "unit": "cm"})
    assert measured(decode_things_stack(THINGS_STACK, payload)) == {"waterLevel": -0.12}


def test_a_codec_may_give_the_gauges_own_time() -> None:
    payload = chirpstack(object={"level": 1, "t": "2023-07-13T07:10"})
    (outcome,) = decode_chirpstack(CHIRPSTACK, payload)
    assert isinstance(outcome, Observation)
    assert outcome.observed_at == datetime(2023, 7, 12, 22, 10, tzinfo=UTC)


def test_left_out_fields_are_zero() -> None:
    first = decode_things_stack(THINGS_STACK, things_stack(f_cnt=None))
    assert first == decode_things_stack(THINGS_STACK, things_stack(f_cnt=0))
    assert measured(first) == {"waterLevel": 2.72, "batteryVoltage": 3.61}
    assert decode_chirpstack(CHIRPSTACK, chirpstack(fCnt=None)) == decode_chirpstack(CHIRPSTACK, chirpstack(fCnt=0))


def test_a_zero_of_a_codec_is_said_and_silence_is_no_zero() -> None:
    outcomes = decode_things_stack(THINGS_STACK, things_stack(decoded_payload={"level": 0, "battery": 3.5}))
    assert measured(outcomes) == {"waterLevel": 0.0, "batteryVoltage": 3.5}
    outcomes = decode_things_stack(THINGS_STACK, things_stack(decoded_payload={"battery": 3.5}))
    assert measured(outcomes) == {"batteryVoltage": 3.5}


def test_a_message_about_the_battery_is_no_level_of_zero() -> None:
    outcomes = decode_things_stack(THINGS_STACK, things_stack(f_port=10, decoded_payload={"battery": 3.5}))
    assert measured(outcomes) == {"batteryVoltage": 3.5}
    status = things_stack(f_port=10, frm_payload=base64.b64encode(b"\x0d\xac").decode())
    assert measured(decode_things_stack(THINGS_STACK, status)) == {"batteryVoltage": 3.5}


def test_the_open_source_edition_names_no_tenant() -> None:
    assert measured(decode_things_stack("v3/rivers/devices/gauge-1/up", things_stack()))["waterLevel"] == 2.72


def test_a_device_without_eui_has_its_networks_name() -> None:
    outcomes = decode_things_stack(THINGS_STACK, things_stack(ids={"dev_eui": None}))
    assert {outcome.device for outcome in outcomes} == {"gauge-1"}


def test_the_time_falls_back_to_what_else_the_network_knows() -> None:
    payload = chirpstack(time=None, rxInfo=[{"gatewayId": "00"}, {"nsTime": "2023-07-12T22:20:16Z"}])
    outcomes = decode_chirpstack(CHIRPSTACK, payload)
    assert {o.observed_at for o in outcomes if isinstance(o, Observation)} == {
        datetime(2023, 7, 12, 22, 20, 16, tzinfo=UTC)
    }
    outcomes = decode_things_stack(THINGS_STACK, things_stack(received_at=None))
    expected = AT.replace(microsecond=981_000)
    assert {o.observed_at for o in outcomes if isinstance(o, Observation)} == {expected}


def test_buffered_rows_carry_their_own_times_and_keys() -> None:
    data = b"".join(struct.pack(">IhH", 1_689_200_400 + 600 * n, 100 * n - 50, 0xFFFF) for n in range(3))
    outcomes = decode_chirpstack(CHIRPSTACK, chirpstack(fPort=2, data=base64.b64encode(data).decode()))
    start = datetime(2023, 7, 12, 22, 20, tzinfo=UTC)
    assert [(o.value, o.observed_at) for o in outcomes if isinstance(o, Observation)] == [
        (-0.05, start),
        (0.05, start + timedelta(minutes=10)),
        (0.15, start + timedelta(minutes=20)),
    ]
    assert len({o.message_key for o in outcomes if isinstance(o, Observation)}) == 3


@pytest.mark.parametrize(
    ("port", "data", "level"),
    [
        (1, struct.pack(">hH", -32768, 3600), None),
        (3, struct.pack(">iH", 571_460, 3600), 571.46),
        (3, struct.pack(">iH", -(2**31), 3600), None),
    ],
)
def test_faults_and_wide_levels(port: int, data: bytes, level: float | None) -> None:
    first, volts = decode_chirpstack(CHIRPSTACK, chirpstack(fPort=port, data=base64.b64encode(data).decode()))
    assert isinstance(volts, Observation)
    if level is None:
        assert isinstance(first, Rejection)
        assert first.reason is Reason.SENSOR_FAULT
    else:
        assert isinstance(first, Observation)
        assert first.value == level


def test_a_copy_has_the_keys_of_the_original() -> None:
    first = decode_chirpstack(CHIRPSTACK, chirpstack())
    copy = decode_chirpstack(CHIRPSTACK, chirpstack(deduplicationId="x", time="2023-07-12T22:20:17Z"))
    assert [o.message_key for o in first if isinstance(o, Observation)] == [
        o.message_key for o in copy if isinstance(o, Observation)
    ]


BAD_CHIRPSTACK = [
    (CHIRPSTACK, b"{", Reason.NOT_JSON, "not JSON"),
    (CHIRPSTACK, b'{"data": "\xff"}', Reason.NOT_UTF8, "UTF-8"),
    (CHIRPSTACK, b"[]", Reason.WRONG_SHAPE, "Expected `object`"),
    (CHIRPSTACK, b"{}", Reason.WRONG_SHAPE, "deviceInfo"),
    (CHIRPSTACK, chirpstack(fCnt="4"), Reason.WRONG_SHAPE, "$.fCnt"),
    (CHIRPSTACK, chirpstack(fCnt=-1), Reason.WRONG_SHAPE, "$.fCnt"),
    (CHIRPSTACK, chirpstack(fPort=1000), Reason.WRONG_SHAPE, "$.fPort"),
    (CHIRPSTACK, chirpstack(data="*"), Reason.WRONG_SHAPE, "not base64"),
    (CHIRPSTACK, chirpstack(deviceInfo={"devEui": "xyz"}), Reason.WRONG_SHAPE, "16 hexadecimal"),
    (CHIRPSTACK, chirpstack(deviceInfo={"devEui": "00" * 8}), Reason.WRONG_SHAPE, "but the topic names"),
    (CHIRPSTACK, chirpstack(time=None), Reason.BAD_TIME, "RFC 3339"),
    (CHIRPSTACK, chirpstack(time="2023-07-12T22:20:15"), Reason.BAD_TIME, "RFC 3339"),
    (CHIRPSTACK, chirpstack(time="0001-01-01T00:00:00+14:00"), Reason.WRONG_SHAPE, "not an uplink event"),
    (CHIRPSTACK, chirpstack(fPort=9), Reason.WRONG_SHAPE, "no layout"),
    (CHIRPSTACK, chirpstack(data="AAA="), Reason.WRONG_SHAPE, "2 bytes, expected 4"),
    (CHIRPSTACK, chirpstack(data=None), Reason.WRONG_SHAPE, "0 bytes, expected 4"),
    (CHIRPSTACK, chirpstack(object={"level": "deep"}), Reason.WRONG_SHAPE, "without quotes"),
    (CHIRPSTACK, chirpstack(object={"temperature": 12}), Reason.WRONG_SHAPE, "no measurement"),
    (CHIRPSTACK, chirpstack(object={"level": float("nan")}), Reason.NOT_A_NUMBER, "finite"),
    ("application/1/device/2/event/join", chirpstack(), Reason.UNKNOWN_TOPIC, "application/+/device/+/event/up"),
]


@pytest.mark.parametrize(("topic", "payload", "reason", "says"), BAD_CHIRPSTACK)
def test_bad_chirpstack_events_are_named(topic: str, payload: bytes, reason: Reason, says: str) -> None:
    (outcome,) = decode_chirpstack(topic, payload)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is reason
    assert says in outcome.detail


BAD_THINGS_STACK = [
    (THINGS_STACK, b"nothing", Reason.NOT_JSON, "not JSON"),
    (THINGS_STACK, b"{}", Reason.WRONG_SHAPE, "end_device_ids"),
    (THINGS_STACK, things_stack(f_cnt=1.5), Reason.WRONG_SHAPE, "f_cnt"),
    (THINGS_STACK, things_stack(ids={"device_id": "gauge-2"}), Reason.WRONG_SHAPE, "but the topic names"),
    ("v3/a/devices/G\ud800/up", things_stack(ids={"device_id": "G\ud800"}), Reason.NOT_UTF8, "half a character"),
    (THINGS_STACK, things_stack(frm_payload=None), Reason.WRONG_SHAPE, "0 bytes"),
    (THINGS_STACK, things_stack(f_port=None), Reason.WRONG_SHAPE, "FPort 0 has no layout"),
    (THINGS_STACK, things_stack(f_port=77, decoded_payload={}), Reason.WRONG_SHAPE, "no measurement"),
    (THINGS_STACK, things_stack(decoded_payload={"level": None}), Reason.SENSOR_FAULT, "out of order"),
    ("v3/a@b/devices/c/down/queued", things_stack(), Reason.UNKNOWN_TOPIC, "v3/+/devices/+/up"),
]


@pytest.mark.parametrize(("topic", "payload", "reason", "says"), BAD_THINGS_STACK)
def test_bad_things_stack_messages_are_named(topic: str, payload: bytes, reason: Reason, says: str) -> None:
    (outcome,) = decode_things_stack(topic, payload)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is reason
    assert says in outcome.detail


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["level", "t", "battery"]), inner),
    max_leaves=6,
)


@given(st.binary())
def test_any_bytes_give_an_outcome(payload: bytes) -> None:
    assert_sound(decode_chirpstack(CHIRPSTACK, payload))
    assert_sound(decode_things_stack(THINGS_STACK, payload))


@given(_json, st.sampled_from(["time", "devAddr", "fCnt", "fPort", "data", "object", "rxInfo", "deviceInfo"]))
def test_any_value_in_a_chirpstack_field_gives_an_outcome(value: object, field: str) -> None:
    assert_sound(decode_chirpstack(CHIRPSTACK, chirpstack(**{field: value})))


@given(_json, st.sampled_from(["session_key_id", "f_cnt", "f_port", "frm_payload", "decoded_payload", "received_at"]))
def test_any_value_in_a_things_stack_field_gives_an_outcome(value: object, field: str) -> None:
    assert_sound(decode_things_stack(THINGS_STACK, things_stack(**{field: value})))


@given(st.integers(0, 255), st.binary(max_size=64))
def test_any_frame_gives_an_outcome(port: int, data: bytes) -> None:
    assert_sound(decode_chirpstack(CHIRPSTACK, chirpstack(fPort=port, data=base64.b64encode(data).decode())))
