"""Sessions: the same in whatever order and however often they are told; energy never negative, falls flagged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.charging import SessionSaid
from services.charging.sessions import Session, fold, form, parse, superseded
from services.charging.stations import Connector, status_of, use_of

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NOW = START + timedelta(days=1)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def told(phase: str, minutes: float, wh: float | None) -> SessionSaid:
    return SessionSaid(station="EV-1", phase=phase, at=at(minutes), meter_wh=wh, transaction="7", connector=1)  # type: ignore[arg-type]


def folded(*said: SessionSaid, now: datetime = NOW) -> Session:
    session: Session | None = None
    for each in said:
        session = fold(session, each, "7", "card", now)
    assert session is not None
    return session


DAY = [
    told("started", 0, 1000),
    *(told("updated", n * 5, 1000 + n * 250) for n in range(1, 20)),
    told("ended", 100, 6000),
]


@given(st.permutations(DAY), st.lists(st.sampled_from(DAY), max_size=5))
def test_order_and_copies_do_not_change_what_is_billed(order: list[SessionSaid], again: list[SessionSaid]) -> None:
    session = folded(*order, *again)
    assert session.energy_wh == 5000
    assert (session.started_at, session.ended_at, session.flags) == (at(0), at(100), frozenset())


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40))
def test_energy_is_never_negative_whatever_the_register_says(values: list[float]) -> None:
    session = folded(*(told("updated", n, value) for n, value in enumerate(values)))
    assert session.energy_wh >= 0
    kept = [value for value in values if value >= 0]
    assert ("meter-negative" in session.flags) == (len(kept) < len(values))
    assert parse(form(session)) == session


def test_parts_of_a_watt_hour_are_no_fall() -> None:
    session = folded(told("started", 0, 1000), told("updated", 10, 1500.6), told("ended", 20, 1500))
    assert (round(session.energy_wh, 1), session.flags) == (500.6, frozenset())


def test_a_fall_is_flagged_and_costs_nothing() -> None:
    session = folded(
        told("started", 0, 1000), told("updated", 10, 1500), told("updated", 20, 200), told("ended", 30, 700)
    )
    assert session.energy_wh == 1000
    assert session.flags == {"meter-fell"}


def test_a_jump_that_no_connector_can_deliver_is_not_billed() -> None:
    session = folded(told("started", 0, 0), told("ended", 1, 9_000_000))
    assert (session.energy_wh, session.flags) == (0, {"meter-jumped"})


def test_a_long_session_keeps_its_energy_in_few_readings() -> None:
    session = folded(told("started", 0, 0), *(told("updated", n, n * 50.0) for n in range(1, 900)))
    assert session.energy_wh == 899 * 50
    assert len(session.meters) <= 64


def test_a_clock_ahead_is_flagged() -> None:
    assert "clock-ahead" in folded(told("started", 0, 0), now=at(-10)).flags


def test_an_end_told_after_it_was_taken_for_lost_counts() -> None:
    lost = superseded(folded(told("started", 0, 0), told("updated", 10, 500)))
    assert (lost.open, lost.flags) == (False, {"superseded"})
    session = fold(lost, told("ended", 20, 900), "7", None, NOW)
    assert (session.energy_wh, session.ended_at, session.flags) == (900, at(20), frozenset())


def test_a_station_as_the_public_sees_it() -> None:
    free, busy, broken = Connector(1, "Available"), Connector(2, "Charging"), Connector(3, "Faulted")
    assert status_of([free], connected=True) == "empty"
    assert status_of([busy], connected=True) == "full"
    assert status_of([free, busy], connected=True) == "working"
    assert status_of([free, broken], connected=True) == "withIncidence"
    assert status_of([broken], connected=True) == "outOfService"
    assert status_of([Connector(0, "Unavailable"), free], connected=True) == "outOfService"
    assert status_of([free], connected=False) == "outOfService"
    assert use_of(free, connected=False) == "unknown"
