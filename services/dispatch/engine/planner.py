"""The engine as others use it: a problem and a plan in, a better plan out. No I/O, no hidden clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from broker.errors import Invalid
from services.dispatch.engine import insertion, labels, search
from services.dispatch.engine.arrays import Floats, Task, Tours
from services.dispatch.engine.compiled import NEVER
from services.dispatch.engine.problem import Problem, Rides, narrowed

MOST_STOPS = 400
HEAT = 1.0
MOST_REMOVED = 12
LONGEST_STRING = 6


@dataclass(frozen=True)
class Plan:
    """Each vehicle's nodes in order (request r: pickup r, delivery n + r), and how many of the first may not move."""

    tours: tuple[tuple[int, ...], ...]
    fixed: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Where a request would go: the extra price, the vehicle, and the stops of it to go behind (0: its start)."""

    price: float
    vehicle: int
    pickup_after: int
    delivery_after: int


class Planner:
    """One problem, and the plan being worked on. The same calls with the same seed give the same plan."""

    def __init__(
        self, problem: Problem, plan: Plan | None = None, starts: Sequence[Sequence[float]] = (), *, seed: int = 1
    ) -> None:
        """`starts`: see `load`."""
        self.problem = problem
        self.task: Task = problem.task()
        self._state = np.array([seed * 2654435761 + 88172645463325252], np.uint64)
        self._everyone = np.arange(len(problem.fleet), dtype=np.int32)
        self.tours: Tours = _empty(problem)
        self.load(plan or self._idle(), starts)

    def load(self, plan: Plan, starts: Sequence[Sequence[float]] = ()) -> None:
        """Work on `plan` from now on. Invalid when it cannot be driven.

        `starts`: by vehicle, when it left its start and was at its fixed stops. What was driven then is not judged by
        the times that driving takes now.
        """
        n, vehicles = len(self.problem.rides), len(self.problem.fleet)
        self.tours.vehicle[:] = -1
        for v, tour in enumerate(plan.tours):
            if len(tour) + 2 > self.tours.stops.shape[1]:
                raise Invalid(f"vehicle {v} has {len(tour)} stops; the most are {self.tours.stops.shape[1] - 2}")
            self.tours.stops[v, : len(tour) + 2] = [2 * n + v, *tour, 2 * n + vehicles + v]
            self.tours.length[v] = len(tour) + 2
            self.tours.fixed[v] = plan.fixed[v]
            self._pin(v, starts[v] if starts else ())
            if not labels.relabel(self.task, self.tours, v):
                raise Invalid(f"the plan of vehicle {v} breaks a window, a ride time or its shift")

    def plan(self) -> Plan:
        """The plan as it stands."""
        tours, length = self.tours, self.tours.length
        return Plan(
            tuple(tuple(int(x) for x in tours.stops[v, 1 : length[v] - 1]) for v in range(len(length))),
            tuple(int(x) for x in tours.fixed),
        )

    def starts(self, vehicle: int, *, patience: float = 0.0) -> Floats:
        """Planned starts of service of the vehicle's stops, its start and end included, in minutes.

        The earliest possible, with `patience` 1 the latest; between the two a mixture, which keeps every rule as well
        (the feasible times are a convex set).
        """
        first: Floats = np.empty(self.tours.length[vehicle])
        last: Floats = np.empty(self.tours.length[vehicle])
        labels.timetable(self.task, self.tours, vehicle, first)
        if patience <= 0.0:
            return first
        labels.last_timetable(self.task, self.tours, vehicle, last)
        return np.asarray(first + patience * (last - first))

    def pass_time(self, now: float) -> None:
        """It is `now`: no vehicle can leave for a stop that is not fixed before. `depart` first.

        Raises `Invalid` when a vehicle should have left for its next stop already.
        """
        for v in range(len(self.problem.fleet)):
            self.tours.ready[v] = now
            start = self.tours.stops[v, 0]
            if self.tours.fixed[v] == 0:
                self.task.earliest[start] = max(self.problem.fleet.shift[v, 0], now)
            drivable = labels.relabel(self.task, self.tours, v)
            if not drivable and self.tours.fixed[v] + 2 < self.tours.length[v]:
                raise Invalid(f"vehicle {v} should have left for its next stop before {now:.1f}")

    def fix(self, vehicle: int, starts: Sequence[float]) -> None:
        """The vehicle's start and first stops are done, or driven to: at these times, and they do not move any more."""
        self._pin(vehicle, starts)
        self.tours.fixed[vehicle] = len(starts) - 1
        if not labels.relabel(self.task, self.tours, vehicle):
            raise Invalid(
                f"the stops behind cannot be reached in time from stop {len(starts) - 1} of vehicle {vehicle}"
            )

    def depart(self, until: float, *, patience: float = 0.0) -> None:
        """Fix every stop for which its vehicle, leaving no sooner than it must, sets out before `until`."""
        task, tours = self.task, self.tours
        for v in range(len(tours.length)):
            starts, count = self.starts(v, patience=patience), int(tours.fixed[v])
            while count + 2 < tours.length[v]:
                here, there = tours.stops[v, count], tours.stops[v, count + 1]
                leaves = starts[count + 1] - task.time[task.place[here], task.place[there]]
                if leaves >= until:
                    break
                if count == 0:
                    starts[0] = leaves
                count += 1
            if count > tours.fixed[v]:
                self.fix(v, [float(s) for s in starts[: count + 1]])

    def price(self) -> float:
        """The objective of the requests that are in the plan."""
        return float(self.tours.price.sum())

    def left_out(self, requests: Sequence[int]) -> list[int]:
        """Those of `requests` that no vehicle serves."""
        return [r for r in requests if self.tours.vehicle[r] < 0]

    def find(self, request: int) -> Place | None:
        """The cheapest place for the request that moves no stop and breaks no promise; None when there is none."""
        price, v, i, j = insertion.cheapest(self.task, self.tours, request, self._state, 0.0, self._everyone)
        return Place(float(price), int(v), int(i), int(j)) if v >= 0 else None

    def write(self, request: int, ride: Rides) -> None:
        """Ask for another ride (one) in the place of a request that is not in the plan."""
        if self.tours.vehicle[request] >= 0:
            raise Invalid(f"request {request} is in the plan; it cannot become another")
        task, both = self.task, [request, len(self.problem.rides) + request]
        pickup, delivery = narrowed(task.time, ride)
        task.place[both] = ride.origin[0], ride.destination[0]
        task.earliest[both] = pickup[0, 0], delivery[0, 0]
        task.latest[both] = pickup[0, 1], delivery[0, 1]
        task.service[both] = ride.service[0]
        task.load[both[0]], task.load[both[1]] = ride.load[0], -ride.load[0]
        task.ride[request] = ride.longest[0]

    def put(self, request: int, place: Place) -> None:
        """Take the request into the plan at a place that `find` gave for the plan as it stands."""
        if not insertion.put(self.task, self.tours, request, place.vehicle, place.pickup_after, place.delivery_after):
            raise Invalid(f"request {request} does not fit there")

    def remove(self, request: int) -> None:
        """Take a request whose pickup is not fixed out of the plan."""
        vehicle = int(self.tours.vehicle[request])
        if vehicle < 0 or self.tours.position[request] <= self.tours.fixed[vehicle]:
            raise Invalid(f"request {request} is not in the plan, or its pickup is done")
        insertion.take(self.task, self.tours, request)
        labels.relabel(self.task, self.tours, vehicle)

    def improve(
        self,
        requests: Sequence[int],
        *,
        moves: int,
        promised: Sequence[int] = (),
        seconds: float | None = None,
        heat: float | None = None,
    ) -> int:
        """Search for a better plan in which only `requests` may move or be taken in; how many moves were tried.

        `promised` are those never given up for any price. With `seconds` the search goes on, cooling with the clock,
        until they are over, and `moves` is the size of one step between two looks at it; without, `moves` are all, and
        the result depends on nothing but the problem, the plan and the seed.
        """
        if self.task.near.shape[1] == 0:
            self.task = self.task._replace(near=self.problem.near())
        missing = np.full(len(self.problem.rides), self.problem.objective.rejection)
        missing[list(promised)] = NEVER
        memory = self._memory(requests)
        search.start(self.tours, memory, missing)
        hot = heat if heat is not None else HEAT * self._typical()
        cold = hot * 0.01
        tried = 0
        if seconds is None:
            search.improve(self.task, self.tours, memory, moves, hot, cold, missing)
            tried = moves
        else:
            begin = time.perf_counter()
            while (part := (time.perf_counter() - begin) / seconds) < 1.0:
                now = hot * (cold / hot) ** part
                search.improve(self.task, self.tours, memory, moves, now, now, missing)
                tried += moves
        search.recall(self.task, self.tours, memory)
        return tried

    def _pin(self, vehicle: int, starts: Sequence[float]) -> None:
        for i, start in enumerate(starts):
            node = self.tours.stops[vehicle, i]
            self.task.earliest[node] = self.task.latest[node] = start
            if node < len(self.problem.rides):
                # The window was narrowed by what the whole drive takes now; some of it may be done.
                there = len(self.problem.rides) + node
                self.task.earliest[there], self.task.latest[there] = self.problem.rides.delivery[node]

    def _typical(self) -> float:
        """The mean price of a drive between two places: the scale of the search's temperature."""
        return float(self.problem.cost.mean()) * self.problem.objective.distance

    def _memory(self, requests: Sequence[int]) -> search.Search:
        n, shape = len(self.problem.rides), self.tours.stops.shape
        opened = np.zeros(n, np.int32)
        opened[: len(requests)] = requests
        most = int(min(MOST_REMOVED, max(2, 0.4 * len(requests))))
        return search.Search(
            state=self._state,
            value=np.zeros(4),
            best_stops=np.zeros(shape, np.int32),
            best_length=np.zeros(shape[0], np.int32),
            open=opened,
            open_count=np.array([len(requests)], np.int32),
            out=np.zeros(n, np.int32),
            kept_stops=np.zeros(shape, np.int32),
            kept_length=np.zeros(shape[0], np.int32),
            sizes=np.array([most, LONGEST_STRING], np.int32),
        )

    def _idle(self) -> Plan:
        """Nobody rides; the drivers have their breaks."""
        n, vehicles = len(self.problem.rides), len(self.problem.fleet)
        pauses = self.problem.fleet.pauses
        tours = tuple(
            tuple(2 * n + 2 * vehicles + b for b, pause in enumerate(pauses) if pause.vehicle == v)
            for v in range(vehicles)
        )
        return Plan(tours, (0,) * vehicles)


