"""What a change on the log says that a person has done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schemas.change import Change, State
from services.points.hearing import MIDDAY_CHARGING, RIDE, fare, happening

NOW = datetime(2026, 7, 10, 3, tzinfo=UTC)
PERSON = {"type": "Relationship", "object": "urn:ngsi-ld:Person:fukui.hanako"}


def change(type_: str, op: str = "update", *, whole: bool = True, **values: Any) -> Change:
    entity = {
        name: value if name == "person" else {"type": "Property", "value": value} for name, value in values.items()
    }
    state = State(doc=msgspec.Raw(msgspec.json.encode(entity)), created_at=NOW, modified_at=NOW) if whole else None
    return Change(
        tenant="fukui",
        entity=f"urn:ngsi-ld:{type_}:1",
        type=(type_,),
        op=op,  # type: ignore[arg-type]
        version=1,
        at=NOW,
        attributes={} if whole else entity,
        state=state,
    )


@pytest.mark.parametrize("whole", [True, False])
def test_a_ride_that_was_made(whole: bool) -> None:
    heard = happening(change("RideBooking", whole=whole, person=PERSON, status="completed"))
    assert heard == ("fukui", "fukui.hanako", RIDE, "urn:ngsi-ld:RideBooking:1", NOW)


@pytest.mark.parametrize(
    ("start", "kwh", "earns"),
    [
        ("2026-07-10T10:00:00+09:00", 6.2, True),
        ("2026-07-10T05:59:59Z", 6.2, True),
        ("2026-07-10T15:00:00+09:00", 6.2, False),
        ("2026-07-10T09:59:59+09:00", 6.2, False),
        ("2026-07-10T12:00:00+09:00", 0, False),
        ("noon", 6.2, False),
        (None, 6.2, False),
        ("2026-07-10T12:00:00+09:00", "much", False),
    ],
)
def test_charging_at_midday_of_japan(start: str | None, kwh: Any, earns: bool) -> None:
    heard = happening(change("EVChargingSession", person=PERSON, status="COMPLETED", startDateTime=start, kwh=kwh))
    assert (heard is not None and heard.event == MIDDAY_CHARGING) == earns


@pytest.mark.parametrize(
    "other",
    [
        change("RideBooking", person=PERSON, status="booked"),
        change("RideBooking", status="completed"),
        change("RideBooking", person={"type": "Relationship", "object": "urn:x"}, status="completed"),
        change("RideBooking", "delete", person=PERSON, status="completed"),
        change("WaterObserved", person=PERSON, status="completed"),
        change("RideBooking", person=7, status={"completed": 1}),
    ],
)
def test_anything_else_is_nothing(other: Change) -> None:
    assert happening(other) is None


@pytest.mark.parametrize(
    ("payment", "yen", "due"),
    [
        ("points", 300, True),
        ("cash", 300, False),
        ("points", 0, False),
        ("points", "300", False),
        ("points", True, False),
    ],
)
def test_a_fare_is_due_in_points_where_the_ride_was_booked_so(payment: str, yen: Any, due: bool) -> None:
    said = fare(change("RideBooking", person=PERSON, status="completed", payment=payment, fare=yen))
    assert (said is not None) == due
