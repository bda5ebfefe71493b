"""What a ride costs."""

from __future__ import annotations

from datetime import date

import pytest

from broker.errors import Invalid
from services.dispatch.fares import FareRules, ZoneFare, fare, read_rules
from services.dispatch.values import Ask, Promise

RIDE = Ask(date(2026, 11, 24), "eki", "clinic", 600.0)
NOON = Promise(720.0, 735.0, 780.0)
ZONES = FareRules(
    flat=500,
    zones={"eki": "中心", "clinic": "中心", "onsen": "山"},
    between=(ZoneFare("中心", "中心", 200), ZoneFare("山", "中心", 400)),
    member_off=25,
    free_from=540.0,
    free_until=600.0,
)


@pytest.mark.parametrize(
    ("rules", "ask", "promise", "member", "yen"),
    [
        (FareRules(), RIDE, NOON, False, 0),
        (FareRules(flat=300), RIDE, NOON, False, 300),
        (FareRules(flat=300), Ask(RIDE.day, "a", "b", 0.0, seats=3, wheelchairs=1), NOON, False, 1200),
        (ZONES, RIDE, NOON, False, 200),
        (ZONES, Ask(RIDE.day, "clinic", "onsen", 0.0), NOON, False, 400),
        (ZONES, Ask(RIDE.day, "onsen", "onsen2", 0.0), NOON, False, 500),
        (ZONES, RIDE, NOON, True, 150),
        (FareRules(flat=310, member_off=50), RIDE, NOON, True, 150),
        (ZONES, RIDE, Promise(540.0, 555.0, 600.0), False, 0),
        (ZONES, RIDE, Promise(600.0, 615.0, 660.0), False, 200),
    ],
)
def test_a_fare(rules: FareRules, ask: Ask, promise: Promise, member: bool, yen: int) -> None:
    assert fare(rules, ask, promise, member=member) == yen


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"{", "rules"),
        (b'{"flat": "free"}', "rules"),
        (b'{"price": 1}', "rules"),
        (b'{"zones": {"moon": "A"}}', "zones"),
        (b'{"flat": -1}', "flat"),
        (b'{"memberOff": 101}', "flat"),
        (b'{"zones": {"eki": "A"}, "between": [{"one": "A", "other": "B", "yen": 1}]}', "between"),
    ],
)
def test_wrong_rules_name_what_is_wrong(document: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_rules(document, ["eki"])
    assert refused.value.field == field
