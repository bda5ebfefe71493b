"""Small random towns, and a second opinion on whether a tour can be driven in time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np

from services.dispatch.engine.problem import Fleet, Objective, Pause, Problem, Rides


def town(
    requests: int,
    vehicles: int,
    *,
    seed: int = 1,
    longest_ride: float = 40.0,
    width: float = 30.0,
    room: Sequence[int] = (3, 1),
    objective: Objective | None = None,
    pauses: tuple[Pause, ...] = (),
    longest_tour: float = 600.0,
    horizon: float = 480.0,
) -> Problem:
    """Stops on a square of 20 minutes; place 0 is the depot. Every third rider uses a wheelchair."""
    chance = random.Random(seed)
    xy = np.array([(10.0, 10.0)] + [(chance.uniform(0, 20), chance.uniform(0, 20)) for _ in range(2 * requests)])
    drive = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    opens = np.array([chance.uniform(0, horizon - width) for _ in range(requests)])
    rides = Rides(
        origin=np.arange(1, requests + 1, dtype=np.int32),
        destination=np.arange(requests + 1, 2 * requests + 1, dtype=np.int32),
        pickup=np.stack([opens, opens + width], axis=1).reshape(-1, 2),
        delivery=np.tile([0.0, 1000.0], (requests, 1)),
        service=np.tile([1.0, 0.5], (requests, 1)),
        load=np.array([(0, 1) if r % 3 == 2 else (1, 0) for r in range(requests)], np.int32).reshape(-1, 2),
        longest=np.full(requests, longest_ride),
    )
    depot = np.zeros(vehicles, np.int32)
    fleet = Fleet(
        depot,
        depot,
        np.tile([0.0, 600.0], (vehicles, 1)),
        np.tile(np.array(room, np.int32), (vehicles, 1)),
        np.full(vehicles, longest_tour),
        pauses,
    )
    return Problem(drive, drive, rides, fleet, objective or Objective())


def drivable(problem: Problem, vehicle: int, tour: Sequence[int]) -> bool:
    """Whether a tour of engine nodes keeps windows, ride times and duration: by Bellman and Ford, without labels."""
    rides, n, fleet = problem.rides, len(problem.rides), problem.fleet
    window, service, place = [tuple(fleet.shift[vehicle])], [0.0], [int(fleet.start[vehicle])]
    for node in tour:
        if node >= 2 * n:
            pause = fleet.pauses[node - 2 * n - 2 * len(fleet)]
            window.append((pause.earliest, pause.latest))
            service.append(pause.minutes)
            place.append(pause.place)
        else:
            r, end = node % n, node // n
            window.append(tuple((rides.delivery if end else rides.pickup)[r]))
            service.append(float(rides.service[r, end]))
            place.append(int((rides.destination if end else rides.origin)[r]))
    window.append(tuple(fleet.shift[vehicle]))
    service.append(0.0)
    place.append(int(fleet.end[vehicle]))
    count = len(place)
    bounds = [(i, i + 1, service[i] + float(problem.time[place[i], place[i + 1]])) for i in range(count - 1)]
    bounds.append((count - 1, 0, -float(fleet.longest[vehicle])))
    index = {node: i + 1 for i, node in enumerate(tour)}
    for node, i in index.items():
        if node < n:
            bounds.append((index[node + n], i, -float(rides.longest[node]) - service[i]))
    start = [w[0] for w in window]
    for _ in itertools.repeat(None, count + 1):
        moved = False
        for i, j, gap in bounds:
            if start[i] + gap > start[j] + 1e-9:
                start[j], moved = start[i] + gap, True
        if any(s > w[1] + 1e-7 for s, w in zip(start, window, strict=True)):
            return False
        if not moved:
            return True
    return False


def overloaded(problem: Problem, vehicle: int, tour: Sequence[int]) -> bool:
    """Whether somebody has no seat, or sits through a driver's break."""
    n, on_board = len(problem.rides), np.zeros(problem.fleet.room.shape[1], int)
    for node in tour:
        if node >= 2 * n:
            if on_board.any():
                return True
            continue
        on_board += problem.rides.load[node % n] * (1 if node < n else -1)
        if (on_board > problem.fleet.room[vehicle]).any():
            return True
    return False
