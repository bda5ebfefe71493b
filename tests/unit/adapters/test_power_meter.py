"""What a power meter says: every value an outcome, nothing raises on any bytes."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adapters.power_meter.decode import decode
from schemas.observation import Observation, Reason, Rejection

TOPIC = "city/power/hall/up"


@given(st.text(), st.binary())
def test_no_bytes_raise(topic: str, payload: bytes) -> None:
    for heard in (topic, TOPIC):
        assert decode(heard, payload)


def test_the_message_in_the_document_is_understood() -> None:
    text = (Path(__file__).parents[3] / "docs" / "devices" / "power-meter.md").read_text("utf-8")
    [block] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    told = [(o.property, o.value, o.unit) for o in decode(TOPIC, block.encode()) if isinstance(o, Observation)]
    assert told == [("totalActivePower", 41.2, "KWT"), ("totalActiveEnergyImport", 183204.5, "KWH")]


def test_a_meter_that_feeds_in_is_believed_and_a_register_below_zero_is_not() -> None:
    payload = b'{"t": "2026-11-21T09:00:00+09:00", "power": -12, "energy": -1}'
    power, energy = decode(TOPIC, payload)
    assert isinstance(power, Observation)
    assert isinstance(energy, Rejection)
    assert (power.value, energy.reason, energy.field) == (-12, Reason.OUT_OF_RANGE, "energy")