def _empty(problem: Problem) -> Tours:
    n, vehicles, kinds = len(problem.rides), len(problem.fleet), problem.fleet.room.shape[1]
    stops = min(2 * n + 2 + len(problem.fleet.pauses), MOST_STOPS)
    slots = int(problem.fleet.room.sum(axis=1).max(initial=0)) + 1
    nodes = 2 * n + 2 * vehicles + len(problem.fleet.pauses)

    def whole(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return np.zeros(shape, np.int32)

    return Tours(
        stops=whole(vehicles, stops),
        length=whole(vehicles),
        fixed=whole(vehicles),
        ready=np.full(vehicles, -NEVER),
        vehicle=whole(n) - np.int32(1),
        position=whole(nodes),
        slot=whole(n),
        price=np.zeros(vehicles),
        early=np.zeros((vehicles, stops)),
        bound=np.zeros((vehicles, stops)),
        gain=np.zeros((vehicles, stops, slots)),
        cap=np.zeros((vehicles, stops, slots)),
        late=np.zeros((vehicles, stops)),
        floor=np.zeros((vehicles, stops)),
        ahead=np.zeros((vehicles, stops, slots)),
        least=np.zeros((vehicles, stops, slots)),
        taken=whole(vehicles, stops, kinds),
        work=np.zeros((4, slots)),
    )
