"""Who may draw how much of a site's power, and in which steps that is told so that the limit holds meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

Sharing = Literal["fair", "need", "departure"]
Key = tuple[str, int]
"""Station and connector."""

EPSILON = 1e-6
_ROUNDS = 80
_USUAL_NEED_WH = 10_000.0
_SOON_H = 0.25


class Cap(NamedTuple):
    """A limit of some of them together, in watts: a site below a feeder, a feeder below a district."""

    limit_w: float
    keys: frozenset[Key]


class Demand(NamedTuple):
    """A vehicle that would charge. Watts; `priority` 0 is served first.

    `least_w` is below what a vehicle charges at all (6 A by IEC 61851): it gets that much or nothing. `floor_w` is what
    it is to have before anybody of its priority gets more, as far as there is room. `weight` is its part among those of
    its priority.
    """

    key: Key
    most_w: float
    least_w: float = 1200.0
    priority: int = 0
    weight: float = 1.0
    floor_w: float = 0.0


def weight_of(sharing: Sharing, need_wh: float | None, hours_left: float | None) -> float:
    """A vehicle's part: the same for all, by what it still needs, or by what it needs for each hour until it leaves."""
    need = max(need_wh if need_wh is not None else _USUAL_NEED_WH, 1.0)
    if sharing == "fair":
        return 1.0
    return need if sharing == "need" else need / max(hours_left if hours_left is not None else 8.0, _SOON_H)


def allocate(limit_w: float, demands: Iterable[Demand], within: Sequence[Cap] = ()) -> dict[Key, float]:
    """Watts for each, never more than `limit_w` together nor than any cap's; what one priority leaves goes to the next.

    Within a priority those who come first in `demands` are admitted first (pass them by how long they have waited),
    each with its least, then raised to its floor; what is left is shared by weight, up to what each can take and its
    caps allow.
    """
    shares: dict[Key, float] = {}
    left = [_Room(max(limit_w, 0.0), None), *(_Room(max(cap.limit_w, 0.0), cap.keys) for cap in within)]
    by_priority: dict[int, list[Demand]] = {}
    for demand in demands:
        shares[demand.key] = 0.0
        by_priority.setdefault(demand.priority, []).append(demand)
    for _, ranked in sorted(by_priority.items()):
        admitted: list[Demand] = []
        asking = left
        for demand in ranked:
            fits = all(room.watts >= demand.least_w for room in asking if room.holds(demand.key))
            if demand.most_w > 0 and demand.least_w <= demand.most_w and fits:
                admitted.append(demand)
                asking = [room.less({demand.key: demand.least_w}) for room in asking]
        given = _fill(left, _floored(asking, admitted))
        shares.update(given)
        left = [room.less(given) for room in left]
    return shares


def steps(
    limit_w: float,
    targets: Mapping[Key, float],
    drawing: Mapping[Key, float],
    least_w: float,
    within: Sequence[Cap] = (),
) -> dict[Key, float]:
    """What to tell now: every lowering at once, and raisings only as far as there is room already.

    `drawing` is what each may draw at present at the most: its limit, or a higher one from before until the station has
    followed. So the limit holds while some are still to hear of it. Raisings in the order of `targets`.
    """
    told: dict[Key, float] = {}
    rooms = [_Room(limit_w, None), *(_Room(cap.limit_w, cap.keys) for cap in within)]
    rooms = [room.less(drawing) for room in rooms]
    for key, target in targets.items():
        if target < drawing.get(key, 0.0) - EPSILON:
            told[key] = target
    for key, target in targets.items():
        now = drawing.get(key, 0.0)
        room = min(each.watts for each in rooms if each.holds(key))
        if target > now + EPSILON and room > EPSILON:
            raised = min(target, now + room)
            if raised >= min(least_w, target) - EPSILON:
                told[key] = raised
                rooms = [each.less({key: raised - now}) for each in rooms]
    return told


class _Room(NamedTuple):
    """What is left of a limit; `keys` None: everybody's."""

    watts: float
    keys: frozenset[Key] | None

    def holds(self, key: Key) -> bool:
        return self.keys is None or key in self.keys

    def less(self, given: Mapping[Key, float]) -> _Room:
        return self._replace(watts=self.watts - sum(watts for key, watts in given.items() if self.holds(key)))


def _floored(rooms: Sequence[_Room], admitted: Sequence[Demand]) -> list[Demand]:
    """Those admitted, the least of each raised to its floor as far as what is left of the rooms allows, in order."""
    raised = []
    for demand in admitted:
        room = min(each.watts for each in rooms if each.holds(demand.key))
        more = max(min(demand.floor_w, demand.most_w, demand.least_w + room) - demand.least_w, 0.0)
        rooms = [each.less({demand.key: more}) for each in rooms]
        raised.append(demand._replace(least_w=demand.least_w + more))
    return raised


def _fill(rooms: Sequence[_Room], admitted: Sequence[Demand]) -> dict[Key, float]:
    """Shares by weight between each one's least and most, each as near below its rooms as they can take.

    The level rises for all until a room is full; those in it stay where they are, and it rises on for the others.
    """
    given: dict[Key, float] = {}
    rising = list(admitted)
    while rising:
        left = [room.less(given) for room in rooms]
        low, high = 0.0, max(each.most_w / each.weight for each in rising)
        if not _full(left, rising, high):
            return given | {each.key: each.most_w for each in rising}
        for _ in range(_ROUNDS):
            middle = (low + high) / 2
            if _full(left, rising, middle):
                high = middle
            else:
                low = middle
        full = _full(left, rising, high)
        stay = [each for each in rising if any(room.holds(each.key) for room in full)]
        given |= {each.key: _share(each, low) for each in stay}
        rising = [each for each in rising if each.key not in given]
    return given


def _full(rooms: Sequence[_Room], rising: Sequence[Demand], level: float) -> list[_Room]:
    """The rooms that are too small for what those in them take at a level. One with none of them in it is none."""
    found = []
    for room in rooms:
        taken = [_share(each, level) for each in rising if room.holds(each.key)]
        if taken and sum(taken) > room.watts:
            found.append(room)
    return found


def _share(demand: Demand, level: float) -> float:
    return min(max(level * demand.weight, demand.least_w), demand.most_w)
