"""What drivers report and where buses are: durable once, whatever order and however often it arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from access.personal import PERSON_URN
from broker.consent.gate import person_of
from broker.entities.merge import EntityUpdate
from broker.errors import Invalid, NotFound
from broker.ports import Database, Outlet, Transaction
from broker.sql import load
from broker.store.entities import EntityWriter
from schemas.clock import iso
from services.dispatch import people, store
from services.dispatch.days import Days, minutes_into
from services.dispatch.driven import Expected, Position, expect, late, moved, up_to, without
from services.dispatch.personal import SERVICE
from services.dispatch.planning import Day
from services.dispatch.values import Booking, BookingState, Heard, Report, Tour

SQL = load("services.dispatch", "crew")
FRESH = timedelta(minutes=5)
"""A position older than this says nothing about when the bus comes."""

_AHEAD, _BEHIND = timedelta(minutes=10), timedelta(days=3)


@dataclass(frozen=True)
class Board:
    """A day as the dispatcher sees it: the plan, and for each vehicle where it is and what is to be expected."""

    day: Day
    bookings: Mapping[str, Booking]
    expected: Mapping[str, Sequence[Expected]]
    positions: Mapping[str, Position]
    riders: Mapping[str, people.Rider]
    arrived: frozenset[str]

    def late(self, expected: Expected) -> float:
        """Minutes by which a stop is, or was, later than promised."""
        return late(expected, self.bookings[expected.booking])


class Crew:
    """Hears drivers and positions."""

    def __init__(self, database: Database, days: Days, outlet: Outlet) -> None:
        self._database, self._days, self._entities = database, days, EntityWriter(outlet)

    async def hear(self, tenant: str, vehicle: str, reports: Sequence[Report]) -> list[Heard]:
        """Take the reports in order, each by itself: one that is wrong does not hold up those behind it."""
        heard = []
        for report in reports:
            try:
                async with self._database.transaction(tenant) as tx:
                    await self._take(tx, tenant, vehicle, report)
                heard.append(Heard(report.id, True))
            except (Invalid, NotFound) as error:
                heard.append(Heard(report.id, False, str(error)))
        return heard

    async def board(self, tenant: str, day: date) -> Board:
        """Who drives what, where everybody is and when they are to be expected."""
        async with self._database.transaction(tenant) as tx:
            opened, _ = await self._days.open(tx, day)
            bookings = {b.id: b for b in await store.load_bookings(tx, day)}
            reports = await tx.fetch(SQL["reports"], day)
            positions = await _positions(tx)
            riders = await people.riders_named(tx, [b.rider for b in bookings.values()])
        done = _done(bookings.values(), reports, day)
        tours, now, oldest = opened.tours(), self._days.minute(day), self._days.now() - FRESH
        expected = {}
        for vehicle in opened.town.vehicles:
            place = positions.get(vehicle.id)
            fresh = place if place is not None and place.at >= oldest else None
            expected[vehicle.id] = expect(
                opened.town, vehicle, tours[vehicle.id], bookings, done, self._days.settings, now=now, place=fresh
            )
        arrived = frozenset(row["booking"] for row in reports if row["what"] == "arrived")
        return Board(opened, bookings, expected, positions, riders, arrived)

    async def positions(self, tenant: str) -> dict[str, Position]:
        """Where each vehicle was last."""
        async with self._database.transaction(tenant) as tx:
            return await _positions(tx)

    async def place(self, tx: Transaction, vehicle: str, longitude: float, latitude: float, at: datetime) -> bool:
        """A vehicle says where it is; False when that is older than what is known. Jumps are doubted, see `moved`."""
        row = await tx.fetchrow(SQL["lock_position"], vehicle)
        last = Position(*row.values()) if row else None
        position = moved(last, longitude, latitude, at, self._days.settings.fastest)
        if position is None:
            return False
        await tx.execute(SQL["save_position"], vehicle, *astuple(position))
        return True

    async def _take(self, tx: Transaction, tenant: str, vehicle: str, report: Report) -> None:
        now = self._days.now()
        if not now - _BEHIND <= report.at <= now + _AHEAD:
            raise Invalid(f"{iso(report.at)} is not about now; set the tablet's clock", field="at")
        booking = await store.load_booking(tx, report.booking)
        day = booking.ask.day
        revision, tours = await store.lock_day(tx, day)
        booking = await store.load_booking(tx, report.booking)
        if (
            await tx.fetchval(SQL["add_report"], report.id, day, vehicle, booking.id, report.what, report.at, now)
            is None
        ):
            return
        drives = next((v for v, t in tours.items() if any(s.booking == booking.id for s in t.stops)), vehicle)
        if drives != vehicle:
            raise Invalid(f"this rider is planned for the vehicle {drives!r}", field="booking")
        tour = tours.get(vehicle, Tour(0.0, 0, ()))
        changed = await self._effect(tx, tenant, vehicle, booking, report, tour)
        if changed != tour:
            await store.save_day(tx, day, {**tours, vehicle: changed}, revision)

    async def _effect(
        self, tx: Transaction, tenant: str, vehicle: str, booking: Booking, report: Report, tour: Tour
    ) -> Tour:
        if report.what == "arrived":
            return up_to(tour, booking.id, booking.boarded_at is None)
        if report.what == "no-show":
            return await self._no_show(tx, booking, report, tour)
        await store.set_ridden(tx, booking.id, vehicle, report.what, report.at)
        if report.what == "alighted":
            done = replace(booking, vehicle=vehicle, alighted_at=report.at)
            ridden = ride_entity(done, await self._person(tx, tenant, booking.rider))
            await self._entities.write(tx, tenant, [ridden], at=self._days.now())
        return up_to(tour, booking.id, report.what == "boarded")

    async def _person(self, tx: Transaction, tenant: str, rider: str) -> str | None:
        """Who the rider is, as the consent gate knows people; None where nobody has said so."""
        known = (await people.riders_named(tx, [rider])).get(rider)
        return known.account if known and known.account else await person_of(tx, tenant, SERVICE, rider)

    async def _no_show(self, tx: Transaction, booking: Booking, report: Report, tour: Tour) -> Tour:
        if booking.boarded_at is not None:
            raise Invalid("this rider is on board already", field="what")
        if booking.state is not BookingState.BOOKED:
            return tour
        if minutes_into(report.at, booking.ask.day) < booking.promise.pickup_from:
            raise Invalid("the bus waits until the promised time has come", field="what")
        await store.set_state(tx, booking.id, BookingState.NO_SHOW, None, self._days.now())
        day = booking.ask.day
        known = (*await store.load_stops(tx), *await store.load_places(tx, day, day))
        await people.tell(tx, booking, "no-show", known, self._days.now())
        return without(tour, booking, self._days.settings)


async def _positions(tx: Transaction) -> dict[str, Position]:
    return {row["vehicle"]: Position(*list(row.values())[1:]) for row in await tx.fetch(SQL["positions"])}


def ride_entity(booking: Booking, person: str | None = None) -> EntityUpdate:
    """A ride that was made, once, for other services: points for riding, paying with points.

    Personal data where it names its person; where it does not, it is disclosed to nobody (`access/personal.py`).
    """

    def said(value: Any) -> dict[str, Any]:
        return {"type": "Property", "value": value}

    attributes: dict[str, Any] = {
        "fare": {**said(booking.fare), "unitCode": "JPY"},
        "payment": said(booking.payment),
        "dateRidden": said(booking.ask.day.isoformat()),
        "passengers": said(booking.ask.seats + booking.ask.wheelchairs),
        "status": said("completed"),
    }
    if person is not None:
        attributes["person"] = {"type": "Relationship", "object": f"{PERSON_URN}{person}"}
    return EntityUpdate(f"urn:ngsi-ld:RideBooking:{booking.id}", ("RideBooking",), attributes, frozenset(attributes))


def _done(bookings: Any, reports: Sequence[Any], day: date) -> dict[tuple[str, bool], float]:
    """When each stop was done, in minutes: what drivers reported; somebody who was not there was waited for."""
    done: dict[tuple[str, bool], float] = {}
    for booking in bookings:
        if booking.boarded_at is not None:
            done[booking.id, True] = minutes_into(booking.boarded_at, day)
        if booking.alighted_at is not None:
            done[booking.id, False] = minutes_into(booking.alighted_at, day)
    for row in reports:
        if row["what"] == "no-show":
            done[row["booking"], True] = done[row["booking"], False] = minutes_into(row["at"], day)
    return done
