"""A dynamic instance lived through: requests come, are promised or refused at once, vehicles leave when they must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import darp, dispatch_checker
from bench.dispatch_checker import File, Tour
from services.dispatch.engine.planner import Planner

PATIENCE = 0.5


@dataclass(frozen=True)
class Day:
    """How it went: requests served, distance driven, rules broken."""

    served: int
    distance: float
    per_served: float
    faults: tuple[str, ...]


def live_through(
    instance: darp.Instance, file: File, known: Sequence[float], moves: int, patience: float = PATIENCE
) -> Day:
    """Let the requests come at the times `known`, with `moves` moves of improvement after each; 0: plain insertion."""
    planner = Planner(darp.problem(instance))
    served: list[int] = []
    for request in sorted(range(instance.requests), key=lambda r: (known[r], r)):
        planner.depart(known[request], patience=patience)
        planner.pass_time(known[request])
        place = planner.find(request)
        if place is not None:
            planner.put(request, place)
            served.append(request)
        if moves:
            planner.improve([*served, *([] if place else [request])], moves=moves, promised=served)
            if place is None and not planner.left_out([request]):
                served.append(request)
    planner.depart(float("inf"), patience=patience)
    tours = _tours(planner)
    faults = dispatch_checker.faults(file, tours, served={r + 1 for r in served}, known=known)
    distance = dispatch_checker.distance(file, tours)
    return Day(len(served), distance, distance / max(1, len(served)), tuple(faults))


def _tours(planner: Planner) -> list[Tour]:
    found = []
    for v, stops in enumerate(planner.plan().tours):
        starts = [float(s) for s in planner.starts(v)]
        found.append(Tour(tuple(s + 1 for s in stops), starts[0], tuple(starts[1:-1]), starts[-1]))
    return found
