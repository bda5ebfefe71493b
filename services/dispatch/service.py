"""The buses as the gateway uses them: the desk, the crew, and everything about riders, fares and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from broker.consent.gate import Gate
from broker.errors import Conflict, Invalid
from broker.ports import Database, Outlet
from schemas.clock import Clock, utc_now
from services.dispatch import crew, people, store, watching
from services.dispatch.area import ServiceArea
from services.dispatch.clinic import Clinic
from services.dispatch.crew import Crew
from services.dispatch.days import Days, with_places
from services.dispatch.desk import BookingDesk
from services.dispatch.fares import FareRules, read_rules
from services.dispatch.figures import Figures, by_day, figures_of
from services.dispatch.opendata import Agency, Offered, gtfs, service_alerts, vehicle_positions
from services.dispatch.people import Rider
from services.dispatch.roads import Road, in_force
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.travel import TravelTimes
from services.dispatch.values import Booking, ClosureRule, Stop, Vehicle, Wish

MOST_DAYS_AHEAD = 92
MOST_DAYS_OF_FIGURES = 400
DAYS_OF_PLACES = 366
"""Places of a rider's own that were not used for so long are offered no more."""


class BusService:
    """One per process."""

    def __init__(
        self,
        database: Database,
        travel: TravelTimes,
        settings: DispatchSettings,
        outlet: Outlet,
        now: Clock = utc_now,
        *,
        refusals: Database | None = None,
    ) -> None:
        """`refusals`: connections of their own for what the consent gate refuses (`database` if left out: then two
        of its connections are used at a time)."""
        self.days = Days(travel, settings, now)
        self.desk = BookingDesk(database, travel, settings, now)
        self.area = ServiceArea(database, self.days)
        self.crew = Crew(database, self.days, outlet)
        self.clinic = Clinic(database, self.days, self.desk, Gate(refusals or database))
        self._database, self._settings, self._now = database, settings, now

    async def riders(self, tenant: str, phone: str) -> list[Rider]:
        """Those whose telephone number begins so. Raises `Invalid` for fewer than three digits."""
        async with self._database.transaction(tenant) as tx:
            return await people.riders_by_phone(tx, phone)

    async def rider(self, tenant: str, rider: str) -> Rider:
        """One rider. Raises `NotFound`."""
        async with self._database.transaction(tenant) as tx:
            return await people.load_rider(tx, rider)

    async def rider_of(self, tenant: str, account: str) -> Rider | None:
        """The rider who books with this account."""
        async with self._database.transaction(tenant) as tx:
            return await people.rider_of_account(tx, account)

    async def save_rider(self, tenant: str, rider: Rider) -> None:
        """Add the rider, or give them these values. Raises `Invalid` naming the field."""
        async with self._database.transaction(tenant) as tx:
            await people.save_rider(tx, tenant, rider, await store.load_stops(tx), self._now())

    async def bookings_of(self, tenant: str, rider: str) -> list[Booking]:
        """A rider's bookings from yesterday on, the soonest first."""
        async with self._database.transaction(tenant) as tx:
            return await store.bookings_of(tx, rider, self.days.today() - timedelta(days=1))

    async def places_of(self, tenant: str, rider: str) -> tuple[Stop, ...]:
        """The places in zones that a rider rode from or to lately, the last ones first."""
        async with self._database.transaction(tenant) as tx:
            return await store.places_of(tx, rider, self.days.today() - timedelta(days=DAYS_OF_PLACES))

    async def booking(self, tenant: str, booking: str) -> Booking:
        """One booking. Raises `NotFound`."""
        async with self._database.transaction(tenant) as tx:
            return await store.load_booking(tx, booking)

    async def town(self, tenant: str) -> tuple[tuple[Stop, ...], tuple[Vehicle, ...]]:
        """Stops as they are closed now, and vehicles."""
        async with self._database.transaction(tenant) as tx:
            roads = await store.load_roads(tx, closed=True)
            stops, _ = in_force(await store.load_stops(tx), roads, later=False)
            return stops, await store.load_vehicles(tx)

    async def repeat(
        self, tenant: str, wishes: Sequence[Wish], rider: str, weekdays: frozenset[int], until: date, *, series: str
    ) -> dict[date, list[Booking] | Conflict | Invalid]:
        """Book the rides again on each of the weekdays (0: Monday) until a date; what was booked, or why not, by day.

        Each day is booked for itself: a day without room leaves the others. Asking again tries the failed ones again.
        """
        first = min(wish.ask.day for wish in wishes)
        last = first + timedelta(days=MOST_DAYS_AHEAD)
        if not first <= until <= last:
            raise Invalid(f"{until} is not between the first ride on {first} and {last}", field="until")
        found: dict[date, list[Booking] | Conflict | Invalid] = {}
        for day in (first + timedelta(days=n) for n in range((until - first).days + 1)):
            if day == first or day.weekday() in weekdays:
                moved = [replace(w, ask=replace(w.ask, day=day + (w.ask.day - first)), promise=None) for w in wishes]
                try:
                    found[day] = await self.desk.arrange(tenant, moved, rider, series=f"{series}:{day}")
                except (Conflict, Invalid) as error:
                    found[day] = error
        return found

    async def calls(self, tenant: str) -> list[dict[str, Any]]:
        """Whom the operators have to ring."""
        async with self._database.transaction(tenant) as tx:
            return await people.calls(tx)

    async def called(self, tenant: str, notice: str, by: str) -> None:
        """An operator has rung."""
        async with self._database.transaction(tenant) as tx:
            await people.called(tx, notice, by, self._now())

    async def told(self, tenant: str, rider: str) -> list[dict[str, Any]]:
        """What a rider was told last."""
        async with self._database.transaction(tenant) as tx:
            return await people.told(tx, rider)

    async def fares(self, tenant: str) -> FareRules:
        """The fares in force."""
        async with self._database.transaction(tenant) as tx:
            return await people.load_fares(tx)

    async def set_fares(self, tenant: str, document: bytes) -> FareRules:
        """Put fares in force. Raises `Invalid` naming what is wrong with them."""
        async with self._database.transaction(tenant) as tx:
            zones = [zone.id for zone in await store.load_zones(tx)]
            rules = read_rules(document, [*(stop.id for stop in await store.load_stops(tx)), *zones])
            await people.save_fares(tx, rules)
        return rules

    async def closure_rules(self, tenant: str) -> list[ClosureRule]:
        """Which gauge closes which stops."""
        async with self._database.transaction(tenant) as tx:
            return await watching.load_rules(tx)

    async def set_closure_rule(self, tenant: str, rule: ClosureRule) -> None:
        """Add the gauge's rule, or give it these values. Raises `Invalid` naming the field."""
        async with self._database.transaction(tenant) as tx:
            await watching.save_rule(tx, rule)

    async def roads(self, tenant: str) -> tuple[Road, ...]:
        """Every road that may be closed, closed ones with their reason."""
        async with self._database.transaction(tenant) as tx:
            return await store.load_roads(tx)

    async def draw_road(self, tenant: str, road: Road) -> None:
        """Add a road, or draw it anew while it is open. Raises `Conflict`."""
        async with self._database.transaction(tenant) as tx:
            if any(known.id == road.id and known.closed_because for known in await store.load_roads(tx)):
                raise Conflict("this road is closed; open it before it is drawn anew")
            await store.save_road(tx, road)

    async def drop_road(self, tenant: str, road: str) -> None:
        """Forget a road; it is open from then on. Raises `NotFound`, and `Conflict` while a gauge's rule names it."""
        async with self._database.transaction(tenant) as tx:
            rule = next((rule for rule in await watching.load_rules(tx) if road in rule.roads), None)
            if rule is not None:
                raise Conflict(f"the rule of {rule.gauge} closes this road; take it out of the rule first")
            await store.drop_road(tx, road)

    async def gtfs(self, tenant: str, name: str, url: str) -> bytes:
        """The timetable as open data, from today on; `url` is where rides are booked."""
        stops, vehicles = await self.town(tenant)
        async with self._database.transaction(tenant) as tx:
            fares, zones = await people.load_fares(tx), await store.load_zones(tx)
            calendar = await store.load_calendar(tx)
        offered = Offered(stops, vehicles, zones, fares.zones, calendar)
        return gtfs(Agency(name, url, self._settings.phone), offered, self.days.today())

    async def vehicle_positions(self, tenant: str) -> bytes:
        """Where the buses are, as far as that is known and fresh."""
        _, vehicles = await self.town(tenant)
        places = await self.crew.positions(tenant)
        fresh = {
            name: (p.longitude, p.latitude, p.at) for name, p in places.items() if p.at >= self._now() - crew.FRESH
        }
        return vehicle_positions(fresh, vehicles, self._now())

    async def service_alerts(self, tenant: str) -> bytes:
        """Which stops and roads are closed."""
        stops, _ = await self.town(tenant)
        return service_alerts(stops, await self.roads(tenant), self._now())

    async def figures(self, tenant: str, first: date, last: date) -> tuple[Figures, Mapping[date, Figures]]:
        """The period's figures and each day's. Raises `Invalid` for a period that is none, or too long."""
        if not 0 <= (last - first).days < MOST_DAYS_OF_FIGURES:
            raise Invalid(f"a period of 1 to {MOST_DAYS_OF_FIGURES} days is expected, the first day first", field="to")
        async with self._database.transaction(tenant) as tx:
            stops = with_places(await store.load_stops(tx), await store.load_places(tx, first, last))
            town = Town(stops, await store.load_vehicles(tx), np.empty((0, 0)))  # figures ask for no driving times
            bookings = await store.bookings_between(tx, first, last)
            plans = await store.plans_between(tx, first, last)
        detour = self._settings.detour
        return figures_of(town, bookings, plans, detour), by_day(town, bookings, plans, detour, first, last)
