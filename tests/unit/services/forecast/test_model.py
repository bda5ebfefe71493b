"""Levels ahead: what is learned from a record, judged on another, and kept as data."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from broker.errors import Invalid
from services.forecast import judging, model
from services.forecast.features import LEADS, features, learn_traits, targets
from services.forecast.series import HOUR, Record, Series, hourly_rain, level_at, nearest, rain_of, series_of

PLACES = {"up": (136.0, 36.0), "down": (136.1, 36.0), "far": (140.0, 36.0)}
START = 1_600_000_000.0


def flood(seed: int, hours: int = 240) -> Record:
    """Waves that pass `up` and two hours later, lower, `down`; and a brook elsewhere that stays as it is."""
    random = np.random.default_rng(seed)
    at = START + np.arange(0, hours * HOUR, 1200.0)
    up = np.zeros(len(at))
    for crest in random.uniform(0, hours, hours // 24):
        since = (at - START) / HOUR - crest
        up += random.uniform(0.5, 3) * np.where(since < 0, np.exp(since / 1.5), np.exp(-since / 6))
    later = np.interp(at - 2 * HOUR, at, up)
    noise = random.normal(0, 0.01, (3, len(at)))
    return Record(
        {
            "up": Series(at, up + noise[0]),
            "down": Series(at, 0.7 * later + noise[1]),
            "far": Series(at, 1 + noise[2]),
        }
    )


@pytest.fixture(scope="module")
def learned() -> model.Model:
    return model.train([flood(1), flood(2)], PLACES)


def test_a_level_is_the_last_one_read_and_not_too_old() -> None:
    series = series_of([(7200, 2.0), (3600, 1.0), (3600, 1.5), (9000, 99.0)], (-1.0, 10.0))
    assert series.level.tolist() == [1.5, 2.0]
    assert level_at(series, [3600, 5000, 7100, 7200], 2400).tolist()[:2] == [1.5, 1.5]
    assert np.isnan(level_at(series, [3599 - 2, 7100])).all()
    assert np.isnan(level_at(Series(np.empty(0), np.empty(0)), [1.0])).all()


def test_who_rises_before_is_found_in_the_record() -> None:
    traits = learn_traits(flood(1), PLACES)
    assert traits["down"].leaders[0] == "up"
    assert "far" not in traits["down"].leaders
    assert traits["up"].scale > traits["far"].scale
    assert nearest(PLACES, "up", 1) == ["down"]
    assert nearest(PLACES, "unknown", 1) == []


def test_it_beats_persistence_on_floods_it_has_not_seen(learned: model.Model) -> None:
    judged = judging.judge(learned, flood(3))
    assert [skill.lead for skill in judged.skills] == list(LEADS)
    assert all(skill.beats_persistence and skill.error < skill.stays for skill in judged.skills)
    assert all(0.6 < skill.inside <= 1 for skill in judged.skills)
    for lead, skill in zip(LEADS, judged.skills, strict=True):
        rises = judged.rises[lead].values()
        pooled = 1 - sum(rise.error for rise in rises) / sum(rise.stays for rise in rises)
        assert pooled == pytest.approx(skill.rising), "the gauges' rises are all there are"
    assert set(judged.rises[1]) <= {"up", "down"}, "a brook that stays as it is has no rising limb"


def test_only_leads_shown_of_a_gauge_are_forecast(learned: model.Model) -> None:
    shown = model.forecast(learned._replace(shown={"up": (1,), "down": ()}), flood(4))
    assert {name: [one.lead for one in ahead] for name, ahead in shown.items()} == {"up": [1], "down": [], "far": []}


def test_the_interval_is_around_the_level_and_gauges_that_are_unknown_have_none(learned: model.Model) -> None:
    levels = flood(5).levels
    record = {**levels, "new": levels["up"], "silent": Series(np.empty(0), np.empty(0))}
    found = model.forecast(learned, Record(record))
    assert set(found) == {"up", "down", "far"}
    assert all(one.low <= one.level <= one.high for ahead in found.values() for one in ahead)
    assert abs(found["far"][0].level - record["far"].level[-1]) < 0.1
    assert model.forecast(learned, Record({})) == {}
    assert judging.judge(learned, Record({})) == judging.Judged()


def test_a_gap_leaves_the_rest_to_be_learned_from() -> None:
    record = flood(1)
    full = record.levels["up"]
    holed = Series(full.at[::7], full.level[::7])
    rows = features(Record({**record.levels, "up": holed}), learn_traits(record, PLACES), "down", full.at[200:210])
    assert rows.shape[0] == 10
    assert np.isnan(rows).any()
    assert not np.isnan(rows[:, 0]).any()
    assert np.isnan(targets(full, full.at[-1:], 3)).all()


def test_too_little_to_learn_from_is_refused() -> None:
    with pytest.raises(Invalid, match="fewer than"):
        model.train([Record({"up": series_of([(START, 1.0)])})], PLACES)
    with pytest.raises(Invalid, match="fewer than"):
        model.train([], PLACES)


def test_a_model_is_kept_as_data(learned: model.Model) -> None:
    body = model.dump(learned)
    again = model.read(body, learned.traits, learned.shown)
    assert model.forecast(again, flood(6)) == model.forecast(learned, flood(6))
    for wrong in (b"", body[: len(body) // 2], pickle.dumps({"a": 1})):
        with pytest.raises(Invalid, match="train it anew"):
            model.read(wrong, learned.traits, LEADS)


def catchment(seed: int, hours: int = 480) -> Record:
    """Storms fall on a hill; the brook below answers them three hours later, a pond beside it never does."""
    random = np.random.default_rng(seed)
    at = START + np.arange(0, hours * HOUR, 1200.0)
    rain, level = np.zeros(len(at)), np.zeros(len(at))
    for storm in random.uniform(0, hours, hours // 16):
        since, mm = (at - START) / HOUR - storm, random.uniform(5, 60)
        rain += np.where((since >= 0) & (since < 3), mm, 0.0)
        level += mm / 30 * np.where(since < 3, 0.0, np.minimum((since - 3) / 2, np.exp(-(since - 5) / 6)))
    noise = random.normal(0, 0.01, (2, len(at)))
    return Record(
        {"down": Series(at, level + noise[0]), "far": Series(at, 1 + noise[1])},
        {"hill": Series(at, rain), "plain": Series(at, random.uniform(0, 2, len(at)))},
    )


def test_rain_tells_three_hours_ahead_what_levels_cannot() -> None:
    places = {**PLACES, "hill": (136.12, 36.02), "plain": (136.05, 35.9)}
    wet, dry = [catchment(1), catchment(2)], [Record(catchment(seed).levels) for seed in (1, 2)]
    seen, unseen = model.train(wet, places), model.train(dry, places)
    assert seen.traits["down"].rain == ("hill",)
    assert seen.traits["far"].rain == ()
    assert unseen.traits["down"].rain == ()
    with_rain, without = (
        judging.judge(learned, record).skills[1]
        for learned, record in ((seen, catchment(3)), (unseen, Record(catchment(3).levels)))
    )
    assert with_rain.lead == without.lead == 3
    assert with_rain.rising > without.rising + 0.3, (with_rain, without)
    assert with_rain.rising > 0.5

    raining = catchment(4)
    assert [one.lead for one in model.forecast(seen, raining)["down"]] == list(LEADS)
    silent = Record(raining.levels, {"hill": Series(raining.rain["hill"].at[:-6], raining.rain["hill"].level[:-6])})
    assert model.forecast(seen, silent)["down"] == (), "nobody has judged it without rain"
    assert model.forecast(seen, silent)["far"] != ()


def test_rain_is_summed_over_whole_hours_only() -> None:
    tens = series_of([(START + 600 * i, 1.0 + i) for i in (1, 2, 3, 4, 5, 6, 7, 9, 10)])
    hours = hourly_rain(tens)
    assert hours.at.tolist() == [START + 3600, START + 4200]
    assert hours.level.tolist() == pytest.approx([27.0, 33.0])
    assert hourly_rain(series_of([])).at.tolist() == []
    fallen = series_of([(START + HOUR * i, 10.0 * i) for i in (1, 2, 3)])
    assert rain_of(fallen, [START + 3 * HOUR], 3).tolist() == [60.0]
    assert np.isnan(rain_of(fallen, [START + 3 * HOUR], 6)).all()
