"""Ride-time feasibility of a tour in constant time per move.

A tour's starts of service are bounded by differences only: no stop before its time window, none before the one
ahead of it is done and driven from, no delivery later than the longest ride after its pickup's departure. Such
bounds, projected on few of the variables, stay such bounds. So all that the stops up to one say about the rest
of the day is: the earliest and the latest time here, and for each passenger on board the latest delivery as a
function of the time here, min(time + gain, cap), reached by all passengers at once because solutions are closed
under taking the later of two. Seen from behind, it is the same in the mirror: the earliest delivery, max(time +
ahead, least). Both are exact. A tour cut anywhere is checked by joining the two at the cut: one comparison of
each kind for each passenger on board, however long the tour is.

The vehicle's own longest duration is the ride of a passenger in slot 0 who boards at its start and leaves at its end.
"""

from __future__ import annotations

import numpy as np

from services.dispatch.engine.arrays import Floats, Task, Tours
from services.dispatch.engine.compiled import NEVER, SAME, compiled


@compiled
def minutes(task: Task, one: int, other: int) -> float:
    """From the start of service at node `one` to the earliest arrival at node `other`."""
    return float(task.service[one] + task.time[task.place[one], task.place[other]])


@compiled
def leg(task: Task, tours: Tours, v: int, i: int) -> float:
    """`minutes` from stop `i` of vehicle `v` to the one behind it; between two that are done, what it took then.

    A road that is closed or slow by now was neither when the vehicle came along it.
    """
    here, there = tours.stops[v, i], tours.stops[v, i + 1]
    if i < tours.fixed[v] and task.earliest[here] == task.latest[here] and task.earliest[there] == task.latest[there]:
        return float(task.earliest[there] - task.earliest[here])
    return minutes(task, here, there)


@compiled
def fare(task: Task, one: int, other: int) -> float:
    """What driving from node to node costs."""
    return float(task.cost[task.place[one], task.place[other]])


@compiled
def relabel(task: Task, tours: Tours, v: int) -> bool:
    """Work out all that `tours` keeps about vehicle `v`'s stops; False when they cannot be driven in time."""
    _seat(task, tours, v)
    fits = _forward(task, tours, v) and _backward(task, tours, v)
    total = 0.0
    for i in range(tours.length[v] - 1):
        total += fare(task, tours.stops[v, i], tours.stops[v, i + 1])
    total *= task.weights[0]
    if fits and (task.weights[1] > 0.0 or task.weights[2] > 0.0):
        total += comfort(task, tours, v)
    tours.price[v] = total
    return fits


@compiled
def _seat(task: Task, tours: Tours, v: int) -> None:
    """Give every request of the tour a slot that nobody else on board has; note positions and room taken."""
    n, slots, kinds = len(task.ride), tours.gain.shape[2], task.load.shape[1]
    free = np.ones(slots, np.bool_)
    free[0] = False
    for i in range(tours.length[v]):
        node = tours.stops[v, i]
        tours.position[node] = i
        for k in range(kinds):
            tours.taken[v, i, k] = task.load[node, k] + (tours.taken[v, i - 1, k] if i > 0 else 0)
        if node < n:
            tours.vehicle[node] = v
            for s in range(1, slots):
                if free[s]:
                    free[s] = False
                    tours.slot[node] = s
                    break
        elif node < 2 * n:
            free[tours.slot[node - n]] = True


@compiled
def _forward(task: Task, tours: Tours, v: int) -> bool:
    stops, gain, cap = tours.stops[v], tours.gain[v], tours.cap[v]
    gain[0, :] = NEVER
    cap[0, :] = NEVER
    gain[0, 0] = task.duration[v]
    tours.early[v, 0] = task.earliest[stops[0]]
    tours.bound[v, 0] = task.latest[stops[0]]
    for i in range(1, tours.length[v]):
        before, node = stops[i - 1], stops[i]
        drive = leg(task, tours, v, i - 1)
        for s in range(gain.shape[1]):
            cap[i, s] = min(cap[i - 1, s], tours.bound[v, i - 1] + gain[i - 1, s])
            gain[i, s] = gain[i - 1, s] - drive
        early = max(task.earliest[node], tours.early[v, i - 1] + drive)
        if i == tours.fixed[v] + 1:
            early = max(early, tours.ready[v] + drive - task.service[before])
        tours.early[v, i] = early
        bound = alight(task, tours, v, node, gain[i], cap[i])
        tours.bound[v, i] = bound
        if tours.early[v, i] > bound + SAME:
            return False
    return True


