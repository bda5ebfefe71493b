"""What the device's profile and the city's clock say of an observation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.ingest.checks import check
from schemas.device import DeviceProfile
from schemas.observation import Observation, Reason

NOW = datetime(2023, 7, 13, 0, 0, tzinfo=UTC)
PROFILE = DeviceProfile(valid_range={"waterLevel": (-2.0, 8.0)})


def observed(value: Any = 2.72, at: datetime = NOW, name: str = "waterLevel") -> Observation:
    return Observation(device="g", property=name, value=value, observed_at=at, unit="MTR")


@pytest.mark.parametrize(
    "observation",
    [
        observed(),
        observed(-2.0),
        observed(8.0),
        observed(at=NOW + timedelta(minutes=10)),
        observed(at=NOW - timedelta(days=400)),
        observed(99.0, name="batteryVoltage"),
        observed("open"),
        observed(True),
    ],
)
def test_what_is_within_bounds_passes(observation: Observation) -> None:
    assert check(observation, now=NOW, profile=PROFILE) is None


@pytest.mark.parametrize(
    ("observation", "reason", "field", "says"),
    [
        (observed(-2.01), Reason.OUT_OF_RANGE, "waterLevel", "-2.01 MTR is outside this device's range of -2 to 8 MTR"),
        (observed(1e308), Reason.OUT_OF_RANGE, "waterLevel", "outside"),
        (observed(at=NOW + timedelta(minutes=10, seconds=1)), Reason.TIME_IN_FUTURE, "observedAt", "601 s ahead"),
        (observed(at=NOW + timedelta(hours=9)), Reason.TIME_IN_FUTURE, "observedAt", "9 hours ahead"),
        (observed(at=NOW - timedelta(days=401)), Reason.TIME_TOO_OLD, "observedAt", "401 days old"),
        (observed(at=datetime.min.replace(tzinfo=UTC)), Reason.TIME_TOO_OLD, "observedAt", "at most 400 days"),
        (
            observed(at=datetime.max.replace(tzinfo=UTC)),
            Reason.TIME_IN_FUTURE,
            "observedAt",
            "check the device's clock",
        ),
    ],
)
def test_what_is_outside_is_named(observation: Observation, reason: Reason, field: str, says: str) -> None:
    rejection = check(observation, now=NOW, profile=PROFILE)
    assert rejection is not None
    assert (rejection.reason, rejection.field, rejection.device) == (reason, field, "g")
    assert says in rejection.detail


def test_the_profile_may_widen_the_window() -> None:
    wide = DeviceProfile(max_age_s=20 * 365 * 86_400, max_future_s=86_400)
    assert check(observed(at=NOW - timedelta(days=3_000)), now=NOW, profile=wide) is None
    assert check(observed(at=NOW + timedelta(hours=23)), now=NOW, profile=wide) is None
