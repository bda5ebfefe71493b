"""The allocator keeps its promises for any demands; a simulated day keeps the limit but for the time of reaction."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.charging.balancer import lineage, metered, trees
from services.charging.disaster import Emergency, Feed, feed, ruled, supply
from services.charging.plugs import NOWHERE, Node, Plug, targets_of
from services.charging.sessions import Session
from services.charging.sharing import EPSILON, Cap, Demand, Key, allocate, steps, weight_of

watts = st.floats(0, 60_000)


@st.composite
def some_demands(draw: st.DrawFn) -> list[Demand]:
    return [
        Demand(("EV", n), draw(watts), draw(st.sampled_from([0.0, 1200.0, 4000.0])), draw(st.integers(0, 3)),
               draw(st.floats(0.1, 50_000)))
        for n in range(draw(st.integers(0, 12)))
    ]  # fmt: skip


@given(watts, some_demands())
def test_never_more_than_the_limit_and_each_in_its_bounds(limit: float, demands: list[Demand]) -> None:
    shares = allocate(limit, demands)
    assert sum(shares.values()) <= limit + EPSILON
    for demand in demands:
        share = shares[demand.key]
        assert share == 0 or demand.least_w - EPSILON <= share <= demand.most_w + EPSILON


@given(watts, some_demands())
def test_nothing_is_left_over_that_somebody_could_take(limit: float, demands: list[Demand]) -> None:
    shares = allocate(limit, demands)
    left = limit - sum(shares.values())
    for demand in demands:
        share = shares[demand.key]
        if share > 0:
            assert share >= demand.most_w - 0.01 or left < 0.01
        elif demand.most_w > 0 and demand.least_w <= demand.most_w:
            assert left < max(demand.least_w, 0.01)


@given(watts, some_demands())
def test_who_comes_after_takes_nothing_from_who_comes_before(limit: float, demands: list[Demand]) -> None:
    shares = allocate(limit, demands)
    for priority in range(4):
        before = [demand for demand in demands if demand.priority <= priority]
        alone = allocate(limit, before)
        assert all(alone[demand.key] == pytest.approx(shares[demand.key], abs=0.01) for demand in before)


@st.composite
def some_caps(draw: st.DrawFn) -> list[Cap]:
    """Sites of four connectors, feeders of two sites, in any number."""
    groups = [range(4), range(4, 8), range(8, 12), range(8)]
    return [Cap(draw(watts), frozenset(("EV", n) for n in group)) for group in groups if draw(st.booleans())]


@given(watts, some_demands(), some_caps())
def test_below_a_feeder_every_limit_holds_and_nothing_is_left_over(
    limit: float, demands: list[Demand], caps: list[Cap]
) -> None:
    shares = allocate(limit, demands, caps)
    left = [(limit - sum(shares.values()), frozenset(shares))]
    left += [(cap.limit_w - sum(shares.get(key, 0.0) for key in cap.keys), cap.keys) for cap in caps]
    assert all(rest >= -EPSILON for rest, _ in left)
    for demand in demands:
        share, room = shares[demand.key], min(rest for rest, keys in left if demand.key in keys)
        if share > 0:
            assert demand.least_w - EPSILON <= share <= demand.most_w + EPSILON
            assert share >= demand.most_w - 0.01 or room < 0.01
        elif demand.most_w > 0 and demand.least_w <= demand.most_w:
            assert room < max(demand.least_w, 0.01)


def test_what_one_site_cannot_take_goes_to_its_neighbours_below_the_feeder() -> None:
    demands = [Demand(("EV", n), 6000) for n in range(3)]
    shares = allocate(12_000, demands, [Cap(2000, frozenset({("EV", 0)})), Cap(99_000, frozenset({("EV", 1)}))])
    assert shares == pytest.approx({("EV", 0): 2000, ("EV", 1): 5000, ("EV", 2): 5000})


def test_a_meter_counts_while_it_is_heard() -> None:
    now, fresh = datetime(2026, 11, 21, 3, tzinfo=UTC), timedelta(minutes=2)
    told = '{"type": "Property", "value": 4.5, "unitCode": "KWT", "observedAt": "2026-11-21T02:59:00Z"}'
    assert metered(told, now, fresh) == (4500, datetime(2026, 11, 21, 2, 59, tzinfo=UTC))
    assert metered(told, now + timedelta(minutes=2), fresh) is None
    for none in (None, '{"value": 4.5}', '{"value": true, "observedAt": "2026-11-21T02:59:00Z"}'):
        assert metered(none, now, fresh) is None


def test_sites_are_held_by_what_they_are_part_of() -> None:
    [tree] = trees({"hall": "feeder", "feeder": "district", "park": "feeder", "district": None})
    assert next(iter(tree)) == "district"
    assert tree == {
        "district": {"hall", "feeder", "park", "district"}, "feeder": {"hall", "feeder", "park"},
        "hall": {"hall"}, "park": {"park"},
    }  # fmt: skip
    assert len(trees({"a": None, "b": None})) == 2
    assert lineage("a", {"a": "b", "b": "a"}) is None


@given(st.floats(1200, 60_000), st.integers(1, 10))
def test_equals_get_the_same(limit: float, count: int) -> None:
    shares = allocate(limit, [Demand(("EV", n), 50_000, 0.0) for n in range(count)])
    assert max(shares.values()) - min(shares.values()) < 0.01


def test_need_and_departure_decide_the_parts() -> None:
    by_need = [Demand(("A", 1), 9e4, 0, weight=weight_of("need", 30_000, None)),
               Demand(("B", 1), 9e4, 0, weight=weight_of("need", 10_000, None))]  # fmt: skip
    assert allocate(40_000, by_need) == pytest.approx({("A", 1): 30_000, ("B", 1): 10_000}, rel=1e-6)
    soon, late = weight_of("departure", 10_000, 1), weight_of("departure", 10_000, 4)
    assert soon == 4 * late


@given(
    watts,
    some_demands(),
    some_caps(),
    st.dictionaries(st.tuples(st.just("EV"), st.integers(0, 11)), st.floats(0, 9000)),
)
def test_no_step_raises_the_most_that_can_be_drawn_above_the_limit(
    limit: float, demands: list[Demand], caps: list[Cap], drawing: dict[Key, float]
) -> None:
    told = steps(limit, allocate(limit, demands, caps), drawing, 1200, caps)
    most = {key: max(drawing.get(key, 0), told.get(key, 0)) for key in {*drawing, *told}}
    for cap in (Cap(limit, frozenset(most)), *caps):
        before = sum(drawing.get(key, 0) for key in cap.keys)
        assert sum(most.get(key, 0) for key in cap.keys) <= max(cap.limit_w, before) + EPSILON


def test_in_a_disaster_shelters_come_first_and_the_public_is_capped() -> None:
    rules = Emergency(public_cap_w=3000, emergency_floor_w=6000)
    demand = Demand(("A", 1), 50_000)
    assert ruled(demand, "public", rules, flooded=False).most_w == 3000
    assert ruled(demand, "public", rules, flooded=True).most_w == 0
    assert ruled(demand, "emergency", rules, flooded=False).floor_w == 6000
    order = [ruled(demand, p, rules, flooded=False).priority for p in ("emergency", "shelter", "fleet", "public")]  # type: ignore[arg-type]
    assert order == [0, 1, 2, 3]
    assert ruled(demand, "shelter", None, flooded=True) == ruled(demand, "public", None, flooded=False)


@given(watts, some_demands())
def test_a_floor_leaves_nobody_empty_handed(limit: float, demands: list[Demand]) -> None:
    demands = [demand._replace(priority=0) for demand in demands]
    floored = [demand._replace(floor_w=6000) for demand in demands]
    plain, shares = allocate(limit, demands), allocate(limit, floored)
    assert sum(shares.values()) <= limit + EPSILON
    assert all(shares[each.key] > 0 for each in demands if each.least_w > 0 and plain[each.key] > 0)


def test_two_emergency_vehicles_share_what_is_less_than_their_floors() -> None:
    first, second = (Demand(("EV", n), 50_000, floor_w=6000) for n in range(2))
    assert allocate(9000, [first, second]) == pytest.approx({first.key: 6000, second.key: 3000})
    assert allocate(5000, [first]) == pytest.approx({first.key: 5000})
    assert allocate(20_000, [first, second._replace(weight=0.01)])[second.key] >= 6000


def plug(**told: Any) -> Plug:
    base = Plug(("EV", 1), "hall", 6000, 1, "W", "public", False, True, None, 0.0, None, 0.0, False, None)
    return base._replace(**told)


def test_what_was_told_for_one_car_does_not_hold_for_the_next() -> None:
    now = datetime(2026, 11, 21, 3, tzinfo=UTC)
    car = Session(station="EV", transaction="2", connector=1, last_at=now)
    held = plug(session=car, watts=0.0, told_at=now, told_for="2", default_w=1200.0)
    assert (held.stale, held.drawing_w) == (False, 0)
    gone = held._replace(session=None)
    assert gone.stale
    another = held._replace(told_for="1")
    assert (another.stale, another.drawing_w) == (True, 1200), "the limit for whoever comes holds until then"
    assert another._replace(default_w=None).drawing_w == 6000
    assert not held._replace(told_for=None).stale, "told for whoever comes"
    booted = held._replace(booted_at=now + timedelta(seconds=1))
    assert (booted.stale, booted.drawing_w) == (True, 6000), "it may have lost what it was told"


def test_at_no_site_the_disaster_mode_alone_decides() -> None:
    now, nowhere = datetime(2026, 11, 21, 3, tzinfo=UTC), [Node(NOWHERE, math.inf, "fair", frozenset({NOWHERE}))]
    rules = Emergency(public_cap_w=2000, emergency_floor_w=5000)
    car = Session(station="EV", transaction="2", connector=1, last_at=now)
    for session in (None, car):
        here = plug(site=NOWHERE, session=session)
        for flooded, emergency, target in ((True, None, 6000), (False, rules, 2000), (True, rules, 0)):
            assert targets_of([here._replace(flooded=flooded)], nowhere, emergency, now) == {here.key: target}


def test_what_a_vehicle_can_give_a_shelter() -> None:
    given_ = supply(40, 70, 6000, 2000)
    assert given_ == (20.0, 2000, 10.0)
    assert supply(40, 10, 6000, 2000).hours == 0


REACTION, EVERY = 30, 5


class _Plug:
    """A connector of the simulated day: it follows what it is told after its own time, up to REACTION seconds."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.car_w = 0.0
        self.limit, self.told, self.follows_at = 0.0, 0.0, 0
        self.leaves_at = 0

    def live(self, now: int) -> float:
        if now >= self.follows_at:
            self.limit = self.told
        if self.car_w and now >= self.leaves_at:
            self.car_w = 0.0
        elif not self.car_w and self.rng.random() < 0.0005:
            self.car_w, self.leaves_at = self.rng.choice([3200.0, 6000.0]), now + self.rng.randint(600, 20_000)
        return min(self.car_w, self.limit)

    def tell(self, watts_: float, now: int) -> None:
        self.told, self.follows_at = watts_, now + self.rng.randint(1, REACTION)


