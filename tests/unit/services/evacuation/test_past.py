"""How the rule did: what came after each proposal, in floods that are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.evacuation.past import Past, Proposed, past_of

FIRST = datetime(2021, 8, 14, 3, 0, tzinfo=UTC)


def flood(start: datetime, *moves: tuple[int, int]) -> list[Proposed]:
    """(minutes after the start, level) of a district."""
    return [Proposed("eba", start + timedelta(minutes=minutes), level) for minutes, level in moves]


def test_what_came_after_a_proposal_is_counted_by_flood() -> None:
    second, third, now = (FIRST + timedelta(days=days) for days in (300, 600, 900))
    record = [
        *flood(FIRST, (0, 3), (40, 4), (100, 3), (200, 0), (260, 3), (300, 0)),
        *flood(second, (0, 3), (90, 0)),
        *flood(third, (0, 4), (60, 5), (120, 0)),
        *flood(now, (-60, 3)),
    ]
    found = past_of([*record, *record], now)
    assert found["eba", 3] == Past(floods=3, graver=2, minutes=20), "40 minutes, and at once"
    assert found["eba", 4] == Past(floods=2, graver=1, minutes=60)
    assert found["eba", 5] == Past(floods=1, graver=0, minutes=None)


def test_a_flood_under_way_or_to_come_is_not_past() -> None:
    rising = flood(FIRST, (0, 3), (40, 4))
    assert past_of(rising, FIRST + timedelta(days=2)) == {}
    over = [*rising, *flood(FIRST, (100, 0))]
    assert past_of(over, FIRST + timedelta(hours=3)) == {}
    assert past_of(over, FIRST) == {}
    assert past_of(over, FIRST + timedelta(days=1))["eba", 4].floods == 1
