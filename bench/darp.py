"""The dial-a-ride benchmark instances as problems of the engine, with the costs they are measured against."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.dispatch.engine.problem import Fleet, Objective, Problem, Rides

# Ropke, Cordeau and Laporte (2007), optimal; pr: best known at the time, later papers reach up to 4 % less on some.
KNOWN = {
    "a2-16": 294.25, "a2-20": 344.83, "a2-24": 431.12, "a3-18": 300.48, "a3-24": 344.83, "a3-30": 494.85,
    "a3-36": 583.19, "a4-16": 282.68, "a4-24": 375.02, "a4-32": 485.50, "a4-40": 557.69, "a4-48": 668.82,
    "a5-40": 498.41, "a5-50": 686.62, "a5-60": 808.42, "a6-48": 604.12, "a6-60": 819.25, "a6-72": 916.05,
    "a7-56": 724.04, "a7-70": 889.12, "a7-84": 1033.37, "a8-64": 747.46, "a8-80": 945.73, "a8-96": 1229.66,
    "pr01": 190.02, "pr03": 532.08, "pr05": 636.97, "pr07": 291.71, "pr09": 672.44, "pr11": 164.46,
    "pr13": 493.30, "pr15": 589.74, "pr17": 248.21, "pr19": 601.96,
}  # fmt: skip


@dataclass(frozen=True)
class Instance:
    """A file as it reads: nodes 0 (depot), 1 … n pickups, n + 1 … 2n deliveries."""

    name: str
    vehicles: int
    requests: int
    longest_tour: float
    room: int
    longest_ride: float
    nodes: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    """(2n + 1, 6) x, y, service minutes, load, earliest, latest."""


def read(path: Path) -> Instance:
    """The instance in a file. The header of the pr series counts nodes, of the a series requests; the lines decide."""
    header, *lines = (line.split() for line in path.read_text().splitlines() if line.strip())
    requests = (len(lines) - 1) // 2
    nodes = np.array([[float(x) for x in line[1:7]] for line in lines[: 2 * requests + 1]])
    return Instance(
        path.name.removesuffix(".txt"),
        int(header[0]),
        requests,
        float(header[2]),
        int(header[3]),
        float(header[4]),
        nodes,
    )


def arrivals(path: Path) -> list[float]:
    """When each request of a dynamic instance becomes known, in minutes, by its number."""
    requests = json.loads(path.read_text())["requests"]
    return [float(r["arrival_time"]) for r in sorted(requests, key=lambda r: int(r["id"]))]


def problem(instance: Instance, *, fixed_times: dict[int, float] | None = None) -> Problem:
    """The engine's problem. `fixed_times` holds engine nodes whose start of service is past and done."""
    n, nodes = instance.requests, instance.nodes
    xy = nodes[:, :2]
    distance = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    windows = nodes[1:, 4:6].copy()
    for node, at in (fixed_times or {}).items():
        windows[node] = at
    rides = Rides(
        origin=np.arange(1, n + 1, dtype=np.int32),
        destination=np.arange(n + 1, 2 * n + 1, dtype=np.int32),
        pickup=windows[:n],
        delivery=windows[n:],
        service=np.stack([nodes[1 : n + 1, 2], nodes[n + 1 :, 2]], axis=1),
        load=nodes[1 : n + 1, 3:4].astype(np.int32),
        longest=np.full(n, instance.longest_ride),
    )
    depot = np.zeros(instance.vehicles, np.int32)
    fleet = Fleet(
        start=depot,
        end=depot,
        shift=np.tile(nodes[0, 4:6], (instance.vehicles, 1)),
        room=np.full((instance.vehicles, 1), instance.room, np.int32),
        longest=np.full(instance.vehicles, instance.longest_tour),
    )
    return Problem(distance, distance, rides, fleet, Objective())
