"""Whether a plan for a dial-a-ride instance can be driven: written without the engine, from the instance's file alone.

It takes the tours as lists of the file's node numbers, with the planned starts of service, and looks at every
rule by itself: each request once, pickup before delivery in the same vehicle, room, windows, driving times,
ride times from departure at the pickup, the length of the tour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Node:
    """One line of the file."""

    x: float
    y: float
    service: float
    load: int
    opens: float
    closes: float


@dataclass(frozen=True)
class File:
    """The rules of one instance."""

    vehicles: int
    requests: int
    longest_tour: float
    room: int
    longest_ride: float
    nodes: tuple[Node, ...]

    def apart(self, one: int, other: int) -> float:
        """Distance, and minutes, between two nodes."""
        a, b = self.nodes[one], self.nodes[other]
        return math.sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2)


@dataclass(frozen=True)
class Tour:
    """What a vehicle drives: nodes between leaving the depot and coming back, and when service starts at each."""

    stops: tuple[int, ...]
    leaves: float
    starts: tuple[float, ...]
    returns: float


def load(path: Path) -> File:
    """Read an instance. A second depot at the end of the file (pr series) is the first one again."""
    words = [line.split() for line in path.read_text().split("\n") if line.split()]
    nodes = [Node(float(w[1]), float(w[2]), float(w[3]), int(w[4]), float(w[5]), float(w[6])) for w in words[1:]]
    if len(nodes) % 2 == 0:
        nodes.pop()
    head = words[0]
    return File(int(head[0]), len(nodes) // 2, float(head[2]), int(head[3]), float(head[4]), tuple(nodes))


def distance(file: File, tours: Sequence[Tour]) -> float:
    """The summed distance of all tours."""
    return sum(
        file.apart(a, b)
        for tour in tours
        if tour.stops
        for a, b in zip((0, *tour.stops), (*tour.stops, 0), strict=True)
    )


def faults(
    file: File, tours: Sequence[Tour], *, served: set[int] | None = None, known: Sequence[float] | None = None
) -> list[str]:
    """Every rule that the plan breaks, in words; empty when it can be driven. `served`: who has to be in it (all).

    `known`: when each request became known; no vehicle may set out to its pickup before.
    """
    found = [f"{len(tours)} vehicles used of {file.vehicles}"] if len(tours) > file.vehicles else []
    visited = [node for tour in tours for node in tour.stops]
    wanted = set(range(1, file.requests + 1)) if served is None else served
    due = wanted | {r + file.requests for r in wanted}
    if sorted(visited) != sorted(due):
        found.append(f"stops missing {sorted(due - set(visited))}, too many {sorted(set(visited) - due)} or twice")
    for number, tour in enumerate(tours):
        found += [f"vehicle {number}: {fault}" for fault in _tour_faults(file, tour)]
        if known is None:
            continue
        for before, node, start in zip((0, *tour.stops), tour.stops, tour.starts, strict=False):
            if node <= file.requests and start - file.apart(before, node) < known[node - 1] - TOLERANCE:
                found.append(f"vehicle {number} sets out to {node} before anybody asked")
    return found


def _tour_faults(file: File, tour: Tour) -> list[str]:
    if not tour.stops:
        return []
    found: list[str] = []
    at, clock, on_board = 0, tour.leaves, 0
    departed: dict[int, float] = {}
    for node, start in zip(tour.stops, tour.starts, strict=True):
        rule = file.nodes[node]
        if start + TOLERANCE < clock + file.apart(at, node):
            found.append(f"at {node} at {start:.3f}, cannot be there before {clock + file.apart(at, node):.3f}")
        if not rule.opens - TOLERANCE <= start <= rule.closes + TOLERANCE:
            found.append(f"at {node} at {start:.3f}, outside {rule.opens} … {rule.closes}")
        on_board += rule.load
        if on_board > file.room:
            found.append(f"{on_board} on board behind {node}, room for {file.room}")
        at, clock = node, start + rule.service
        if node <= file.requests:
            departed[node] = clock
        elif node - file.requests not in departed:
            found.append(f"delivery {node} before its pickup")
        elif start - departed.pop(node - file.requests) > file.longest_ride + TOLERANCE:
            found.append(f"the ride to {node} is longer than {file.longest_ride}")
    found += [f"{sorted(departed)} never delivered"] if departed else []
    if tour.returns + TOLERANCE < clock + file.apart(at, 0):
        found.append("back at the depot before it can be")
    depot = file.nodes[0]
    if tour.leaves < depot.opens - TOLERANCE or tour.returns > depot.closes + TOLERANCE:
        found.append(f"out {tour.leaves:.3f} … {tour.returns:.3f}, depot open {depot.opens} … {depot.closes}")
    if tour.returns - tour.leaves > file.longest_tour + TOLERANCE:
        found.append(f"a tour of {tour.returns - tour.leaves:.3f}, longest {file.longest_tour}")
    return found
