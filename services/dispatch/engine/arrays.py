"""The two bundles of arrays that every kernel takes: what is asked (`Task`), and who drives what (`Tours`).

Nodes are numbered: the pickup of request r is r, its delivery n + r; then come the vehicles' starts (2n + v),
their ends (2n + V + v), and breaks. A node has a place; times and costs are matrices between places. Times are
minutes, as doubles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class Task(NamedTuple):
    """What is asked, for N nodes, n requests, V vehicles, K kinds of room, P places."""

    time: Floats
    """(P, P) minutes from place to place."""
    cost: Floats
    """(P, P) what driving there costs."""
    place: Ints
    """(N,) the node's place."""
    earliest: Floats
    """(N,) service may start from then on; who comes earlier waits."""
    latest: Floats
    """(N,) service may start until then."""
    service: Floats
    """(N,) minutes the stop takes."""
    load: Ints
    """(N, K) room taken at the node; negative where it is freed."""
    ride: Floats
    """(n,) the longest ride from departure at the pickup to the start of service at the delivery."""
    room: Ints
    """(V, K) the vehicle's room by kind."""
    duration: Floats
    """(V,) the longest time from the vehicle's start to its end."""
    near: Ints
    """(n, W) for each request the others most like it, the most alike first."""
    allowed: NDArray[np.bool_]
    """(V, n) whether the vehicle may serve the request."""
    weights: Floats
    """(3,) the price of one unit of `cost`, of a minute a rider waits after `earliest`, and of a minute's ride."""


class Tours(NamedTuple):
    """Who drives what, with everything that makes the next question cheap (see `labels`)."""

    stops: Ints
    """(V, M) each vehicle's nodes in order, from its start to its end."""
    length: Ints
    """(V,) how many of them."""
    fixed: Ints
    """(V,) the index of the last stop that may not move; 0 when only the start is fixed."""
    ready: Floats
    """(V,) the vehicle leaves its last fixed stop then or later."""
    vehicle: Ints
    """(n,) the vehicle that serves the request; -1 when none does."""
    position: Ints
    """(N,) the node's index in its tour."""
    slot: Ints
    """(n,) the column that holds the request in the arrays by slot; two on board together never share one."""
    price: Floats
    """(V,) the tour's part of the objective."""
    early: Floats
    """(V, M) the earliest start of service, by what lies before."""
    bound: Floats
    """(V, M) the latest start of service, by the ride times that end here or before."""
    gain: Floats
    """(V, M, S) on board: its delivery must start by min(start of service here + gain, cap)."""
    cap: Floats
    """(V, M, S) see `gain`."""
    late: Floats
    """(V, M) the latest start of service, by what lies behind."""
    floor: Floats
    """(V, M) the earliest start of service, by the ride times that begin here or behind."""
    ahead: Floats
    """(V, M, S) on board: its delivery starts at max(start of service here + ahead, least) or later."""
    least: Floats
    """(V, M, S) see `ahead`."""
    taken: Ints
    """(V, M, K) room taken when the vehicle leaves."""
    work: Floats
    """(4, S) room for the labels of a tour that is only being tried."""
