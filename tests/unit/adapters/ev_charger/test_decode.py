"""What stations say, as observations: every value an outcome, nothing raises on any bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ev_charger.decode import decode
from schemas.observation import Observation, Reason, Rejection

TOPIC = "city/ev/EV-1/up"
AT = "2026-11-21T09:00:00Z"


def said(action: str, payload: dict[str, Any], version: str = "1.6") -> list[Observation | Rejection]:
    body = {"ocpp": version, "action": action, "id": "1", "at": AT, "payload": payload}
    return list(decode(TOPIC, json.dumps(body).encode()))


@given(st.text(), st.binary())
def test_no_bytes_raise(topic: str, payload: bytes) -> None:
    for heard in (topic, TOPIC):
        assert decode(heard, payload)


@given(
    st.sampled_from(["MeterValues", "StatusNotification", "BootNotification"]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["connectorId", "meterValue", "sampledValue", "value", "timestamp", "evse", "id", "status"]
                ),
                inner,
            )
        ),
    ),
)
def test_no_shape_raises(action: str, payload: Any) -> None:
    body = {"ocpp": "1.6", "action": action, "at": AT, "payload": payload}
    assert decode(TOPIC, json.dumps(body).encode())


def test_units_become_one() -> None:
    samples = [
        {"value": "1.5", "unit": "kWh"},
        {"value": "3.3", "unit": "kW", "measurand": "Power.Active.Import"},
        {"value": "15", "measurand": "Current.Import", "phase": "L1"},
        {"value": "55", "measurand": "SoC", "location": "EV"},
    ]
    found = said("MeterValues", {"connectorId": 2, "meterValue": [{"timestamp": AT, "sampledValue": samples}]})
    told = {o.property: (o.value, o.unit) for o in found if isinstance(o, Observation)}
    assert told == {
        "connector2EnergyActiveImportRegister": (1500.0, "WHR"),
        "connector2PowerActiveImport": (3300.0, "WTT"),
        "connector2CurrentImportL1": (15.0, "AMP"),
        "connector2SoCEV": (55.0, "P1"),
    }


def test_2_0_1_scales_by_its_multiplier() -> None:
    value = {"value": 1.5, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
    [found] = said("MeterValues", {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [value]}]}, "2.0.1")
    assert isinstance(found, Observation)
    assert found.value == 1500.0


def test_a_meter_below_zero_is_rejected_and_its_neighbours_are_kept() -> None:
    samples = [{"value": "-5"}, {"value": "nonsense", "measurand": "Voltage"}, {"value": "201", "measurand": "Voltage"}]
    found = said("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": samples}]})
    assert [type(each) for each in found] == [Rejection, Rejection, Observation]
    assert isinstance(found[0], Rejection)
    assert (found[0].reason, found[0].field) == (Reason.OUT_OF_RANGE, "Energy.Active.Import.Register")


def test_what_has_no_value_leaves_that_it_was_said() -> None:
    [found] = said("SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": AT})
    assert isinstance(found, Observation)
    assert (found.property, found.value) == ("lastEvent", "SecurityEventNotification")


@pytest.mark.parametrize(
    ("action", "attribute"),
    [("FirmwareStatusNotification", "firmwareStatus"), ("SignedFirmwareStatusNotification", "firmwareStatus"),
     ("DiagnosticsStatusNotification", "diagnosticsStatus"), ("LogStatusNotification", "diagnosticsStatus")],
)  # fmt: skip
def test_how_far_an_update_or_a_log_came_is_kept(action: str, attribute: str) -> None:
    [found] = said(action, {"status": "Uploading"})
    assert isinstance(found, Observation)
    assert (found.property, found.value) == (attribute, "Uploading")


def test_the_message_in_the_document_is_understood() -> None:
    text = (Path(__file__).parents[4] / "docs" / "devices" / "ev-charger.md").read_text("utf-8")
    [block] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    [found] = decode(TOPIC, block.encode())
    assert isinstance(found, Observation)
    assert (found.property, found.value) == ("connector1Status", "Charging")
