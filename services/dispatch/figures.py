"""What a manager judges the service by: waiting, detours, promises kept, sharing, empty kilometres. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import mean, quantiles

from services.dispatch.days import minutes_into
from services.dispatch.driven import kilometres_driven
from services.dispatch.town import Town
from services.dispatch.values import Booking, BookingState, Tour


@dataclass(frozen=True)
class Figures:
    """One day's, or a period's. None where no ride says anything about it."""

    booked: int
    ridden: int
    cancelled: int
    no_show: int
    broken: int
    waiting: float | None
    """Mean minutes from the opening of the promised window to getting on."""
    waiting_p90: float | None
    ride_ratio: float | None
    """Mean of the ride's minutes over the direct drive's."""
    kept: float | None
    """Share of promises kept, of the rides made and the promises broken."""
    shared: float | None
    """Share of riders who rode with somebody else for some of the way."""
    kilometres: float
    empty_kilometres: float
    fares: int


def figures_of(
    town: Town, bookings: Sequence[Booking], plans: Mapping[date, Mapping[str, Tour]], detour: float
) -> Figures:
    """The figures of these bookings and of the plans that served them."""
    ridden = [b for b in bookings if b.boarded_at is not None and b.alighted_at is not None]
    waits = [max(0.0, _boarded(b) - b.promise.pickup_from) for b in ridden]
    ratios = [max(0.0, _alighted(b) - _boarded(b)) / b.direct for b in ridden if b.direct > 0]
    broken = sum(b.state is BookingState.BROKEN for b in bookings)
    kept = sum(_kept(b) for b in ridden)
    driven = [
        kilometres_driven(town, vehicle, tours[vehicle.id], {b.id: b for b in bookings}, detour)
        for tours in plans.values()
        for vehicle in town.vehicles
        if vehicle.id in tours
    ]
    return Figures(
        booked=len(bookings),
        ridden=len(ridden),
        cancelled=sum(b.state is BookingState.CANCELLED for b in bookings),
        no_show=sum(b.state is BookingState.NO_SHOW for b in bookings),
        broken=broken,
        waiting=mean(waits) if waits else None,
        waiting_p90=quantiles(waits, n=10)[-1] if len(waits) > 1 else (waits[0] if waits else None),
        ride_ratio=mean(ratios) if ratios else None,
        kept=kept / (len(ridden) + broken) if ridden or broken else None,
        shared=sum(_shared(b, ridden) for b in ridden) / len(ridden) if ridden else None,
        kilometres=sum(whole for whole, _ in driven),
        empty_kilometres=sum(empty for _, empty in driven),
        fares=sum(b.fare for b in ridden),
    )


def by_day(
    town: Town,
    bookings: Sequence[Booking],
    plans: Mapping[date, Mapping[str, Tour]],
    detour: float,
    first: date,
    last: date,
) -> dict[date, Figures]:
    """The figures of each day from `first` to `last`."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = {}
    for day in days:
        of_day = [b for b in bookings if b.ask.day == day]
        found[day] = figures_of(town, of_day, {day: plans[day]} if day in plans else {}, detour)
    return found


def _boarded(booking: Booking) -> float:
    assert booking.boarded_at is not None
    return minutes_into(booking.boarded_at, booking.ask.day)


def _alighted(booking: Booking) -> float:
    assert booking.alighted_at is not None
    return minutes_into(booking.alighted_at, booking.ask.day)


def _kept(booking: Booking) -> bool:
    """To the minute, as it was promised at first."""
    promise = booking.promise
    return (
        not booking.breaches
        and _boarded(booking) < promise.pickup_until + 1
        and _alighted(booking) < promise.arrive_by + 1
    )


def _shared(booking: Booking, ridden: Sequence[Booking]) -> bool:
    return any(
        other.id != booking.id
        and (other.vehicle, other.ask.day) == (booking.vehicle, booking.ask.day)
        and _boarded(other) < _alighted(booking)
        and _boarded(booking) < _alighted(other)
        for other in ridden
    )
