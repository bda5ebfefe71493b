"""A gauge's readings as arrays, and its level at any moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = Mapping[str, tuple[float, float]]
HOUR = 3600.0
_TENS = 6
_FRESH = 2400.0
"""How old a reading may be to stand for a moment, in seconds: hourly gauges are read late."""


class Series(NamedTuple):
    """Seconds since 1970, rising, and metres above the gauge's zero; of a rain gauge, millimetres in the hour that ends
    then."""

    at: Floats
    level: Floats


class Record(NamedTuple):
    """What was measured in some days: levels by river gauge, and the rain of each hour by rain gauge where a city has
    any."""

    levels: Mapping[str, Series]
    rain: Mapping[str, Series] = {}


def series_of(readings: Iterable[tuple[float, float]], span: tuple[float, float] | None = None) -> Series:
    """Ordered, one value for each moment (the last given); what lies outside the gauge's scale is left out."""
    kept = {at: level for at, level in readings if span is None or span[0] <= level <= span[1]}
    at = np.array(sorted(kept), dtype=np.float64)
    return Series(at, np.array([kept[moment] for moment in at], dtype=np.float64))


def hourly_rain(tens: Series) -> Series:
    """The rain of the hour up to each reading of ten minutes' rain; left out where one of the six is missing."""
    total = np.concatenate([[0.0], np.cumsum(tens.level)])
    first = np.searchsorted(tens.at, tens.at - HOUR + 1.0, side="right")
    count = np.arange(1, len(tens.at) + 1) - first
    whole = count == _TENS
    return Series(tens.at[whole], np.maximum(0.0, (total[1:] - total[first])[whole]))


def rain_of(series: Series, when: Any, hours: int) -> Floats:
    """Millimetres that fell in so many hours before each moment; NaN where one of them is not known."""
    moments = np.asarray(when, dtype=np.float64)
    fallen: Floats = np.sum([level_at(series, moments - back * HOUR) for back in range(hours)], axis=0)
    return fallen


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


def nearest(places: Places, name: str, count: int) -> list[str]:
    """The gauges nearest to `name` as the crow flies."""
    if name not in places:
        return []
    lon, lat = places[name]
    shrink = np.cos(np.radians(lat))

    def far(other: str) -> float:
        return float(np.hypot((places[other][0] - lon) * shrink, places[other][1] - lat))

    return sorted((other for other in places if other != name), key=far)[:count]
