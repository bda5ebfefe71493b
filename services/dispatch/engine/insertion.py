"""Where a request fits best: every pair of gaps of a tour, each tried in time that does not grow with the tour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.dispatch.engine.arrays import Floats, Ints, Task, Tours
from services.dispatch.engine.compiled import NEVER, SAME, compiled, draw
from services.dispatch.engine.labels import alight, fare, minutes, relabel


@compiled
def joins(tours: Tours, v: int, i: int, early: float, bound: float, leg: float, gain: Floats, cap: Floats) -> bool:
    """Whether a tour's beginning (its last stop within `early` … `bound`) go with stop `i` and all behind it."""
    ahead, least = tours.ahead[v, i], tours.least[v, i]
    low, high, most = early, tours.late[v, i], NEVER
    for s in range(gain.shape[0]):
        low = max(low, least[s] - gain[s])
        high = min(high, cap[s] - ahead[s])
        most = min(most, gain[s] - ahead[s])
        if least[s] > cap[s] + SAME:
            return False
    floor = tours.floor[v, i]
    return (
        low <= bound + SAME
        and floor <= high + SAME
        and leg <= most + SAME
        and low + leg <= high + SAME
        and floor <= bound + most + SAME
    )


@compiled
def advance(leg: float, bound: float, gain: Floats, cap: Floats, to_gain: Floats, to_cap: Floats) -> None:
    """Carry the labels of those on board over a leg that starts no later than `bound`."""
    for s in range(gain.shape[0]):
        to_cap[s] = min(cap[s], bound + gain[s])
        to_gain[s] = gain[s] - leg


@compiled
def holds(task: Task, tours: Tours, v: int, i: int, r: int) -> bool:
    """Whether the room left after stop `i` is enough for request `r` too."""
    for k in range(task.load.shape[1]):  # noqa: SIM110  the kernel compiler knows no generators
        if tours.taken[v, i, k] + task.load[r, k] > task.room[v, k]:
            return False
    return True


@compiled
def best_place(
    task: Task, tours: Tours, r: int, v: int, most: float, state: NDArray[np.uint64], blink: float
) -> tuple[float, int, int]:
    """The cheapest feasible pair of gaps for request `r` in vehicle `v`: (extra price, pickup after, delivery after).

    (NEVER, -1, -1) when none is cheaper than `most`. With the probability `blink` a gap is overlooked, which makes
    a search that calls this again and again take other ways.
    """
    best, best_i, best_j = most, -1, -1
    stops = tours.stops[v]
    pickup, weight = r, task.weights[0]
    for i in range(tours.fixed[v], tours.length[v] - 1):
        here, there = stops[i], stops[i + 1]
        if tours.early[v, i] + task.service[here] > task.latest[pickup]:
            break
        leg = minutes(task, here, pickup)
        early = max(task.earliest[pickup], tours.early[v, i] + leg)
        if i == tours.fixed[v]:
            early = max(early, tours.ready[v] + leg - task.service[here])
        if early > task.latest[pickup] or early + minutes(task, pickup, there) > tours.late[v, i + 1] + SAME:
            continue
        extra = fare(task, here, pickup) + fare(task, pickup, there) - fare(task, here, there)
        wait = task.weights[1] * (early - task.earliest[pickup])
        if weight * extra + wait >= best or not holds(task, tours, v, i, r):
            continue
        if blink > 0.0 and draw(state) < blink:
            continue
        price, j = _best_delivery(task, tours, r, v, i, early, leg, best - wait)
        if j >= 0:
            best, best_i, best_j = price + wait, i, j
    if best_i < 0:
        return NEVER, -1, -1
    return best, best_i, best_j


@compiled
def _best_delivery(
    task: Task, tours: Tours, r: int, v: int, i: int, early: float, leg: float, most: float
) -> tuple[float, int]:
    """The cheapest gap for the delivery of `r` picked up behind stop `i` at `early`: (extra price, delivery after)."""
    n = len(task.ride)
    pickup, delivery, best, best_j = r, n + r, most, -1
    stops, left = tours.stops[v], early + task.service[r]
    gain, cap, try_gain, try_cap = tours.work[0], tours.work[1], tours.work[2], tours.work[3]
    advance(leg, tours.bound[v, i], tours.gain[v, i], tours.cap[v, i], gain, cap)
    bound, own_gain, own_cap = task.latest[pickup], task.ride[r] + task.service[r], NEVER
    here, base = pickup, fare(task, stops[i], pickup)
    for j in range(i, tours.length[v] - 1):
        there = stops[j + 1]
        step = minutes(task, here, delivery)
        arrival = max(task.earliest[delivery], early + step)
        final = min(task.latest[delivery], min(own_cap, bound + own_gain))
        extra = base + fare(task, here, delivery) + fare(task, delivery, there)
        extra -= fare(task, stops[i], there) if j == i else fare(task, here, there)
        price = task.weights[0] * extra + task.weights[2] * (arrival - left)
        onward = minutes(task, delivery, there)
        if (
            price < best
            and arrival <= final + SAME
            and own_gain >= step - SAME
            and arrival + onward <= tours.late[v, j + 1] + SAME
        ):
            advance(step, bound, gain, cap, try_gain, try_cap)
            if joins(tours, v, j + 1, arrival, final, onward, try_gain, try_cap):
                best, best_j = price, j
        if j + 2 >= tours.length[v] or there >= 2 * n or not holds(task, tours, v, j + 1, r):
            break
        step = minutes(task, here, there)
        if j == i:
            base += fare(task, pickup, there) - fare(task, stops[i], there)
        own_cap, own_gain = min(own_cap, bound + own_gain), own_gain - step
        advance(step, bound, gain, cap, gain, cap)
        early = max(task.earliest[there], early + step)
        bound = alight(task, tours, v, there, gain, cap)
        if early > min(bound, tours.late[v, j + 1]) + SAME or own_gain < -SAME:
            break
        here = there
    return best, best_j


@compiled
def put(task: Task, tours: Tours, r: int, v: int, i: int, j: int) -> bool:
    """Pick `r` up behind stop `i`, deliver it behind stop `j` of vehicle `v`; False when it cannot be in time."""
    stops, last = tours.stops[v], tours.length[v] - 1
    for x in range(last, j, -1):
        stops[x + 2] = stops[x]
    stops[j + 2] = len(task.ride) + r
    for x in range(j, i, -1):
        stops[x + 1] = stops[x]
    stops[i + 1] = r
    tours.length[v] += 2
    return relabel(task, tours, v)


@compiled
def take(task: Task, tours: Tours, r: int) -> None:
    """Take request `r` out of its tour, whose labels are then stale: `relabel` it when all are out."""
    n, v = len(task.ride), tours.vehicle[r]
    stops, kept = tours.stops[v], 0
    for x in range(tours.length[v]):
        if stops[x] != r and stops[x] != n + r:
            stops[kept] = stops[x]
            kept += 1
    tours.length[v] = kept
    tours.vehicle[r] = -1


@compiled
def cheapest(
    task: Task, tours: Tours, r: int, state: NDArray[np.uint64], blink: float, order: Ints
) -> tuple[float, int, int, int]:
    """The cheapest feasible place of all vehicles of `order`: (extra price, vehicle, pickup after, delivery after)."""
    best, best_v, best_i, best_j = NEVER, -1, -1, -1
    for v in order:
        if not task.allowed[v, r] or tours.length[v] + 2 > tours.stops.shape[1]:
            continue
        price, i, j = best_place(task, tours, r, v, best, state, blink)
        if i >= 0:
            best, best_v, best_i, best_j = price, v, i, j
    return best, best_v, best_i, best_j
