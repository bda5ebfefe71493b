"""Durations of ISO 8601, and the periods they make in Japan's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.errors import Invalid
from broker.query.period import Period, boundaries, parse_period
from schemas.clock import JST


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "months", "time"),
    [
        ("PT1H", 0, timedelta(hours=1)),
        ("P1D", 0, timedelta(days=1)),
        ("P2W", 0, timedelta(weeks=2)),
        ("PT1M30.5S", 0, timedelta(seconds=90.5)),
        ("P1M", 1, timedelta(0)),
        ("P1Y6M", 18, timedelta(0)),
        ("P1M1DT1H", 1, timedelta(days=1, hours=1)),
        ("PT0S", 0, timedelta(0)),
    ],
)
def test_durations(text: str, months: int, time: timedelta) -> None:
    assert parse_period(text, "d") == Period(months, time)


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "P1H", "PT1D", "P-1D", "P1.5D", "P1DT", "P99999999999D", "pt1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_period(text, "aggrPeriodDuration")
    assert refused.value.field == "aggrPeriodDuration"


def test_months_are_japans_and_keep_their_day() -> None:
    origin = datetime(2024, 1, 31, tzinfo=JST)
    month = Period(1, timedelta(0))
    assert [month.after(origin, n).astimezone(JST).day for n in range(4)] == [31, 29, 31, 30]
    assert month.after(at("2023-12-31T15:00:00Z"), 1) == at("2024-01-31T15:00:00Z")


def test_boundaries_reach_from_the_first_value_to_the_last() -> None:
    month = Period(1, timedelta(0))
    found = boundaries(month, at("2020-01-01T00:00:00Z"), at("2024-02-10T00:00:00Z"), at("2024-04-01T00:00:00Z"), 10)
    assert [f"{start:%Y-%m-%d}" for start in found] == ["2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"]


def test_more_periods_than_an_answer_holds_are_refused() -> None:
    with pytest.raises(Invalid, match="more than 10 periods"):
        boundaries(
            Period(1, timedelta(0)),
            at("1970-01-01T00:00:00Z"),
            at("1970-01-01T00:00:00Z"),
            at("2024-01-01T00:00:00Z"),
            10,
        )


def test_the_end_of_time_ends() -> None:
    assert Period(120_000, timedelta(0)).after(datetime(2024, 1, 1, tzinfo=UTC), 9).year == 9999