@pytest.mark.parametrize("seed", range(2))
def test_a_day_keeps_the_limit_but_for_the_time_of_reaction(seed: int) -> None:
    """A district of 20 plugs whose limit is cut at noon and at dusk; cars come and go."""
    rng = random.Random(seed)
    plugs = {("EV", n): _Plug(rng) for n in range(20)}
    drawing: dict[Key, tuple[float, int]] = dict.fromkeys(plugs, (0.0, 0))
    over_since, longest, delivered = None, 0, 0.0
    for now in range(86_400):
        limit = 15_000.0 if 43_200 <= now < 50_000 or 64_800 <= now < 72_000 else 40_000.0
        total = sum(plug.live(now) for plug in plugs.values())
        delivered += total / 3600
        over_since = (over_since if over_since is not None else now) if total > limit + EPSILON else None
        longest = max(longest, 0 if over_since is None else now - over_since + 1)
        if now % EVERY == 0:
            demands = [Demand(key, plug.car_w) for key, plug in plugs.items() if plug.car_w]
            targets = {**dict.fromkeys(plugs, 0.0), **allocate(limit, demands)}
            held = {k: max(drawing[k][0], plugs[k].told) if now < drawing[k][1] else plugs[k].told for k in plugs}
            for key, watts_ in steps(limit, targets, held, 1200).items():
                drawing[key] = (held[key], now + REACTION)
                plugs[key].tell(watts_, now)
    assert longest <= REACTION + EVERY
    assert delivered > 100_000, "and they were charged meanwhile"


def test_what_a_shelter_could_be_fed_with() -> None:
    """Two stations, a full and an empty vehicle, and one that does not tell: the first one's 24 kWh count."""
    vehicles = [(40.0, 6000.0, 80.0), (40.0, 6000.0, 15.0), (60.0, 6000.0, None)]
    assert feed([6000, 6000], vehicles, 3000) == Feed(2, 3, 1, 24.0, 6000, 3000, 8.0)
    assert feed([6000, 6000], vehicles, 0).hours == 0
    assert feed([6000], [], 3000) == Feed(1, 0, 0, 0, 0, 3000, 0)
    assert feed([6000], [(40, 6000, 80)], 12_000).hours == 4, "no more than the station gives"
