"""A clinic's appointments: the rides there and back made, moved and cancelled by what the clinic tells, with consent.

The appointment as it was told last is kept beside its rides. The same again changes nothing; a newer one gives the old
rides up and books others, all or nothing; what cannot be carried is said, and the appointment's old rides stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import msgspec

from access.consent import Disclosure
from broker.consent.gate import Gate, person_of
from broker.errors import Forbidden, Invalid
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import JST
from services.dispatch import people, store
from services.dispatch.days import Days, minutes_into
from services.dispatch.desk import BookingDesk
from services.dispatch.people import Rider
from services.dispatch.personal import SERVICE
from services.dispatch.town import Town, boarding, longest_ride
from services.dispatch.values import Appointment, Ask, Booking, BookingState, Wish

SQL = load("services.dispatch", "clinic")
RECIPIENT = f"service:{SERVICE}"
"""Whom the patient allows to know of appointments: the buses."""
PURPOSE = "clinic-visit"


@dataclass(frozen=True)
class Arranged:
    """What became of it: the rides, none where it is cancelled, and whether the clinic may know of them."""

    rides: Sequence[Booking]
    shared: bool


class Clinic:
    """Hears appointments. `gate` books every disclosure, allowed or refused."""

    def __init__(self, database: Database, days: Days, desk: BookingDesk, gate: Gate) -> None:
        self._database, self._days, self._desk, self._gate = database, days, desk, gate

    async def hear(self, tenant: str, client: str, name: str, appointment: Appointment) -> Arranged:
        """Make the rides those of the appointment. `client` and `name` say whose appointment it is, for ever.

        Raises `Forbidden` without the patient's consent, `Invalid` for what cannot be, `Conflict` when no bus has room
        (then nothing has changed).
        """
        await self._days.prepare(self._database, tenant, appointment.at.astimezone(JST).date())
        async with self._database.transaction(tenant) as tx:
            await tx.execute(SQL["lock"], f"{client}:{name}")
            rider = await people.load_rider(tx, appointment.rider)
            shared = await self._consented(tx, tenant, client, name, rider)
            row = await tx.fetchrow(SQL["appointment"], client, name)
            asked = msgspec.json.encode(appointment).decode()
            old = [await store.load_booking(tx, b) for b in ((row["outward"], row["homeward"]) if row else ()) if b]
            if row is not None and msgspec.json.decode(row["asked"], type=Appointment) == appointment:
                return Arranged([b for b in old if b.state is BookingState.BOOKED], shared)
            rides = await self._rides(tx, appointment, rider, old)
            ends = (rides[0].id, rides[1].id) if rides else (None, None)
            await tx.execute(SQL["keep"], client, name, rider.id, asked, ends[0], ends[1], self._days.now())
            return Arranged(rides, shared)

    async def _rides(
        self, tx: Transaction, appointment: Appointment, rider: Rider, old: Sequence[Booking]
    ) -> list[Booking]:
        wishes = [] if appointment.cancelled else await self._wishes(tx, appointment, rider)
        series = f"appointment:{uuid4().hex}"
        standing = [booking.id for booking in old if booking.state is BookingState.BOOKED]
        return await self._desk.arrange_in(tx, wishes, rider.id, series=series, instead_of=standing)

    async def _wishes(self, tx: Transaction, appointment: Appointment, rider: Rider) -> list[Wish]:
        """There in time, and back when it is over."""
        home, day = appointment.home or rider.home, appointment.at.astimezone(JST).date()
        if home is None:
            raise Invalid("the rider has no usual stop; say where they are fetched from", field="home")
        if appointment.until < appointment.at:
            raise Invalid("the appointment ends before it begins", field="until")
        if appointment.until - appointment.at > timedelta(hours=12):
            raise Invalid("an appointment of more than twelve hours is none", field="until")
        town = await self._days.town(tx, day)
        there = Ask(day, home, appointment.stop, 0.0, 0 if rider.wheelchairs else 1, rider.wheelchairs)
        at, until = minutes_into(appointment.at, day), minutes_into(appointment.until, day)
        outward = self._in_time(town, replace(there, arrive_by=at - self._days.settings.before_appointment))
        back = replace(there, origin=appointment.stop, destination=home, earliest=until)
        # Also where the patient has booked such a ride: the appointment's own are moved and cancelled with it.
        return [Wish(outward, twice=True), Wish(back, twice=True)]

    def _in_time(self, town: Town, ask: Ask) -> Ask:
        """The latest start of a window that still promises an arrival in time, whatever the bus does on its way."""
        settings = self._days.settings
        assert ask.arrive_by is not None
        ride = boarding(ask, settings) + longest_ride(town.drive(ask), settings)
        earliest = ask.arrive_by - ride - settings.window
        now = self._days.minute(ask.day)
        if ask.arrive_by - boarding(ask, settings) - town.drive(ask) < now:
            raise Invalid("the appointment is too soon for a bus to be there in time", field="at")
        return replace(ask, earliest=max(earliest, now, 0.0))

    async def _consented(self, tx: Transaction, tenant: str, client: str, name: str, rider: Rider) -> bool:
        """Raises `Forbidden` unless the buses may know of the appointment; whether the clinic may know of the rides."""
        person = rider.account or await person_of(tx, tenant, SERVICE, rider.id)
        if person is None:
            raise Forbidden("nobody has consented to rides for this patient's appointments")
        known = Disclosure(
            tenant=tenant,
            person=person,
            recipient=RECIPIENT,
            category="appointments",
            purpose=PURPOSE,
            at=self._days.now(),
            reference=f"{client}:{name}",
        )
        await self._gate.disclose(tx, known)
        told = msgspec.structs.replace(known, recipient=client, category="rides")
        decision = await self._gate.permitted(tx, told)
        if decision.allowed:
            await self._gate.tell(tx, told)
        return bool(decision.allowed)
