"""What an observation must satisfy that its bytes cannot tell: the device's own range, and the city's clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.clock import iso
from schemas.device import DeviceProfile
from schemas.observation import Observation, Reason, Rejection


def check(observation: Observation, *, now: datetime, profile: DeviceProfile) -> Rejection | None:
    """Why `observation` is not acceptable from this device at the city's time `now` (aware), or None if it is.

    Times may be ahead of `now` by the profile's `max_future_s` and behind it by its `max_age_s`. Numbers must lie
    within the profile's `valid_range` of their property, ends included; a property without one is not checked.
    """
    late = check_time(observation.observed_at, observation.device, now=now, profile=profile)
    return late or _check_value(observation, profile)


def check_time(at: datetime, device: str, *, now: datetime, profile: DeviceProfile) -> Rejection | None:
    """Why the time `at` (aware) of something that `device` tells is not acceptable at `now`, or None if it is."""
    if at > now + timedelta(seconds=profile.max_future_s):
        detail = (
            f"{iso(at)} is {_span(at - now)} ahead of the city's clock; at most {profile.max_future_s} s is accepted"
        )
        return _rejection(Reason.TIME_IN_FUTURE, "observedAt", detail + ": check the device's clock and offset", device)
    if at < now - timedelta(seconds=profile.max_age_s):
        limit = _span(timedelta(seconds=profile.max_age_s))
        detail = f"{iso(at)} is {_span(now - at)} old; at most {limit} is accepted: check the device's clock"
        return _rejection(Reason.TIME_TOO_OLD, "observedAt", detail, device)
    return None


def _check_value(observation: Observation, profile: DeviceProfile) -> Rejection | None:
    bounds = profile.valid_range.get(observation.property)
    value = observation.value
    if bounds is None or isinstance(value, bool | str | tuple) or bounds[0] <= value <= bounds[1]:
        return None
    unit = f" {observation.unit}" if observation.unit else ""
    detail = f"{value:g}{unit} is outside this device's range of {bounds[0]:g} to {bounds[1]:g}{unit}"
    return _rejection(Reason.OUT_OF_RANGE, observation.property, detail, observation.device)


def _rejection(reason: Reason, field: str, detail: str, device: str) -> Rejection:
    return Rejection(reason=reason, detail=detail, field=field, device=device)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 7_200:
        return f"{seconds} s"
    return f"{seconds // 3600} hours" if seconds < 172_800 else f"{seconds // 86_400} days"
