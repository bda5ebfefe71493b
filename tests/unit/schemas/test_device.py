"""Profiles say what is wrong with them, and when a gauge's next report is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.device import Crisis, DeviceProfile, Point, expected_next, parse_profile

AT = datetime(2023, 7, 13, tzinfo=UTC)


def test_an_empty_profile_is_a_profile() -> None:
    assert parse_profile({}) == DeviceProfile()


def test_a_profile_survives_its_row() -> None:
    profile = DeviceProfile(
        name="江波",
        location=Point((136.2, 36.0)),
        valid_range={"waterLevel": (-2.0, 8.0)},
        crisis=Crisis(threshold=1.5),
        stages={"caution": 1.5, "danger": None},
        publish=("city/river/+/up",),
    )
    assert parse_profile(msgspec.json.decode(msgspec.json.encode(profile))) == profile


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "object"),
        ({"report_interval_s": "600"}, "report_interval_s"),
        ({"report_interval_s": 0}, "positive"),
        ({"valid_range": {"waterLevel": [5, -1]}}, "waterLevel is 5.0 to -1.0"),
        ({"valid_range": {"waterLevel": [5]}}, "valid_range"),
        ({"location": {"type": "Point", "coordinates": [36.0, 136.2]}}, "longitude comes first"),
        ({"crisis": {}}, "threshold"),
        ({"crisis": {"threshold": 1, "quiet_interval_s": -1}}, "quiet_interval_s"),
        ({"stages": {"danger": "high"}}, "stages"),
    ],
)
def test_a_wrong_profile_says_where(data: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_profile(data)


@pytest.mark.parametrize("level", [None, -1.0, 99.0])
def test_an_ordinary_gauge_keeps_its_interval(level: float | None) -> None:
    assert expected_next(DeviceProfile(report_interval_s=300), level, AT) == AT + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("level", "due"),
    [
        (None, timedelta(days=1)),
        (1.49, timedelta(days=1)),
        (1.5, timedelta(minutes=2)),
        (3.0, timedelta(minutes=2)),
    ],
)
def test_a_crisis_gauge_wakes_at_its_threshold(level: float | None, due: timedelta) -> None:
    profile = DeviceProfile(report_interval_s=120, crisis=Crisis(threshold=1.5))
    assert expected_next(profile, level, AT) == AT + due
