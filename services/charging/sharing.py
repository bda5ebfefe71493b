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


class Demand(NamedTuple):
    """A vehicle that would charge. Watts; `priority` 0 is served first.

    `least_w` is below what a vehicle charges at all (6 A by IEC 61851): it gets that much or nothing. `weight` is its
    part among those of its priority.
    """

    key: Key
    most_w: float
    least_w: float = 1200.0
    priority: int = 0
    weight: float = 1.0


def weight_of(sharing: Sharing, need_wh: float | None, hours_left: float | None) -> float:
    """A vehicle's part: the same for all, by what it still needs, or by what it needs for each hour until it leaves."""
    need = max(need_wh if need_wh is not None else _USUAL_NEED_WH, 1.0)
    if sharing == "fair":
        return 1.0
    return need if sharing == "need" else need / max(hours_left if hours_left is not None else 8.0, _SOON_H)


def allocate(limit_w: float, demands: Iterable[Demand]) -> dict[Key, float]:
    """Watts for each, never more than `limit_w` together; what one priority leaves goes to the next.

    Within a priority those who come first in `demands` are admitted first (pass them by how long they have waited),
    each with its least; what is left is shared by weight, up to what each can take.
    """
    shares: dict[Key, float] = {}
    left = max(limit_w, 0.0)
    by_priority: dict[int, list[Demand]] = {}
    for demand in demands:
        shares[demand.key] = 0.0
        by_priority.setdefault(demand.priority, []).append(demand)
    for _, ranked in sorted(by_priority.items()):
        admitted: list[Demand] = []
        asked = 0.0
        for demand in ranked:
            if demand.most_w > 0 and demand.least_w <= demand.most_w and asked + demand.least_w <= left:
                admitted.append(demand)
                asked += demand.least_w
        given = _fill(left, admitted)
        shares.update(given)
        left = max(left - sum(given.values()), 0.0)
    return shares


def steps(
    limit_w: float, targets: Mapping[Key, float], drawing: Mapping[Key, float], least_w: float
) -> dict[Key, float]:
    """What to tell now: every lowering at once, and raisings only as far as there is room already.

    `drawing` is what each may draw at present at the most: its limit, or a higher one from before until the station has
    followed. So the limit holds while some are still to hear of it. Raisings in the order of `targets`.
    """
    told: dict[Key, float] = {}
    room = limit_w - sum(drawing.values())
    for key, target in targets.items():
        if target < drawing.get(key, 0.0) - EPSILON:
            told[key] = target
    for key, target in targets.items():
        now = drawing.get(key, 0.0)
        if target > now + EPSILON and room > EPSILON:
            raised = min(target, now + room)
            if raised >= min(least_w, target) - EPSILON:
                told[key] = raised
                room -= raised - now
    return told


def _fill(budget: float, admitted: Sequence[Demand]) -> dict[Key, float]:
    """Shares by weight between each one's least and most, the sum as near below `budget` as they can take."""
    if not admitted:
        return {}
    if sum(each.most_w for each in admitted) <= budget:
        return {each.key: each.most_w for each in admitted}
    low, high = 0.0, max(each.most_w / each.weight for each in admitted)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if sum(_share(each, middle) for each in admitted) <= budget:
            low = middle
        else:
            high = middle
    return {each.key: _share(each, low) for each in admitted}


def _share(demand: Demand, level: float) -> float:
    return min(max(level * demand.weight, demand.least_w), demand.most_w)
