"""A gauge's readings as arrays, and its level at any moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HOUR = 3600.0
_FRESH = 2400.0
"""How old a reading may be to stand for a moment, in seconds: hourly gauges are read late."""


class Series(NamedTuple):
    """Seconds since 1970, rising, and metres above the gauge's zero."""

    at: Floats
    level: Floats


def series_of(readings: Iterable[tuple[float, float]], span: tuple[float, float] | None = None) -> Series:
    """Ordered, one value for each moment (the last given); what lies outside the gauge's scale is left out."""
    kept = {at: level for at, level in readings if span is None or span[0] <= level <= span[1]}
    at = np.array(sorted(kept), dtype=np.float64)
    return Series(at, np.array([kept[moment] for moment in at], dtype=np.float64))


def level_at(series: Series, when: Any, within: float = _FRESH) -> Floats:
    """The last level at or up to `within` seconds before each moment; NaN where there is none."""
    moments = np.asarray(when, dtype=np.float64)
    if not len(series.at):
        return np.full(moments.shape, np.nan)
    index = np.searchsorted(series.at, moments + 1.0, side="right") - 1
    found = np.clip(index, 0, None)
    known = (index >= 0) & (moments - series.at[found] <= within)
    return np.where(known, series.level[found], np.nan)


def scale_of(series: Series) -> float:
    """How far this gauge moves, in metres: what makes a brook and a great river comparable."""
    if len(series.level) < 2:
        return 0.5
    low, high = np.percentile(series.level, (1, 99.5))
    return float(max(0.3, high - low))


def nearest(places: Mapping[str, tuple[float, float]], name: str, count: int) -> list[str]:
    """The gauges nearest to `name` as the crow flies."""
    if name not in places:
        return []
    lon, lat = places[name]
    shrink = np.cos(np.radians(lat))

    def far(other: str) -> float:
        return float(np.hypot((places[other][0] - lon) * shrink, places[other][1] - lat))

    return sorted((other for other in places if other != name), key=far)[:count]
