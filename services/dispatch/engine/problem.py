"""What is asked of the engine, as values checked once: rides, vehicles, and what driving between places takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from broker.errors import Invalid
from services.dispatch.engine.arrays import Floats, Ints, Task

NEIGHBOURS = 80


@dataclass(frozen=True)
class Objective:
    """What a plan is judged by: the price of one unit of driving cost, and of a rider's minute."""

    distance: float = 1.0
    waiting: float = 0.0
    """Of a minute between the opening of the pickup window and the start of service there."""
    ride: float = 0.0
    """Of a minute on board."""
    rejection: float = 10_000.0
    """Of a request left out."""


@dataclass(frozen=True)
class Rides:
    """n requests. Windows are (n, 2) minutes: service starts within; service times (n, 2) minutes: pickup, delivery."""

    origin: Ints
    destination: Ints
    pickup: Floats
    delivery: Floats
    service: Floats
    load: Ints
    """(n, K) room needed by kind (seats, wheelchairs)."""
    longest: Floats
    """(n,) minutes from departure at the pickup to the start of service at the delivery."""

    def __len__(self) -> int:
        return len(self.origin)


@dataclass(frozen=True)
class Pause:
    """A driver's break: `minutes` at `place`, begun within `earliest` … `latest`, with nobody on board."""

    vehicle: int
    place: int
    earliest: float
    latest: float
    minutes: float


@dataclass(frozen=True)
class Fleet:
    """V vehicles. `shift` is (V, 2) minutes: not out before, back at `end` before."""

    start: Ints
    end: Ints
    shift: Floats
    room: Ints
    """(V, K) room by kind."""
    longest: Floats
    """(V,) the longest time from leaving `start` to coming back."""
    pauses: tuple[Pause, ...] = ()

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Problem:
    """Rides, a fleet, and (P, P) minutes and cost of driving, which should keep the triangle inequality."""

    time: Floats
    cost: Floats
    rides: Rides
    fleet: Fleet
    objective: Objective = Objective()
    allowed: NDArray[np.bool_] | None = field(default=None)
    """(V, n) whether a vehicle may serve a request; None: each may serve all."""

    def __post_init__(self) -> None:
        places = len(self.time)
        if self.time.shape != (places, places) or self.cost.shape != (places, places):
            raise Invalid("time and cost must be square matrices over the same places")
        if not (np.isfinite(self.time).all() and np.isfinite(self.cost).all() and (self.time >= 0).all()):
            raise Invalid("times must be finite minutes of 0 or more, costs finite")
        for name, windows in (("pickup", self.rides.pickup), ("delivery", self.rides.delivery)):
            closed = np.flatnonzero(windows[:, 0] > windows[:, 1]) if len(windows) else np.empty(0)
            if len(closed):
                raise Invalid(f"the {name} window of request {closed[0]} closes before it opens")
        if len(self.rides) and (self.rides.load.sum(axis=1) < 1).any():
            raise Invalid("every request needs room for at least one")

    def task(self) -> Task:
        """The kernels' arrays, all but `near`, which only a search needs and which takes the longest.

        Windows are narrowed to what the other end of the ride leaves of them.
        """
        rides, fleet = self.rides, self.fleet
        n, vehicles, kinds = len(rides), len(fleet), fleet.room.shape[1]
        place = np.concatenate(
            [rides.origin, rides.destination, fleet.start, fleet.end, [p.place for p in fleet.pauses]]
        ).astype(np.int32)
        pickup, delivery = self._narrowed()
        rest = [(p.earliest, p.latest) for p in fleet.pauses]
        windows = np.concatenate([pickup, delivery, fleet.shift, fleet.shift, np.array(rest).reshape(-1, 2)])
        still = np.zeros(2 * vehicles)
        service = np.concatenate([rides.service[:, 0], rides.service[:, 1], still, [p.minutes for p in fleet.pauses]])
        load = np.zeros((len(place), kinds), np.int32)
        load[:n], load[n : 2 * n] = rides.load, -rides.load
        objective = self.objective
        return Task(
            time=np.ascontiguousarray(self.time, np.float64),
            cost=np.ascontiguousarray(self.cost, np.float64),
            place=place,
            earliest=np.ascontiguousarray(windows[:, 0]),
            latest=np.ascontiguousarray(windows[:, 1]),
            service=service.astype(np.float64),
            load=load,
            ride=rides.longest.astype(np.float64),
            room=fleet.room.astype(np.int32),
            duration=fleet.longest.astype(np.float64),
            near=np.empty((n, 0), np.int32),
            allowed=np.ones((vehicles, n), np.bool_) if self.allowed is None else self.allowed,
            weights=np.array([objective.distance, objective.waiting, objective.ride]),
        )

    def _narrowed(self) -> tuple[Floats, Floats]:
        return narrowed(self.time, self.rides)

    def near(self) -> Ints:
        """`Task.near`: requests that go from and to like places at like times are worth exchanging."""
        pickup, delivery = self._narrowed()
        rides, width = self.rides, min(NEIGHBOURS, max(0, len(self.rides) - 1))
        near = np.empty((len(rides), width), np.int32)
        early, late = pickup.mean(axis=1), delivery.mean(axis=1)
        for r in range(len(rides)):
            apart = self.cost[rides.origin[r], rides.origin] + self.cost[rides.destination[r], rides.destination]
            between = np.minimum(
                self.cost[rides.destination[r], rides.origin], self.cost[rides.destination, rides.origin[r]]
            )
            apart = np.minimum(apart, between * 2) + 0.3 * (np.abs(early[r] - early) + np.abs(late[r] - late))
            apart[r] = np.inf
            near[r] = np.argsort(apart, kind="stable")[:width]
        return near


def narrowed(time: Floats, rides: Rides) -> tuple[Floats, Floats]:
    """The windows (n, 2) of pickups and deliveries, less what the other end of the ride does not leave of them."""
    pickup, delivery = rides.pickup.astype(np.float64), rides.delivery.astype(np.float64)
    direct = rides.service[:, 0] + time[rides.origin, rides.destination]
    most = rides.service[:, 0] + rides.longest
    for _ in range(2):
        pickup[:, 0] = np.maximum(pickup[:, 0], delivery[:, 0] - most)
        pickup[:, 1] = np.minimum(pickup[:, 1], delivery[:, 1] - direct)
        delivery[:, 0] = np.maximum(delivery[:, 0], pickup[:, 0] + direct)
        delivery[:, 1] = np.minimum(delivery[:, 1], pickup[:, 1] + most)
    return pickup, delivery
