"""Training and asking the model: three quantiles for each lead, by gradient boosting over all gauges. Pure.

The level's change is learned in units of each gauge's scale. A model is kept as data (skops), not as a pickle: reading
one runs no code of its writer's. What it is worth is said in `services.forecast.judging`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from broker.errors import Invalid
from services.forecast.features import LEADS, GaugeTraits, features, learn_traits, mean_rain, targets
from services.forecast.series import Floats, Places, Record, Series, level_at

QUANTILES = (0.1, 0.5, 0.9)
"""The interval's ends and the middle: four of five levels should come to lie between the ends."""
_FEWEST = 500
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]

Trees = dict[int, dict[float, Any]]


class Ahead(NamedTuple):
    """A level some hours ahead, in metres above the gauge's zero, with the ends of its interval."""

    lead: int
    level: float
    low: float
    high: float


class Model(NamedTuple):
    """What was learned. `shown` are the leads of each gauge that are worth showing (`judging.worth_showing`)."""

    traits: Mapping[str, GaugeTraits]
    trees: Trees
    shown: Mapping[str, tuple[int, ...]]


class Cases(NamedTuple):
    """Every reading of every known gauge: whose it is, its features and scale, and for each lead how far the level
    moved (metres; NaN where nobody measured)."""

    names: Sequence[str]
    gauge: NDArray[np.intp]
    x: Floats
    scale: Floats
    moved: list[Floats]


def train(records: Sequence[Record], places: Places) -> Model:
    """Learn from records of floods. `places` are those of river and rain gauges.

    Raises `Invalid` where the records hold too little.
    """
    traits = learn_traits(_joined(records), places)
    rows = [cases_of(record, traits) for record in records]
    known = [one for one in rows if one is not None]
    if sum(len(one.x) for one in known) < _FEWEST:
        raise Invalid(f"fewer than {_FEWEST} readings to learn from; name more files of readings", field="readings")
    x = np.vstack([one.x for one in known])
    scale = np.concatenate([one.scale for one in known])
    trees: Trees = {}
    with threadpool_limits(limits=1):
        for place, lead in enumerate(LEADS):
            y = np.concatenate([one.moved[place] for one in known])
            there = ~np.isnan(y)
            if there.sum() < _FEWEST:
                raise Invalid(f"too few readings have one {lead} h later; name longer records", field="readings")
            trees[lead] = {q: _fit(q, x[there], y[there] / scale[there]) for q in QUANTILES}
    return Model(traits, trees, dict.fromkeys(traits, LEADS))


def _fit(quantile: float, x: Floats, y: Floats) -> Any:
    # A column of which nothing is known (20 minutes ago, where all gauges are hourly) has no bins: one made-up value.
    x[0, np.isnan(x).all(axis=0)] = 0.0
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=60,
        learning_rate=0.08,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=1,
    ).fit(x, y)


def forecast(model: Model, record: Record) -> dict[str, tuple[Ahead, ...]]:
    """The levels ahead of each known gauge's own latest reading, for the leads shown of it, all gauges at once.

    A gauge of which no lead is shown is there with none; so is one that was learned with rain while its rain gauges
    are silent, for without rain nobody has judged it.
    """
    levels = record.levels
    names = _known(record, model.traits)
    if not names:
        return {}
    now = np.array([levels[name].level[-1] for name in names])
    x = np.vstack([features(record, model.traits, name, levels[name].at[-1:]) for name in names])
    scale = np.array([model.traits[name].scale for name in names])
    shown = {name: model.shown.get(name, ()) for name in names if not _blind(record, model.traits[name], name)}
    wanted = {lead for leads in shown.values() for lead in leads}
    ends = {lead: changes(model, lead, x) for lead in sorted(wanted)}
    return {
        name: tuple(
            Ahead(lead, *(round(float(now[i] + change[i] * scale[i]), 3) for change in (middle, low, high)))
            for lead, (low, middle, high) in ends.items()
            if lead in shown.get(name, ())
        )
        for i, name in enumerate(names)
    }


def _known(record: Record, traits: Mapping[str, GaugeTraits]) -> list[str]:
    return [name for name, series in record.levels.items() if name in traits and len(series.at)]


def _blind(record: Record, trait: GaugeTraits, name: str) -> bool:
    return bool(trait.rain) and bool(np.isnan(mean_rain(record, trait, record.levels[name].at[-1:], 1)).any())


def changes(model: Model, lead: int, x: Floats) -> tuple[Floats, Floats, Floats]:
    """The three quantiles of the change in their order, in units of the scale: trees learned apart may cross."""
    if not len(x):
        return np.empty(0), np.empty(0), np.empty(0)
    with threadpool_limits(limits=1):
        low, middle, high = np.sort(np.stack([model.trees[lead][q].predict(x) for q in QUANTILES]), axis=0)
    return low, middle, high


def cases_of(record: Record, traits: Mapping[str, GaugeTraits]) -> Cases | None:
    """What a record gives to learn from or to judge by; None where it has no known gauge."""
    names = _known(record, traits)
    if not names:
        return None
    series = [record.levels[name] for name in names]
    gauge = np.repeat(np.arange(len(names)), [len(one.at) for one in series])
    x = np.vstack([features(record, traits, name, one.at) for name, one in zip(names, series, strict=True)])
    scale = np.array([traits[name].scale for name in names])[gauge]
    moved = [np.concatenate([targets(one, one.at, lead) for one in series]) for lead in LEADS]
    measured = ~np.isnan(np.concatenate([level_at(one, one.at) for one in series]))
    return Cases(names, gauge[measured], x[measured], scale[measured], [one[measured] for one in moved])


def _joined(records: Sequence[Record]) -> Record:
    return Record(_joined_series([one.levels for one in records]), _joined_series([one.rain for one in records]))


def _joined_series(records: Sequence[Mapping[str, Series]]) -> dict[str, Series]:
    names = {name for record in records for name in record}
    found = {}
    for name in names:
        parts = sorted((record[name] for record in records if name in record), key=lambda part: part.at[:1].tolist())
        found[name] = Series(
            np.concatenate([part.at for part in parts]), np.concatenate([part.level for part in parts])
        )
    return found


def dump(model: Model) -> bytes:
    """The trees as bytes that hold data alone."""
    body: bytes = skops.io.dumps(model.trees, compression=8)
    return body


def read(body: bytes, traits: Mapping[str, GaugeTraits], shown: Mapping[str, tuple[int, ...]]) -> Model:
    """The inverse of `dump`. Raises `Invalid` for bytes that hold anything but trees."""
    try:
        trees = skops.io.loads(body, trusted=_TRUSTED)
    except Exception as error:  # whatever a damaged archive raises: none of it ends a role
        raise Invalid(f"the stored forecast model cannot be read ({error}); train it anew", field="model") from error
    return Model(traits, trees, shown)
