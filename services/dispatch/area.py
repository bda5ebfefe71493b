"""Where and when buses may be booked: zones beside the stops, and the days of service."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import msgspec

from broker.errors import Conflict, Invalid
from broker.ports import Database, Transaction
from services.dispatch import store
from services.dispatch.calendar import ServiceCalendar, read_calendar, read_holidays
from services.dispatch.days import Days
from services.dispatch.values import Ask
from services.dispatch.zones import Located, Missed, Zone, given_at

Place = tuple[float, float]
"""Longitude and latitude."""


class ServiceArea:
    """Zones and days of service, as staff set them and riders ask within them."""

    def __init__(self, database: Database, days: Days) -> None:
        self._database, self._days = database, days

    async def located(
        self, tenant: str, ask: Ask, origin: Place | None, destination: Place | None
    ) -> tuple[Ask, dict[str, Located]]:
        """The ask with its ends that were given as places where people get on and off there, and how far that is.

        Raises `Invalid` for the field, as `zones.given_at`.
        """
        given = {name: place for name, place in (("origin", origin), ("destination", destination)) if place is not None}
        if not given:
            return ask, {}
        async with self._database.transaction(tenant) as tx:
            found = {name: given_at(await self._days.look(tx, ask.day, at), name) for name, at in given.items()}
        ends = [found[name].stop.id if name in found else getattr(ask, name) for name in ("origin", "destination")]
        own = tuple(one.stop for one in found.values() if one.stop.zone is not None)
        return replace(ask, origin=ends[0], destination=ends[1], places=own), found

    async def look(self, tenant: str, day: date, place: Place) -> Located | Missed:
        """Where somebody at that place gets on or off that day, or why nowhere."""
        async with self._database.transaction(tenant) as tx:
            return await self._days.look(tx, day, place)

    async def zones(self, tenant: str) -> tuple[Zone, ...]:
        """Every zone."""
        async with self._database.transaction(tenant) as tx:
            return await store.load_zones(tx)

    async def set_zone(self, tenant: str, zone: Zone) -> None:
        """Add the zone, or give it these values: for bookings from now on. Raises `Invalid` naming the field."""
        async with self._database.transaction(tenant) as tx:
            if zone.id in {stop.id for stop in await store.load_stops(tx)}:
                raise Invalid(f"{zone.id!r} is a stop's id; choose another for the zone", field="zone")
            await store.save_zone(tx, zone)

    async def drop_zone(self, tenant: str, zone: str) -> None:
        """Forget the zone; what was booked in it stands. Raises `NotFound`."""
        async with self._database.transaction(tenant) as tx:
            await store.drop_zone(tx, zone)

    async def calendar(self, tenant: str) -> ServiceCalendar:
        """The days of service."""
        async with self._database.transaction(tenant) as tx:
            return await store.load_calendar(tx)

    async def set_calendar(self, tenant: str, document: bytes) -> ServiceCalendar:
        """Put days of service in force beside the holidays known. Raises `Invalid` naming the field, and `Conflict`."""
        async with self._database.transaction(tenant) as tx:
            known = await store.change_calendar(tx)
            return await self._put(tx, read_calendar(document, known.holidays))

    async def set_holidays(self, tenant: str, file: bytes) -> ServiceCalendar:
        """Take the list of public holidays in place of the one known. Raises `Invalid` naming the line, `Conflict`."""
        async with self._database.transaction(tenant) as tx:
            known = await store.change_calendar(tx)
            return await self._put(tx, msgspec.structs.replace(known, holidays=read_holidays(file)))

    async def _put(self, tx: Transaction, calendar: ServiceCalendar) -> ServiceCalendar:
        """Raises `Conflict` naming the days that would lose their service with rides promised on them."""
        await store.save_calendar(tx, calendar)
        booked = await store.booked_days(tx, self._days.today())
        lost = [(day, rides) for day, rides in booked.items() if calendar.why_not(day) is not None]
        if lost:
            named = ", ".join(f"{day} ({rides})" for day, rides in lost[:10])
            raise Conflict(
                f"rides are promised on days that would be without service: {named}; cancel or move them first"
            )
        return calendar
