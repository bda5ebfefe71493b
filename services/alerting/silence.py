"""When a gauge is silent: judged by the city's clock and by the gauge's own way of reporting. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.device import DeviceProfile, expected_next
from services.alerting.rulebook import SilenceSection


def silent_from(profile: DeviceProfile, level: float | None, at: datetime, rules: SilenceSection) -> datetime:
    """The time from which a gauge whose last report was `level` at `at` counts as silent if nothing comes.

    The first report it misses is due at `expected_next`; `missed_reports` of them, of the same interval, must be
    missed, and `at_least_min` must have passed since the first was due.
    """
    due = expected_next(profile, level, at)
    interval = due - at
    return due + max(interval * (rules.missed_reports - 1), timedelta(minutes=rules.at_least_min))
