"""Training, judging and asking the model: three quantiles for each lead, by gradient boosting over all gauges. Pure.

The level's change is learned in units of each gauge's scale. A model is kept as data (skops), not as a pickle: reading
one runs no code of its writer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from broker.errors import Invalid
from services.forecast.features import LEADS, GaugeTraits, features, learn_traits, targets
from services.forecast.series import Floats, Series, level_at

QUANTILES = (0.1, 0.5, 0.9)
"""The interval's ends and the middle: four of five levels should come to lie between the ends."""
_FEWEST = 500
_MOVES = 0.1
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]

Places = Mapping[str, tuple[float, float]]
Trees = dict[int, dict[float, Any]]


class Skill(msgspec.Struct, frozen=True, rename="camel"):
    """How one lead did on a record it had not seen, against "it stays as it is" (persistence).

    `error` and `stays` are mean absolute errors in metres. `skill` is 1 - error / stays over all moments, `moving`
    over those when the level moved by more than 0.1 m, `rising` over those when it rose by as much. `inside` is the
    share of levels inside the interval.
    """

    lead: int
    cases: int
    error: float
    stays: float
    skill: float
    moving: float
    rising: float
    inside: float

    @property
    def worth_showing(self) -> bool:
        """Better than persistence, at all times and when it matters."""
        return self.skill > 0 and self.moving > 0


class Ahead(NamedTuple):
    """A level some hours ahead, in metres above the gauge's zero, with the ends of its interval."""

    lead: int
    level: float
    low: float
    high: float


class Model(NamedTuple):
    """What was learned. `shown` are the leads that beat persistence on the record they were judged by."""

    traits: Mapping[str, GaugeTraits]
    trees: Trees
    shown: tuple[int, ...] = LEADS


def train(records: Sequence[Mapping[str, Series]], places: Places) -> Model:
    """Learn from records of floods: each gauge's series by its entity. Raises `Invalid` where they hold too little."""
    traits = learn_traits(_joined(records), places)
    rows = [_cases(record, traits) for record in records]
    known = [one for one in rows if one is not None]
    if sum(len(one[0]) for one in known) < _FEWEST:
        raise Invalid(f"fewer than {_FEWEST} readings to learn from; name more files of readings", field="readings")
    x = np.vstack([one[0] for one in known])
    scale = np.concatenate([one[1] for one in known])
    trees: Trees = {}
    with threadpool_limits(limits=1):
        for place, lead in enumerate(LEADS):
            y = np.concatenate([one[2][place] for one in known])
            there = ~np.isnan(y)
            if there.sum() < _FEWEST:
                raise Invalid(f"too few readings have one {lead} h later; name longer records", field="readings")
            trees[lead] = {q: _fit(q, x[there], y[there] / scale[there]) for q in QUANTILES}
    return Model(traits, trees)


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


def judge(model: Model, record: Mapping[str, Series]) -> list[Skill]:
    """The skill of each lead on a record that the model has not seen."""
    cases = _cases(record, model.traits)
    return [] if cases is None else [_skill(model, lead, cases, place) for place, lead in enumerate(LEADS)]


def _skill(model: Model, lead: int, cases: tuple[Floats, Floats, list[Floats]], place: int) -> Skill:
    there = ~np.isnan(cases[2][place])
    moved = cases[2][place][there]
    low, middle, high = (ends * cases[1][there] for ends in _changes(model, lead, cases[0][there]))
    error, stays = np.abs(middle - moved), np.abs(moved)

    def skill(chosen: Any) -> float:
        return float(1 - error[chosen].mean() / stays[chosen].mean()) if chosen.any() and stays[chosen].any() else 0.0

    return Skill(
        lead,
        len(moved),
        float(error.mean()) if len(moved) else 0.0,
        float(stays.mean()) if len(moved) else 0.0,
        skill(stays >= 0),
        skill(stays > _MOVES),
        skill(moved > _MOVES),
        float(((moved >= low) & (moved <= high)).mean()) if len(moved) else 0.0,
    )


def worth_showing(judged: Sequence[Sequence[Skill]]) -> tuple[int, ...]:
    """The leads that beat persistence on every record they were judged by."""
    return tuple(
        lead
        for place, lead in enumerate(LEADS)
        if judged and all(len(skills) > place and skills[place].worth_showing for skills in judged)
    )


def forecast(model: Model, record: Mapping[str, Series]) -> dict[str, tuple[Ahead, ...]]:
    """Every known gauge's levels ahead of its own latest reading, for the leads that are shown, all gauges at once."""
    names = [name for name in record if name in model.traits and len(record[name].at)]
    if not names:
        return {}
    now = np.array([record[name].level[-1] for name in names])
    x = np.vstack([features(record, model.traits, name, record[name].at[-1:]) for name in names])
    scale = np.array([model.traits[name].scale for name in names])
    ends = {lead: _changes(model, lead, x) for lead in model.shown}
    return {
        name: tuple(
            Ahead(lead, *(round(float(now[i] + change[i] * scale[i]), 3) for change in (middle, low, high)))
            for lead, (low, middle, high) in ends.items()
        )
        for i, name in enumerate(names)
    }


def _changes(model: Model, lead: int, x: Floats) -> tuple[Floats, Floats, Floats]:
    """The three quantiles in their order: trees learned apart may cross."""
    if not len(x):
        return np.empty(0), np.empty(0), np.empty(0)
    with threadpool_limits(limits=1):
        low, middle, high = np.sort(np.stack([model.trees[lead][q].predict(x) for q in QUANTILES]), axis=0)
    return low, middle, high


def _cases(
    record: Mapping[str, Series], traits: Mapping[str, GaugeTraits]
) -> tuple[Floats, Floats, list[Floats]] | None:
    """Features, scales and, for each lead, how far the level moved, at every reading of every known gauge."""
    names = [name for name in record if name in traits and len(record[name].at)]
    if not names:
        return None
    x = np.vstack([features(record, traits, name, record[name].at) for name in names])
    scale = np.concatenate([np.full(len(record[name].at), traits[name].scale) for name in names])
    moved = [np.concatenate([targets(record[name], record[name].at, lead) for name in names]) for lead in LEADS]
    measured = ~np.isnan(np.concatenate([level_at(record[name], record[name].at) for name in names]))
    return x[measured], scale[measured], [one[measured] for one in moved]


def _joined(records: Sequence[Mapping[str, Series]]) -> dict[str, Series]:
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


def read(body: bytes, traits: Mapping[str, GaugeTraits], shown: Sequence[int]) -> Model:
    """The inverse of `dump`. Raises `Invalid` for bytes that hold anything but trees."""
    try:
        trees = skops.io.loads(body, trusted=_TRUSTED)
    except Exception as error:  # whatever a damaged archive raises: none of it ends a role
        raise Invalid(f"the stored forecast model cannot be read ({error}); train it anew", field="model") from error
    return Model(traits, trees, tuple(shown))
