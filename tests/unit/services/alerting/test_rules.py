"""Stages go up and down as the flood defence expects, and do not depend on the order of arrival."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.river import Quality, Stage, Thresholds, Trend
from services.alerting.quality import QualityRules
from services.alerting.readings import Reading, Removal
from services.alerting.rules import annotate, apply, refold, remove
from services.alerting.state import GaugeState, Kind, Note, decode_state, encode_state
from tests.unit.services.alerting.make import EBA, FULL, decisions, reading, rules, run


def test_danger_is_raised_by_the_first_plausible_reading() -> None:
    state, outcomes = run([(0, 1.0), (10, 2.0)], rules())
    assert state.head.stage is Stage.DANGER
    (decision,) = decisions(outcomes, Kind.RAISE)
    assert (decision.before, decision.after, decision.why) == (Stage.BELOW, Stage.DANGER, "danger-at-once")
    assert decision.inputs["level"] == 2.0
    assert decision.rules == "test"


def test_a_gauge_that_starts_above_danger_is_in_danger() -> None:
    state, outcomes = run([(0, 2.5)], rules())
    assert state.head.stage is Stage.DANGER
    assert [d.kind for d in decisions(outcomes)] == [Kind.RAISE]


def test_a_lower_stage_needs_consecutive_readings() -> None:
    state, _ = run([(0, 1.1), (10, 1.25)], rules())
    assert state.head.stage is Stage.BELOW
    state, outcomes = run([(20, 1.26)], rules(), state)
    assert state.head.stage is Stage.STANDBY
    assert decisions(outcomes)[0].why == "consecutive"


def test_a_dip_between_starts_the_count_again() -> None:
    state, _ = run([(0, 1.15), (10, 1.21), (20, 1.19), (30, 1.21)], rules())
    assert state.head.stage is Stage.BELOW


def test_the_stage_raised_is_the_one_that_all_the_readings_support() -> None:
    state, _ = run([(0, 1.45), (10, 1.5), (20, 1.82), (30, 1.83)], rules(fast_rise=9.0))
    assert state.head.stage is Stage.EVACUATION
    state, _ = run([(0, 1.1), (10, 1.25), (20, 1.55)], rules(fast_rise=9.0))
    assert state.head.stage is Stage.STANDBY


def test_a_fast_rise_does_not_wait() -> None:
    state, outcomes = run([(0, 1.1), (10, 1.55)], rules())
    assert state.head.stage is Stage.CAUTION
    assert decisions(outcomes, Kind.RAISE)[0].why == "fast-rise"


def test_a_gauge_that_reports_hourly_does_not_wait_for_another_hour() -> None:
    state, outcomes = run([(0, 1.3), (60, 1.42)], rules(EBA))
    assert state.head.stage is Stage.CAUTION
    assert decisions(outcomes, Kind.RAISE)[-1].why == "long-interval"


def test_lowering_needs_margin_and_dwell() -> None:
    rising = [(0, 1.45), (10, 1.55), (20, 1.6)]
    within_margin = [(30, 1.45), (40, 1.45), (90, 1.42)]
    state, _ = run(rising + within_margin, rules())
    assert state.head.stage is Stage.CAUTION
    state, _ = run([(100, 1.35), (120, 1.35)], rules(), state)
    assert state.head.stage is Stage.CAUTION
    state, outcomes = run([(130, 1.35)], rules(), state)
    assert state.head.stage is Stage.STANDBY
    assert [d.kind for d in decisions(outcomes)] == [Kind.LOWER]


def test_a_rise_during_the_dwell_starts_it_again() -> None:
    state, _ = run([(0, 1.55), (10, 1.55), (20, 1.35), (40, 1.45), (50, 1.35), (70, 1.35)], rules())
    assert state.head.stage is Stage.CAUTION


def test_lowering_goes_to_the_highest_stage_seen_during_the_dwell() -> None:
    state, _ = run([(0, 2.1), (10, 1.75), (20, 0.9), (40, 0.9)], rules())
    assert state.head.stage is Stage.EVACUATION


def test_a_gauge_without_stages_is_never_normal() -> None:
    state, outcomes = run([(0, 0.5), (10, 99.0)], rules(Thresholds()))
    assert state.head.stage is Stage.NONE
    assert decisions(outcomes, Kind.RAISE) == []


def test_a_missing_stage_infers_nothing() -> None:
    state, _ = run([(0, 1.95), (10, 1.99)], rules(EBA))
    assert state.head.stage is Stage.CAUTION


@pytest.mark.parametrize(
    ("levels", "trend"),
    [
        ([0.5, 0.55, 0.6, 0.7], Trend.RISING),
        ([0.7, 0.6, 0.55, 0.5], Trend.FALLING),
        ([0.5, 0.51, 0.5, 0.52], Trend.STEADY),
        ([0.5], Trend.UNKNOWN),
    ],
)
def test_trend(levels: list[float], trend: Trend) -> None:
    state, _ = run([(10 * i, level) for i, level in enumerate(levels)], rules())
    assert state.head.trend is trend


def test_an_unbelievable_rise_is_seen_by_staff_at_once_and_promoted_by_the_next_reading() -> None:
    state, outcomes = run([(0, 0.5), (10, 4.0)], rules())
    assert state.head.stage is Stage.BELOW
    (suspect,) = decisions(outcomes, Kind.SUSPECT)
    assert (suspect.after, suspect.why) == (Stage.DANGER, "rate")
    state, outcomes = run([(11, 4.2)], rules(), state)
    assert state.head.stage is Stage.DANGER
    assert decisions(outcomes)[0].kind is Kind.RAISE
    assert [(mark.reading.level, mark.quality) for mark in outcomes[0].marks] == [(4.0, Quality.GOOD)]


def test_a_lone_spike_is_marked_and_withdrawn() -> None:
    state, outcomes = run([(0, 0.5), (10, 4.0), (20, 0.52)], rules())
    assert state.head.stage is Stage.BELOW
    assert [d.kind for d in decisions(outcomes, Kind.SUSPECT, Kind.CLEARED)] == [Kind.SUSPECT, Kind.CLEARED]
    assert [(m.reading.level, m.quality, m.reasons) for m in outcomes[-1].marks] == [(4.0, Quality.BAD, ("spike",))]


def test_a_spike_that_was_believed_raises_and_is_marked_afterwards() -> None:
    state, outcomes = run([(0, 0.5), (10, 2.1), (20, 0.5)], rules())
    assert decisions(outcomes, Kind.RAISE)[0].after is Stage.DANGER
    assert outcomes[-1].marks[0].reasons == ("spike",)
    state, _ = run([(50, 0.5)], rules(), state)
    assert state.head.stage is Stage.BELOW


def test_a_flash_flood_as_fast_as_any_recorded_is_believed_at_once() -> None:
    """In July 2008 the 都賀川 rose by 1.34 m in ten minutes."""
    state, outcomes = run([(0, 0.7), (10, 2.04)], rules())
    assert state.head.stage is Stage.DANGER
    assert decisions(outcomes, Kind.SUSPECT) == []


def test_a_reading_beyond_what_the_sensor_measures_is_bad_and_still_shown() -> None:
    by = rules(quality=QualityRules(low=-1.0, high=9.0))
    state, outcomes = run([(0, 0.5), (10, 9.99), (20, 9.99), (30, 9.99)], by)
    assert state.head.stage is Stage.BELOW
    assert [d.kind for d in decisions(outcomes, Kind.SUSPECT)] == [Kind.SUSPECT]
    assert {m.quality for o in outcomes[1:] for m in o.marks} == {Quality.BAD}


def test_a_neighbour_promotes_a_suspect_reading() -> None:
    state, _ = run([(0, 0.5), (10, 4.0)], rules())
    result = annotate(state, 600.0, Note.ENDORSED, rules())
    assert result.state.head.stage is Stage.DANGER
    assert [d.kind for d in result.decisions] == [Kind.RAISE]


def test_neighbours_that_disagree_are_shown_and_silence_nothing() -> None:
    state, _ = run([(0, 0.5), (10, 2.1)], rules())
    result = annotate(state, 600.0, Note.DOUBTED, rules())
    assert result.state.head.stage is Stage.DANGER
    assert [(d.kind, d.why) for d in result.decisions] == [(Kind.SUSPECT, "neighbours-disagree")]


def test_a_stuck_gauge_above_a_stage_is_suspect_but_keeps_its_stage() -> None:
    state, outcomes = run([(0, 1.2), (10, 1.6)] + [(60 * h, 1.6 + 0.01 * (h % 3)) for h in range(1, 30)], rules())
    assert state.head.stage is Stage.CAUTION
    assert (state.head.quality, state.head.reasons) == (Quality.SUSPECT, ("flat-line",))
    assert [d.kind for d in decisions(outcomes)][-1] is Kind.SUSPECT
    state, _ = run([(60 * 30, 2.0)], rules(), state)
    assert state.head.stage is Stage.DANGER


def test_a_gauge_above_a_stage_for_days_is_to_be_checked() -> None:
    state, _ = run([(60 * h, 1.6 + 0.1 * (h % 3)) for h in range(80)], rules())
    assert state.head.reasons == ("stays-above-stage",)


def test_a_device_clock_that_is_ahead_is_marked_and_still_alarms() -> None:
    state, outcomes = run([reading(0, 1.0), Reading(600.0, 2.2, 0, 300.0)], rules())
    assert state.head.stage is Stage.DANGER
    assert outcomes[-1].marks[0].reasons == ("clock-skew",)


def test_a_late_row_neither_lowers_nor_raises_again() -> None:
    flood = [(0, 2.1), (10, 1.7), (20, 1.0), (30, 1.0), (40, 1.0), (50, 0.9), (70, 0.9)]
    state, _ = run(flood, rules())
    assert state.head.stage is Stage.BELOW
    late_peak, outcomes = run([(5, 2.3)], rules(), state)
    assert late_peak.head.stage is Stage.BELOW
    assert decisions(outcomes) == []
    assert outcomes[0].late
    in_flood, _ = run([(0, 1.0), (20, 2.1), (30, 2.2)], rules())
    after, outcomes = run([(10, 0.2)], rules(), in_flood)
    assert after.head.stage is Stage.DANGER
    assert decisions(outcomes, Kind.LOWER) == []


def test_a_row_older_than_the_window_changes_nothing() -> None:
    state, _ = run([(10 * i, 0.5) for i in range(100)], rules())
    result = apply(state, reading(10.5, 9.0), rules())
    assert result.state == state
    assert result.late


def test_a_correction_replaces_and_a_repetition_is_nothing() -> None:
    state, _ = run([(0, 1.0), (10, 2.2)], rules())
    again = apply(state, reading(10, 2.2), rules())
    assert again.state == state
    corrected = apply(state, reading(10, 1.0, version=1), rules())
    assert corrected.state.head.stage is Stage.BELOW
    assert [(d.kind, d.why) for d in corrected.decisions] == [(Kind.LOWER, "corrected")]
    assert corrected.decisions[0].inputs["corrected"][1] == 1.0


def test_what_a_person_says_is_not_doubted_by_rules_of_thumb() -> None:
    _, (*_, doubted) = run([(0, 0.5), (10, 0.5), (20, 4.0)], rules(EBA))
    assert doubted.state.head.quality is Quality.SUSPECT
    state, (*_, corrected) = run([(0, 0.5), (10, 0.5), (20, 0.5), reading(20, 4.0, 1, by_hand=True)], rules(EBA))
    assert (state.head.stage, state.head.quality, state.head.reasons) == (Stage.DANGER, Quality.GOOD, ("by-hand",))
    [raised] = decisions([corrected])
    assert (raised.kind, raised.inputs["byHand"]) == (Kind.RAISE, [1200.0])
    assert raised.inputs["reasons"] == ["by-hand"]
    assert decode_state(encode_state(state)) == state
    heard = annotate(state, 1200.0, Note.DOUBTED, rules(EBA))
    assert heard.state.head.quality is Quality.GOOD
    _, outcomes = run([(30, 0.5), (40, 0.5)], rules(EBA), state)
    marked = {mark.reading.at: mark.quality for result in outcomes for mark in result.marks}
    assert 1200.0 not in marked, "nor called a spike afterwards"


def test_an_unremarkable_value_by_hand_is_plainly_good() -> None:
    state, _ = run([(0, 0.5), reading(0, 0.6, 1, by_hand=True)], rules(EBA))
    assert (state.head.quality, state.head.reasons) == (Quality.GOOD, ())


def test_a_person_cannot_put_a_gauge_beyond_what_it_measures() -> None:
    by = rules(EBA, QualityRules(low=-1.0, high=6.0))
    state, _ = run([(0, 0.5), (10, 0.5), reading(10, 60.0, 1, by_hand=True)], by)
    assert (state.head.stage, state.head.quality, state.head.reasons) == (Stage.BELOW, Quality.BAD, ("range",))


levels = st.one_of(
    st.floats(-1.0, 3.0, allow_nan=False, width=32), st.sampled_from([1.2, 1.5, 1.8, 2.0, 9.0, 5000.0, -60.0])
)
series = st.lists(levels, min_size=1, max_size=20).map(
    lambda values: [Reading(600.0 * i, float(v)) for i, v in enumerate(values)]
)


@given(series, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_state(rows: list[Reading], rng: random.Random) -> None:
    shuffled = rows[:]
    rng.shuffle(shuffled)
    expected, _ = run(rows, rules())
    got, _ = run(shuffled + shuffled[:3], rules())
    assert got == expected


@given(series, st.integers(0, 19))
def test_what_is_taken_out_was_never_there(rows: list[Reading], which: int) -> None:
    gone = rows[which % len(rows)]
    whole, _ = run(rows, rules())
    expected, _ = run([row for row in rows if row != gone], rules())
    left = remove(whole, Removal(gone.at), rules()).state
    assert left == expected
    assert decode_state(encode_state(left)) == left
    assert remove(left, Removal(gone.at), rules()).state is left


@given(series, st.integers(0, 19), st.integers(-3, 40))
def test_what_is_moved_is_as_if_it_had_come_of_that_time(rows: list[Reading], which: int, to: int) -> None:
    old = rows[which % len(rows)]
    moved = Reading(600.0 * to + 1.0, old.level)
    whole, _ = run(rows, rules())
    expected, _ = run([*(row for row in rows if row != old), moved], rules())
    assert remove(whole, Removal(old.at, moved), rules()).state == expected


def test_a_reading_taken_out_from_before_the_window_changes_nothing() -> None:
    state, _ = run([(10.0 * i, 0.5) for i in range(40)], rules())
    assert remove(state, Removal(0.0), rules()).state is state


@given(series)
def test_a_state_stored_and_loaded_goes_on_as_if_nothing_had_happened(rows: list[Reading]) -> None:
    by = rules(window=6)
    whole, _ = run(rows, by)
    state = GaugeState()
    for row in rows:
        state = decode_state(encode_state(apply(state, row, by).state))
        assert refold(state, by).head == state.head
    assert state == whole


@given(series)
def test_a_believed_reading_at_danger_is_never_without_consequence(rows: list[Reading]) -> None:
    """Every reading at the danger level leaves the gauge in danger or staff with a suspect danger to look at."""
    state = GaugeState()
    for row in rows:
        state = apply(state, row, rules(FULL)).state
        if row.level >= 2.0:
            assert Stage.DANGER.rank in (state.head.rank, state.head.doubt_rank)


def test_an_uneventful_reading_costs_little() -> None:
    by = rules()
    state, _ = run([(0.1 * i, 0.5 + 0.001 * (i % 2)) for i in range(100)], by)
    rows = [reading(100 + 0.1 * i, 0.5 + 0.001 * (i % 2)) for i in range(5000)]
    best = float("inf")
    for _ in range(3):
        current, start = state, time.process_time()
        for row in rows:
            current = apply(current, row, by).state
        best = min(best, (time.process_time() - start) / len(rows))
    print(f"{best * 1e6:.1f} µs a reading")
    assert best < 40e-6
