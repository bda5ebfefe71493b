"""What a forecast is made from: a gauge's own recent levels and those of the gauges that rise before it. Pure.

Everything is a change in units of the gauge's own scale, so that one model serves all gauges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from services.forecast.series import HOUR, Floats, Series, level_at, nearest, scale_of

LEADS = (1, 3, 6)
"""Hours ahead."""
_LAGS = (1 / 3, 1.0, 2.0, 3.0, 6.0, 12.0)
_LEADERS = 3
_ASKED = 12
_AGREE = 0.2
_FEWEST = 12


class GaugeTraits(msgspec.Struct, frozen=True):
    """What was learned of one gauge: its scale and usual level in metres, and who rises before it."""

    scale: float
    usual: float
    leaders: tuple[str, ...] = ()


def learn_traits(record: Mapping[str, Series], places: Mapping[str, tuple[float, float]]) -> dict[str, GaugeTraits]:
    """Every gauge's scale, and among its nearest those whose rise in an hour goes before its own of three hours.

    No map of the rivers is needed: what is upstream shows in the record.
    """
    scales = {name: scale_of(series) for name, series in record.items() if len(series.at) >= _FEWEST}
    known = {name: place for name, place in places.items() if name in scales}
    return {
        name: GaugeTraits(scales[name], float(np.median(record[name].level)), _leaders(record, known, name))
        for name in scales
    }


def _leaders(record: Mapping[str, Series], places: Mapping[str, tuple[float, float]], name: str) -> tuple[str, ...]:
    own = record[name]
    moments = own.at[:: max(1, len(own.at) // 500)]
    later = level_at(own, moments + 3 * HOUR) - level_at(own, moments)
    found = []
    for other in nearest(places, name, _ASKED):
        before = level_at(record[other], moments) - level_at(record[other], moments - HOUR)
        both = ~(np.isnan(later) | np.isnan(before))
        if both.sum() < _FEWEST or later[both].std() < 1e-6 or before[both].std() < 1e-6:
            continue
        agree = float(np.corrcoef(later[both], before[both])[0, 1])
        if agree > _AGREE:
            found.append((agree, other))
    return tuple(other for _, other in sorted(found, reverse=True)[:_LEADERS])


def features(record: Mapping[str, Series], traits: Mapping[str, GaugeTraits], name: str, moments: Floats) -> Floats:
    """One row for each moment; NaN where something is not known."""
    own, trait = record[name], traits[name]
    now = level_at(own, moments)
    day = np.stack([level_at(own, moments - hours * HOUR) for hours in range(25)])
    columns = [(now - trait.usual) / trait.scale]
    columns += [
        (now - level_at(own, moments - lag * HOUR, HOUR / 4 if lag < 1 else 2400.0)) / trait.scale for lag in _LAGS
    ]
    columns += [(now - np.fmax.reduce(day)) / trait.scale, (now - np.fmin.reduce(day)) / trait.scale]
    columns += _of_leaders(record, traits, trait.leaders, moments)
    return np.column_stack(columns)


def _of_leaders(
    record: Mapping[str, Series], traits: Mapping[str, GaugeTraits], leaders: Sequence[str], moments: Floats
) -> list[Floats]:
    empty = Series(np.empty(0), np.empty(0))
    columns = []
    for place in range(_LEADERS):
        name = leaders[place] if place < len(leaders) else ""
        series = record.get(name, empty)
        scale = traits[name].scale if name in traits else 1.0
        now = level_at(series, moments)
        columns += [(now - level_at(series, moments - hours * HOUR)) / scale for hours in (1, 3)]
    return columns


def targets(series: Series, moments: Floats, lead: int) -> Floats:
    """How far the level has moved `lead` hours later, in metres; NaN where nobody measured."""
    return level_at(series, moments + lead * HOUR, 1200.0) - level_at(series, moments)
