"""The engine against a second opinion: every answer it gives can be driven, and it overlooks no better one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from broker.errors import Invalid
from services.dispatch.engine.planner import Plan, Planner
from services.dispatch.engine.problem import Objective, Pause, Problem
from tests.unit.services.dispatch.towns import drivable, overloaded, town


def length(problem: Problem, tour: tuple[int, ...]) -> float:
    n = len(problem.rides)
    places = [0, *(int((problem.rides.origin if x < n else problem.rides.destination)[x % n]) for x in tour), 0]
    return float(sum(problem.cost[a, b] for a, b in pairwise(places)))


def every_insertion(problem: Problem, plan: Plan, request: int) -> list[float]:
    """The extra length of every drivable way to take the request in."""
    n, found = len(problem.rides), []
    for v, tour in enumerate(plan.tours):
        for i in range(plan.fixed[v], len(tour) + 1):
            for j in range(i, len(tour) + 1):
                longer = (*tour[:i], request, *tour[i:j], n + request, *tour[j:])
                if drivable(problem, v, longer) and not overloaded(problem, v, longer):
                    found.append(length(problem, longer) - length(problem, tour))
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("longest_ride", [14.0, 22.0, 60.0])
def test_insertion_finds_the_cheapest_of_all_drivable_ways_and_refuses_only_the_impossible(
    seed: int, longest_ride: float
) -> None:
    problem = town(
        14, 2, seed=seed, longest_ride=longest_ride, width=40.0, room=(2, 1), longest_tour=260.0, horizon=200.0
    )
    planner, refused = Planner(problem), 0
    for request in range(14):
        best = min(every_insertion(problem, planner.plan(), request), default=None)
        place = planner.find(request)
        assert (place is None) == (best is None)
        if place is None or best is None:
            refused += 1
            continue
        assert place.price == pytest.approx(best)
        planner.put(request, place)
    assert planner.price() == pytest.approx(sum(length(problem, t) for t in planner.plan().tours))
    assert refused < 14


@pytest.mark.parametrize("seed", range(4))
def test_a_search_keeps_every_rule_and_every_promise_and_saves_distance(seed: int) -> None:
    problem = town(30, 4, seed=seed, longest_ride=25.0)
    planner = Planner(problem, seed=seed)
    for request in range(30):
        place = planner.find(request)
        if place:
            planner.put(request, place)
    promised = [r for r in range(30) if not planner.left_out([r])]
    before = planner.price()
    planner.improve(range(30), moves=1500, promised=promised)
    assert planner.left_out(promised) == []
    assert planner.price() < before or len(planner.left_out(range(30))) < 30 - len(promised)
    for v, tour in enumerate(planner.plan().tours):
        assert drivable(problem, v, tour)
        assert not overloaded(problem, v, tour)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_way_there() -> None:
    def search(seed: int) -> Plan:
        planner = Planner(town(25, 3), seed=seed)
        planner.improve(range(25), moves=40)
        return planner.plan()

    assert search(7) == search(7)
    assert search(7) != search(8)


@pytest.mark.parametrize("patience", [0.0, 0.4, 1.0])
def test_the_timetable_keeps_windows_driving_times_and_ride_times(patience: float) -> None:
    problem = town(30, 4, longest_ride=18.0)
    planner = Planner(problem)
    planner.improve(range(30), moves=500)
    n = 30
    for v, tour in enumerate(planner.plan().tours):
        starts = dict(zip(tour, planner.starts(v, patience=patience)[1:-1], strict=True))
        for node, start in starts.items():
            window = problem.rides.pickup[node] if node < n else problem.rides.delivery[node - n]
            assert window[0] - 1e-6 <= start <= window[1] + 1e-6
            if node < n:
                assert starts[node + n] - start - problem.rides.service[node, 0] <= 18.0 + 1e-6


def test_fixed_stops_stay_and_nobody_is_fetched_before_now() -> None:
    problem = town(20, 2, width=60.0)
    planner = Planner(problem)
    planner.improve(range(10), moves=300)
    busy = max(range(2), key=lambda v: len(planner.plan().tours[v]))
    now = float(planner.starts(busy)[4])
    planner.depart(now)
    done = int(planner.tours.fixed[busy])
    kept, starts = planner.plan().tours[busy][:done], [float(s) for s in planner.starts(busy)[: done + 1]]
    assert done >= 4
    planner.pass_time(now)
    planner.improve(range(20), moves=800, promised=[r for r in range(10) if not planner.left_out([r])])
    assert planner.plan().tours[busy][:done] == kept
    assert list(planner.starts(busy)[: done + 1]) == pytest.approx(starts)
    following = planner.plan().tours[busy][done]
    leg = float(problem.time[planner.task.place[kept[-1]], planner.task.place[following]])
    assert planner.starts(busy)[done + 1] >= now + leg - 1e-6


def test_a_driver_has_the_break_with_nobody_on_board() -> None:
    pause = Pause(vehicle=0, place=0, earliest=200.0, latest=230.0, minutes=45.0)
    problem = town(24, 1, seed=3, width=90.0, pauses=(pause,))
    planner = Planner(problem)
    planner.improve(range(24), moves=800)
    (tour,) = planner.plan().tours
    assert 2 * 24 + 2 in tour
    assert len(tour) > 10
    assert drivable(problem, 0, tour)
    assert not overloaded(problem, 0, tour)
    start = planner.starts(0)[1 + tour.index(2 * 24 + 2)]
    assert 200.0 <= start <= 230.0


def test_a_dear_ride_makes_rides_shorter() -> None:
    def ridden(objective: Objective) -> float:
        problem = town(24, 3, seed=5, longest_ride=60.0, objective=objective)
        planner = Planner(problem)
        planner.improve(range(24), moves=1500)
        assert planner.left_out(range(24)) == []
        total = 0.0
        for v, tour in enumerate(planner.plan().tours):
            starts = dict(zip(tour, planner.starts(v)[1:-1], strict=True))
            total += sum(starts[r + 24] - starts[r] for r in starts if r < 24)
        return total

    assert ridden(Objective(ride=3.0)) < 0.9 * ridden(Objective())


def test_a_vehicle_that_may_not_serve_a_request_does_not() -> None:
    allowed = np.ones((2, 8), np.bool_)
    allowed[0, :] = False
    problem = replace(town(8, 2, width=100.0), allowed=allowed)
    planner = Planner(problem)
    planner.improve(range(8), moves=300)
    assert planner.plan().tours[0] == ()
    assert len(planner.plan().tours[1]) > 0


def test_a_plan_that_cannot_be_driven_is_refused_with_the_vehicle_named() -> None:
    problem = town(6, 1, width=1.0)
    with pytest.raises(Invalid, match="vehicle 0"):
        Planner(problem, Plan((tuple(x for r in range(6) for x in (r, r + 6)),), (0,)))


def test_windows_that_close_before_they_open_are_refused_with_the_request_named() -> None:
    problem = town(3, 1)
    wrong = replace(problem.rides, pickup=problem.rides.pickup[:, ::-1].copy())
    with pytest.raises(Invalid, match="pickup window of request 0"):
        replace(problem, rides=wrong)
