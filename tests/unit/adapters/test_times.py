"""Every way in which a gauge writes a time, and what is no time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.times import MILLISECONDS_FROM, parse_time


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2023-07-13T07:20:00+09:00", utc(2023, 7, 12, 22, 20)),
        ("2023-07-12T22:20:00Z", utc(2023, 7, 12, 22, 20)),
        ("2023-07-13T07:20", utc(2023, 7, 12, 22, 20)),
        ("2023-07-13 07:20:05", utc(2023, 7, 12, 22, 20, 5)),
        ("2023-07-13T24:00", utc(2023, 7, 13, 15, 0)),
        ("2023-12-31T24:00:00+09:00", utc(2023, 12, 31, 15, 0)),
        ("2024-02-28T24:00", utc(2024, 2, 28, 15, 0)),
        ("2023-07-13T07:20:00.25+0900", utc(2023, 7, 12, 22, 20, 0, 250_000)),
        ("2022-07-18T09:34:15.775023242Z", utc(2022, 7, 18, 9, 34, 15, 775_023)),
        (1_689_200_400, utc(2023, 7, 12, 22, 20)),
        (1_689_200_400.5, utc(2023, 7, 12, 22, 20, 0, 500_000)),
        (1_689_200_400_500, utc(2023, 7, 12, 22, 20, 0, 500_000)),
        (0, utc(1970, 1, 1)),
        (-86_400, utc(1969, 12, 31)),
        (MILLISECONDS_FROM - 1, utc(5138, 11, 16, 9, 46, 39)),
        (MILLISECONDS_FROM, utc(1973, 3, 3, 9, 46, 40)),
    ],
)
def test_it_reads_the_instant(written: object, meant: datetime) -> None:
    at = parse_time(written)
    assert at == meant
    assert at.utcoffset() == meant.utcoffset()


@pytest.mark.parametrize(
    "written",
    [
        "", "yesterday", "2023-07-13", "2023/07/13 07:20", "2023-W28-4T07:20", "20230713T0720", "1689200400",
        "2023-02-29T07:20", "2023-07-13T24:10", "2023-07-13T24:00:01", "2023-07-13T25:00", "2023-07-13T07:60",
        "2023-07-13T07:20+25:00", "２０２３-07-13T07:20", "0000-01-01T00:00", "0001-01-01T00:00", "9999-12-31T24:00Z",
        "2023-07-13T07:20.5", "2023-07-13T07:20\x00",
        None, True, [], {}, float("nan"), float("inf"), -1e300, 10**30, 10**400,
    ],
)  # fmt: skip
def test_it_says_what_would_be_right(written: object) -> None:
    with pytest.raises(ValueError, match="send ISO 8601 such as"):
        parse_time(written)
