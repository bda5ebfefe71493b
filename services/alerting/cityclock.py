"""The city's present in a replay: the newest time observed, as far as more than one gauge says so. Pure.

One gauge with a wrong date must not carry the city days ahead, where every other gauge would count as silent. So a
gauge by itself moves the clock in small steps only; a leap waits until a second gauge has made one too (after a gap
in the data the second gauge of the same minute confirms it). A city of one gauge has nobody else to ask.
"""

from __future__ import annotations

from typing import NamedTuple

LEAP_S = 1800.0
"""Seconds that one gauge may move the clock by itself: three of the usual reports."""


class CityClock(NamedTuple):
    """The present `at` (POSIX seconds). `sole`: the only gauge heard so far. `leaper`: who would have leapt, and
    to where (`leap`)."""

    at: float
    sole: str | None = None
    leaper: str | None = None
    leap: float | None = None

    def heard(self, gauge: str, at: float) -> CityClock:
        """After a reading of `gauge` observed at `at`. Goes back only where the first gauge stood alone."""
        if self.sole == gauge:
            return self._replace(at=max(self.at, at))
        if self.sole is not None and at < self.at - LEAP_S:
            return CityClock(at, leaper=self.sole, leap=self.at)
        known = self._replace(sole=None)
        if at <= self.at + LEAP_S:
            return known._replace(at=max(self.at, at))
        if self.leap is None or self.leaper == gauge or self.leap <= self.at:
            return known._replace(leaper=gauge, leap=at)
        ahead = gauge if at > self.leap else self.leaper
        return CityClock(min(at, self.leap), leaper=ahead, leap=max(at, self.leap))


def first_heard(gauge: str, at: float) -> CityClock:
    """The clock of a city whose first reading was of `gauge` at `at`."""
    return CityClock(at, sole=gauge)
