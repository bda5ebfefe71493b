"""Large-neighbourhood search: take a few related requests out, put each back where it is cheapest, keep what helps.

The removal of neighbouring strings and the insertion that now and then overlooks a gap follow slack induction
by string removals (Christiaens and Vanden Berghe, 2020), with requests in place of customers; what is kept is
decided by simulated annealing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.dispatch.engine.arrays import Floats, Ints, Task, Tours
from services.dispatch.engine.compiled import SAME, below, compiled, draw, shuffle
from services.dispatch.engine.insertion import cheapest, put, take
from services.dispatch.engine.labels import fare, relabel


class Search(NamedTuple):
    """The search's own memory."""

    state: NDArray[np.uint64]
    """(1,) of the random numbers."""
    value: Floats
    """(4,) price of the tours now, price of the best, requests left out now, requests left out in the best."""
    best_stops: Ints
    """(V, M) of the best plan so far."""
    best_length: Ints
    """(V,)"""
    open: Ints
    """(n,) the requests that may be moved or put in, first `open_count[0]`."""
    open_count: Ints
    """(1,)"""
    out: Ints
    """(n,) the requests taken out or left out."""
    kept_stops: Ints
    """(V, M) touched tours as they were before the move."""
    kept_length: Ints
    """(V,) -1 while untouched."""
    sizes: Ints
    """(2,) the most requests to take out, the longest string."""


BLINK = 0.01


@compiled
def improve(task: Task, tours: Tours, search: Search, moves: int, hot: float, cold: float, missing: Floats) -> int:
    """Try `moves` moves while the temperature falls from `hot` to `cold` (same unit as the price); how many were kept.

    `missing[r]` is the price of leaving r out. The best plan is kept in `search`; `tours` wanders.
    """
    order = np.arange(len(tours.length)).astype(np.int32)
    taken = 0
    ratio = (cold / hot) ** (1.0 / max(1, moves))
    heat = hot
    for _ in range(moves):
        before = search.value[0]
        search.kept_length[:] = -1
        count = _ruin(task, tours, search)
        _recreate(task, tours, search, count, order)
        after = _price(tours, search, missing)
        if after < before - heat * np.log(1.0 - draw(search.state)) - SAME * 0.01:
            search.value[0] = after
            taken += 1
            if after < search.value[1] - SAME:
                remember(tours, search)
        else:
            _restore(task, tours, search)
        heat *= ratio
    return taken


@compiled
def _price(tours: Tours, search: Search, missing: Floats) -> float:
    total = np.sum(tours.price)
    for x in range(search.open_count[0]):
        if tours.vehicle[search.open[x]] < 0:
            total += missing[search.open[x]]
    return float(total)


@compiled
def remember(tours: Tours, search: Search) -> None:
    """Keep the plan as the best so far."""
    search.value[1] = search.value[0]
    search.best_length[:] = tours.length
    for v in range(len(tours.length)):
        search.best_stops[v, : tours.length[v]] = tours.stops[v, : tours.length[v]]


@compiled
def recall(task: Task, tours: Tours, search: Search) -> None:
    """Go back to the best plan so far."""
    tours.vehicle[:] = -1
    tours.length[:] = search.best_length
    for v in range(len(tours.length)):
        tours.stops[v, : tours.length[v]] = search.best_stops[v, : tours.length[v]]
        relabel(task, tours, v)
    search.value[0] = search.value[1]


@compiled
def start(tours: Tours, search: Search, missing: Floats) -> None:
    """Take the plan in `tours` as the first and best."""
    search.value[0] = _price(tours, search, missing)
    remember(tours, search)


@compiled
def _touch(tours: Tours, search: Search, v: int) -> None:
    if search.kept_length[v] < 0:
        search.kept_length[v] = tours.length[v]
        search.kept_stops[v, : tours.length[v]] = tours.stops[v, : tours.length[v]]