@compiled
def alight(task: Task, tours: Tours, v: int, node: int, gain: Floats, cap: Floats) -> float:
    """Let the node's passenger on or off in the labels `gain` and `cap`; the latest start of service, or -NEVER."""
    n = len(task.ride)
    slot = -1
    if node < n:
        gain[tours.slot[node]] = task.ride[node] + task.service[node]
        cap[tours.slot[node]] = NEVER
    elif node < 2 * n:
        slot = tours.slot[node - n]
    elif node == tours.stops[v, tours.length[v] - 1]:
        slot = 0
    bound = task.latest[node]
    if slot >= 0:
        bound = min(bound, cap[slot]) if gain[slot] > -SAME else -NEVER
        gain[slot] = NEVER
        cap[slot] = NEVER
    return float(bound)


@compiled
def _backward(task: Task, tours: Tours, v: int) -> bool:
    n = len(task.ride)
    stops, ahead, least, last = tours.stops[v], tours.ahead[v], tours.least[v], tours.length[v] - 1
    ahead[last, :] = -NEVER
    least[last, :] = -NEVER
    ahead[last, 0] = 0.0
    tours.late[v, last] = task.latest[stops[last]]
    tours.floor[v, last] = tours.early[v, last] if last == tours.fixed[v] + 1 else task.earliest[stops[last]]
    for i in range(last - 1, -1, -1):
        node = stops[i]
        drive = leg(task, tours, v, i)
        for s in range(ahead.shape[1]):
            least[i, s] = max(least[i + 1, s], tours.floor[v, i + 1] + ahead[i + 1, s])
            ahead[i, s] = ahead[i + 1, s] + drive
        tours.late[v, i] = min(task.latest[node], tours.late[v, i + 1] - drive)
        floor = task.earliest[node]
        if i == tours.fixed[v] + 1:
            floor = max(floor, tours.early[v, i])
        if n <= node < 2 * n:
            ahead[i, tours.slot[node - n]] = 0.0
            least[i, tours.slot[node - n]] = -NEVER
        elif node < n or i == 0:
            slot = tours.slot[node] if node < n else 0
            most = task.ride[node] + task.service[node] if node < n else task.duration[v]
            if ahead[i, slot] > most + SAME:
                return False
            floor = max(floor, least[i, slot] - most)
            ahead[i, slot] = -NEVER
            least[i, slot] = -NEVER
        tours.floor[v, i] = floor
        if tours.late[v, i] < floor - SAME:
            return False
    return True


@compiled
def timetable(task: Task, tours: Tours, v: int, starts: Floats) -> None:
    """Write the earliest starts of service that keep every window and every ride time into `starts`.

    Where a minute's ride is priced above a minute's wait, pickups are then moved as late as the stops behind them
    allow without moving (riders wait at home, not on the bus).
    """
    stops, count = tours.stops[v], tours.length[v]
    starts[0] = max(task.earliest[stops[0]], tours.floor[v, 0])
    for i in range(1, count):
        starts[i] = max(starts[i - 1] + leg(task, tours, v, i - 1), tours.floor[v, i])
    if task.weights[2] <= task.weights[1]:
        return
    for i in range(count - 2, tours.fixed[v], -1):
        if stops[i] < len(task.ride):
            starts[i] = max(
                starts[i], min(starts[i + 1] - minutes(task, stops[i], stops[i + 1]), task.latest[stops[i]])
            )


@compiled
def last_timetable(task: Task, tours: Tours, v: int, starts: Floats) -> None:
    """Write the latest starts of service that keep every window and every ride time into `starts`."""
    last = tours.length[v] - 1
    starts[last] = tours.bound[v, last]
    for i in range(last - 1, -1, -1):
        starts[i] = min(starts[i + 1] - leg(task, tours, v, i), tours.bound[v, i])


@compiled
def comfort(task: Task, tours: Tours, v: int) -> float:
    """The price of the riders' waiting and riding in vehicle `v`, by its timetable. Linear in the tour's length."""
    n = len(task.ride)
    starts = np.empty(tours.length[v])
    timetable(task, tours, v, starts)
    total = 0.0
    for i in range(tours.length[v]):
        node = tours.stops[v, i]
        if node < n:
            total += task.weights[1] * (starts[i] - task.earliest[node])
            total -= task.weights[2] * (starts[i] + task.service[node])
        elif node < 2 * n:
            total += task.weights[2] * starts[i]
    return total
