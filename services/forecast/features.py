"""What a forecast is made from: a gauge's own recent levels, those of the gauges that rise before it, and the rain.

Pure. Levels are changes in units of the gauge's own scale, so that one model serves all gauges; rain is in millimetres.
Where nothing is known of rain, a model is learned without, and none is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from services.forecast.series import HOUR, Floats, Places, Record, Series, level_at, nearest, rain_of, scale_of

LEADS = (1, 3, 6)
"""Hours ahead."""
_LAGS = (1 / 3, 1.0, 2.0, 3.0, 6.0, 12.0)
_LEADERS = 3
_ASKED = 12
_AGREE = 0.2
_FEWEST = 12
_RAIN_HOURS = (1, 3, 6)
_RAIN_GAUGES = 2


class GaugeTraits(msgspec.Struct, frozen=True):
    """What was learned of one gauge: its scale and usual level in metres, who rises before it, and the rain gauges
    whose rain it answers."""

    scale: float
    usual: float
    leaders: tuple[str, ...] = ()
    rain: tuple[str, ...] = ()


def learn_traits(record: Record, places: Places) -> dict[str, GaugeTraits]:
    """Every gauge's scale, among its nearest those whose rise in an hour goes before its own of three hours, and the
    rain gauges whose last three hours do.

    No map of the rivers is needed: what is upstream shows in the record.
    """
    levels = {name: series for name, series in record.levels.items() if len(series.at) >= _FEWEST}
    known = {name: place for name, place in places.items() if name in levels}
    wet = {name: place for name, place in places.items() if name in record.rain}
    found = {}
    for name, own in levels.items():
        moments = own.at[:: max(1, len(own.at) // 500)]
        later = level_at(own, moments + 3 * HOUR) - level_at(own, moments)
        beside = nearest({**wet, name: places[name]}, name, _ASKED) if name in places else []
        rises = {one: _rise(levels[one], moments, 1) for one in nearest(known, name, _ASKED)}
        rain = {one: rain_of(record.rain[one], moments, 3) for one in beside}
        found[name] = GaugeTraits(
            scale_of(own),
            float(np.median(own.level)),
            _agreeing(later, rises, _LEADERS),
            _agreeing(later, rain, _RAIN_GAUGES),
        )
    return found


def _agreeing(later: Floats, signs: Mapping[str, Floats], count: int) -> tuple[str, ...]:
    """Those of the signs that agree best with what came later."""
    found = []
    for other, before in signs.items():
        both = ~(np.isnan(later) | np.isnan(before))
        if both.sum() < _FEWEST or later[both].std() < 1e-6 or before[both].std() < 1e-6:
            continue
        agree = float(np.corrcoef(later[both], before[both])[0, 1])
        if agree > _AGREE:
            found.append((agree, other))
    return tuple(other for _, other in sorted(found, reverse=True)[:count])


def features(record: Record, traits: Mapping[str, GaugeTraits], name: str, moments: Floats) -> Floats:
    """One row for each moment; NaN where something is not known."""
    own, trait = record.levels[name], traits[name]
    now = level_at(own, moments)
    day = np.stack([level_at(own, moments - hours * HOUR) for hours in range(25)])
    columns = [(now - trait.usual) / trait.scale]
    columns += [
        (now - level_at(own, moments - lag * HOUR, HOUR / 4 if lag < 1 else 2400.0)) / trait.scale for lag in _LAGS
    ]
    columns += [(now - np.fmax.reduce(day)) / trait.scale, (now - np.fmin.reduce(day)) / trait.scale]
    columns += _of_leaders(record.levels, traits, trait.leaders, moments)
    if uses_rain(traits):
        columns += [mean_rain(record, trait, moments, hours) for hours in _RAIN_HOURS]
    return np.column_stack(columns)


def uses_rain(traits: Mapping[str, GaugeTraits]) -> bool:
    """Whether rain was learned of any gauge: then every gauge's row has its columns."""
    return any(trait.rain for trait in traits.values())


def mean_rain(record: Record, trait: GaugeTraits, moments: Floats, hours: int) -> Floats:
    """Millimetres in so many hours before each moment, the mean of the gauge's rain gauges that know; NaN if none."""
    fallen = np.array([rain_of(record.rain[one], moments, hours) for one in trait.rain if one in record.rain])
    if not len(fallen):
        return np.full(len(moments), np.nan)
    known = (~np.isnan(fallen)).sum(axis=0)
    mean: Floats = np.divide(np.nansum(fallen, axis=0), known, out=np.full(len(moments), np.nan), where=known > 0)
    return mean


def _of_leaders(
    levels: Mapping[str, Series], traits: Mapping[str, GaugeTraits], leaders: Sequence[str], moments: Floats
) -> list[Floats]:
    empty = Series(np.empty(0), np.empty(0))
    columns = []
    for place in range(_LEADERS):
        name = leaders[place] if place < len(leaders) else ""
        scale = traits[name].scale if name in traits else 1.0
        columns += [_rise(levels.get(name, empty), moments, hours) / scale for hours in (1, 3)]
    return columns


def _rise(series: Series, moments: Floats, hours: int) -> Floats:
    return level_at(series, moments) - level_at(series, moments - hours * HOUR)


def targets(series: Series, moments: Floats, lead: int) -> Floats:
    """How far the level has moved `lead` hours later, in metres; NaN where nobody measured."""
    return level_at(series, moments + lead * HOUR, 1200.0) - level_at(series, moments)