@compiled
def _restore(task: Task, tours: Tours, search: Search) -> None:
    n = len(task.ride)
    for v in range(len(tours.length)):
        if search.kept_length[v] >= 0:
            for x in range(tours.length[v]):
                if tours.stops[v, x] < n:
                    tours.vehicle[tours.stops[v, x]] = -1
    for v in range(len(tours.length)):
        if search.kept_length[v] >= 0:
            tours.length[v] = search.kept_length[v]
            tours.stops[v, : tours.length[v]] = search.kept_stops[v, : tours.length[v]]
            relabel(task, tours, v)


@compiled
def _movable(tours: Tours, r: int) -> bool:
    v = tours.vehicle[r]
    return bool(v >= 0 and tours.position[r] > tours.fixed[v])


@compiled
def _out(task: Task, tours: Tours, search: Search, r: int, count: int) -> int:
    _touch(tours, search, tours.vehicle[r])
    take(task, tours, r)
    search.out[count] = r
    return count + 1


@compiled
def _ruin(task: Task, tours: Tours, search: Search) -> int:
    """Take requests out that are near one another; how many are now in `search.out`, with those left out before."""
    state, count = search.state, 0
    for x in range(search.open_count[0]):
        if tours.vehicle[search.open[x]] < 0:
            search.out[count] = search.open[x]
            count += 1
    left = count
    if search.open_count[0] == 0:
        return count
    seed = search.open[below(state, search.open_count[0])]
    most = 1 + below(state, search.sizes[0])
    how = draw(state)
    width = task.near.shape[1]
    for x in range(-1, width):
        r = seed if x < 0 else task.near[seed, x]
        if count - left >= most:
            break
        if not _movable(tours, r) or (x >= 0 and how >= 0.5 and draw(state) < 0.3):
            continue
        if how < 0.5:
            if search.kept_length[tours.vehicle[r]] < 0:
                count = _string(task, tours, search, r, count, most - (count - left))
        else:
            count = _out(task, tours, search, r, count)
    for v in range(len(tours.length)):
        if search.kept_length[v] >= 0:
            relabel(task, tours, v)
    return count


@compiled
def _string(task: Task, tours: Tours, search: Search, r: int, count: int, room: int) -> int:
    """Take out a run of requests picked up one after the other around `r`."""
    n, v = len(task.ride), tours.vehicle[r]
    _touch(tours, search, v)
    picked = 0
    mine = 0
    line = np.empty(tours.length[v], np.int32)
    for x in range(tours.fixed[v] + 1, tours.length[v]):
        if tours.stops[v, x] < n:
            if tours.stops[v, x] == r:
                mine = picked
            line[picked] = tours.stops[v, x]
            picked += 1
    size = min(picked, min(room, 1 + below(search.state, search.sizes[1])))
    first = max(0, min(picked - size, mine - below(search.state, size)))
    for x in range(first, first + size):
        count = _out(task, tours, search, line[x], count)
    return count


@compiled
def _recreate(task: Task, tours: Tours, search: Search, count: int, order: Ints) -> None:
    """Put back what is out, each where it is cheapest, in one of several orders."""
    n, state, out = len(task.ride), search.state, search.out
    shuffle(state, out, count)
    how = below(state, 5)
    if how > 0:
        keys = np.empty(count)
        for x in range(count):
            r = out[x]
            if how == 1:
                keys[x] = -fare(task, r, n + r)
            elif how == 2:
                keys[x] = task.earliest[r]
            elif how == 3:
                keys[x] = min(task.latest[r] - task.earliest[r], task.latest[n + r] - task.earliest[n + r])
            else:
                keys[x] = -fare(task, 2 * n, r) - fare(task, 2 * n, n + r)
        by = np.argsort(keys)
        sorted_out = out[:count].copy()
        for x in range(count):
            out[x] = sorted_out[by[x]]
    shuffle(state, order, len(order))
    for x in range(count):
        r = out[x]
        _, v, i, j = cheapest(task, tours, r, state, BLINK, order)
        if v >= 0:
            _touch(tours, search, v)
            if not put(task, tours, r, v, i, j):
                take(task, tours, r)
                relabel(task, tours, v)
