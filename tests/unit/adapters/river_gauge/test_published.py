"""Uplinks as network servers and makers publish them (tests/data/lorawan/uplinks.json, each with its source)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.lorawan import chirpstack, things_stack
from adapters.lorawan.uplink import Uplink
from adapters.river_gauge.lorawan import decode_chirpstack, decode_things_stack
from schemas.observation import Observation, Reason, Rejection
from tests.unit.adapters.river_gauge import test_lorawan as ours

PUBLISHED = json.loads((Path(__file__).parents[3] / "data" / "lorawan" / "uplinks.json").read_text())
UPLINKS = [
    pytest.param(uplink, id=f"{maker['model'].split(' (')[0]} {number}")
    for maker in PUBLISHED["makers"]
    for number, uplink in enumerate(maker["uplinks"], 1)
]

Outcomes = list[Observation | Rejection]


def through_chirpstack(uplink: Mapping[str, Any], decoded: object) -> Outcomes:
    payload = ours.chirpstack(fPort=uplink["fPort"], data=_base64(uplink), object=decoded)
    return list(decode_chirpstack(ours.CHIRPSTACK, payload))


def through_the_things_stack(uplink: Mapping[str, Any], decoded: object) -> Outcomes:
    payload = ours.things_stack(f_port=uplink["fPort"], frm_payload=_base64(uplink), decoded_payload=decoded)
    return list(decode_things_stack(ours.THINGS_STACK, payload))


def _base64(uplink: Mapping[str, Any]) -> str:
    return base64.b64encode(bytes.fromhex(uplink["bytes"])).decode()


def values(outcomes: Outcomes) -> dict[str, Any]:
    return {one.property: one.value for one in outcomes if isinstance(one, Observation)}


NETWORKS = pytest.mark.parametrize("through", [through_chirpstack, through_the_things_stack])


@pytest.mark.parametrize("uplink", UPLINKS)
@NETWORKS
def test_a_makers_own_codec_gives_no_level_that_nobody_measured(
    uplink: Mapping[str, Any], through: Callable[..., Outcomes]
) -> None:
    """Its names and units are not ours: 4.232 m of water in `water_depth` must not become 0 m, nor 100 % 100 V."""
    outcomes = through(uplink, uplink["object"])
    assert values(outcomes) == {}
    assert "level" in {one.field for one in outcomes if isinstance(one, Rejection)}


@pytest.mark.parametrize("uplink", UPLINKS)
@NETWORKS
def test_a_makers_bytes_are_none_of_our_layouts(uplink: Mapping[str, Any], through: Callable[..., Outcomes]) -> None:
    (outcome,) = through(uplink, None)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize("uplink", [one for one in UPLINKS if one.values[0]["renamed"] is not None])
@NETWORKS
def test_with_our_names_it_is_read(uplink: Mapping[str, Any], through: Callable[..., Outcomes]) -> None:
    assert values(through(uplink, uplink["renamed"])) == uplink["measured"]


@pytest.mark.parametrize("case", PUBLISHED["networks"], ids=lambda case: case["network"])
def test_a_networks_own_example_is_read_as_it_means(case: Mapping[str, Any]) -> None:
    parse = chirpstack.parse if case["network"].startswith("ChirpStack") else things_stack.parse
    expected = Uplink(**case["uplink"])
    assert parse(case["topic"], json.dumps(case["message"]).encode()) == expected._replace(
        at=datetime.fromisoformat(case["uplink"]["at"]), data=bytes.fromhex(case["uplink"]["data"])
    )


def refused(outcomes: Any) -> Rejection:
    (outcome,) = outcomes
    assert isinstance(outcome, Rejection)
    assert outcome.device == ours.EUI
    return outcome


@pytest.mark.parametrize("context", [{"sessionKeyId": "AYcojY1QHWhSvyftdWD6DQ=="}, {"appSKey": {"aesKey": "AA=="}}])
def test_what_chirpstack_could_not_decrypt_is_no_level(context: dict[str, Any]) -> None:
    refusal = refused(decode_chirpstack(ours.CHIRPSTACK, ours.chirpstack(joinServerContext=context)))
    assert (refusal.reason, refusal.field) == (Reason.WRONG_SHAPE, "joinServerContext")
    assert "encrypted" in refusal.detail


@pytest.mark.parametrize("context", [None, {}, {"sessionKeyId": "", "appSKey": None}])
def test_what_chirpstack_did_decrypt_is_read(context: dict[str, Any] | None) -> None:
    payload = json.loads(ours.chirpstack()) | {"joinServerContext": context}
    assert values(list(decode_chirpstack(ours.CHIRPSTACK, json.dumps(payload).encode())))["waterLevel"] == 2.72


def test_what_the_things_stack_did_not_decrypt_is_no_level() -> None:
    payload = ours.things_stack(app_s_key={"encrypted_key": "AA==", "kek_label": "mine"})
    refusal = refused(decode_things_stack(ours.THINGS_STACK, payload))
    assert (refusal.reason, refusal.field) == (Reason.WRONG_SHAPE, "uplink_message.app_s_key")


def test_a_message_made_up_in_the_console_is_no_measurement() -> None:
    message = json.loads(ours.things_stack()) | {"simulated": True}
    refusal = refused(decode_things_stack(ours.THINGS_STACK, json.dumps(message).encode()))
    assert (refusal.reason, refusal.field) == (Reason.WRONG_SHAPE, "simulated")


@pytest.mark.parametrize(
    ("time", "heard", "expected"),
    [
        # As ChirpStack 4 sends it: the gateway's time, and seconds of backhaul later the server's.
        ("2025-12-25T21:43:03.621+00:00", ["2025-12-25T21:43:10.325+00:00"], "2025-12-25T21:43:03.621+00:00"),
        # A gateway that lost its clock over a power cut, and one that is ahead.
        ("1970-01-01T00:03:12+00:00", ["2025-12-25T21:43:10.325+00:00"], "2025-12-25T21:43:10.325+00:00"),
        ("2025-12-26T06:43:03+00:00", ["2025-12-25T21:43:10+00:00"], "2025-12-25T21:43:10+00:00"),
        # Several gateways: the first to be heard.
        (
            "2025-12-25T12:00:00+00:00",
            ["2025-12-25T21:43:11+00:00", "2025-12-25T21:43:10+00:00"],
            "2025-12-25T21:43:10+00:00",
        ),
    ],
)
def test_a_gateways_clock_counts_where_the_servers_agrees(time: str, heard: list[str], expected: str) -> None:
    received = [{"gatewayId": f"{number:016x}", "gwTime": time, "nsTime": at} for number, at in enumerate(heard)]
    outcomes = decode_chirpstack(ours.CHIRPSTACK, ours.chirpstack(time=time, rxInfo=received))
    assert {one.observed_at for one in outcomes if isinstance(one, Observation)} == {
        datetime.fromisoformat(expected).astimezone(UTC)
    }
