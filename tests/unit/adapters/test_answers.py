"""Answers to commands: what they must look like, and that nothing a device sends raises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.commands.decode import decode
from schemas.observation import Observation, Reason, Rejection

TOPIC = "city/device/gate-1/reply/abc_DEF-1"


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'{"t": "2026-11-21T12:00:00+09:00", "outcome": "done"}', "done"),
        (b'{"t": "2026-11-21T03:00:00Z", "outcome": "failed", "detail": "blocked"}', "failed: blocked"),
    ],
)
def test_an_answer_is_an_observation_that_counts_once(payload: bytes, value: str) -> None:
    at = datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert decode(TOPIC, payload) == [
        Observation(device="gate-1", property="commandStatus", value=value, observed_at=at, message_key="abc_DEF-1")
    ]


@pytest.mark.parametrize(
    ("topic", "payload", "reason", "field"),
    [
        ("city/device/gate-1/reply/a/b", b"{}", Reason.UNKNOWN_TOPIC, "topic"),
        (TOPIC, b"[]", Reason.WRONG_SHAPE, None),
        (TOPIC, b"?", Reason.NOT_JSON, None),
        (TOPIC, b'{"outcome": "maybe", "t": 0}', Reason.WRONG_SHAPE, "outcome"),
        (TOPIC, b'{"outcome": "done", "t": 0, "detail": 7}', Reason.WRONG_SHAPE, "detail"),
        (TOPIC, b'{"outcome": "done"}', Reason.BAD_TIME, "t"),
    ],
)
def test_what_is_no_answer_says_why(topic: str, payload: bytes, reason: Reason, field: str | None) -> None:
    (rejection,) = decode(topic, payload)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.field) == (reason, field)


@given(st.text(), st.binary())
def test_nothing_raises(topic: str, payload: bytes) -> None:
    assert decode(topic, payload)
    assert decode(TOPIC, payload)
