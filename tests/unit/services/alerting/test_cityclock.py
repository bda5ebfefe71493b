"""The clock of a replay: it goes with the gauges, and no single one drags it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerting.cityclock import LEAP_S, CityClock, first_heard

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def after(*heard: tuple[str, float]) -> float:
    (gauge, at), *rest = heard
    clock = first_heard(gauge, at)
    for gauge, at in rest:
        clock = clock.heard(gauge, at)
    return clock.at


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([("a", 0), ("a", 10 * MINUTE), ("a", 2 * DAY)], 2 * DAY),
        ([("a", 0), ("b", 0), ("a", 10 * MINUTE), ("b", 5 * MINUTE)], 10 * MINUTE),
        ([("a", 0), ("b", 0), ("odd", 2 * DAY), ("odd", 2 * DAY + 10 * MINUTE), ("a", 10 * MINUTE)], 10 * MINUTE),
        ([("odd", 2 * DAY), ("a", 0), ("b", 0), ("a", 10 * MINUTE), ("odd", 3 * DAY)], 10 * MINUTE),
        ([("a", 0), ("b", 0), ("odd", 2 * DAY), ("a", 5 * HOUR)], 5 * HOUR),
        ([("a", 0), ("b", 0), ("a", 5 * HOUR)], 0),
        ([("a", 0), ("b", 0), ("a", 5 * HOUR), ("b", 5 * HOUR)], 5 * HOUR),
        ([("a", 0), ("b", 0), ("a", 30 * MINUTE), ("a", 60 * MINUTE), ("a", 90 * MINUTE)], 90 * MINUTE),
        ([("late", -2 * HOUR), ("a", 0), ("b", 0)], 0),
    ],
    ids=[
        "a city of one gauge goes by it",
        "the newest counts",
        "one gauge days ahead is not followed, however often it speaks",
        "nor where it spoke first",
        "it confirms another's time after a gap at most",
        "a leap waits",
        "for a second gauge",
        "the last gauge that speaks takes the clock along, so that the others are found silent",
        "a gauge behind holds up nobody",
    ],
)
def test_the_present(heard: list[tuple[str, float]], expected: float) -> None:
    assert after(*heard) == expected


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**6).map(float)), min_size=1, max_size=60))
def test_it_never_passes_what_a_second_gauge_has_said_by_more_than_steps(heard: list[tuple[str, float]]) -> None:
    clock: CityClock | None = None
    for gauge, at in heard:
        before = clock
        clock = clock.heard(gauge, at) if clock else first_heard(gauge, at)
        assert clock.at <= max(each for _, each in heard)
        if before is not None and before.sole is None:
            others = [each for other, each in heard if other != gauge]
            assert before.at <= clock.at <= max(before.at + LEAP_S, *others, 0)
