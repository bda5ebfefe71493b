"""Where the wearer of a tag was and is: a fold over what detectors heard. Pure; any order of arrival, one result.

What the detectors hear of a tag in one window (a minute) is one `Cell` per detector, and two accounts of the same
cell are joined by `join`, which is commutative, associative and idempotent. So late, repeated and reordered reports
end in the same set of cells, and the fold over it, window by window, in the same presence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import msgspec

from schemas.detection import Detection
from services.presence.places import Fences, Lonlat, distance_m

FASTEST_MS = 45.0
"""Metres a second (162 km/h) that no wearer goes faster than; two detections that ask for more are not both true."""
NEARER_DB = 6.0
"""By how much another detector must be heard better before it counts as the nearest."""
_SMOOTHING = 0.5
_REMEMBERED_WINDOWS = 3
_STAYING_M, _STAYING_S = 100.0, 180.0
_BATTERY_LOW, _BATTERY_WELL = 20.0, 25.0


class Cell(NamedTuple):
    """What one detector heard of one tag in one window: the best of it, when it began and ended, the battery."""

    window: int
    detector: str
    rssi: int
    at: datetime
    lon: float
    lat: float
    accuracy: float
    first_at: datetime
    last_at: datetime
    battery: float | None = None
    battery_at: datetime | None = None
    flags: tuple[str, ...] = ()


def cell_of(seen: Detection, window_s: int) -> Cell:
    """One detection as a cell."""
    window = int(seen.observed_at.timestamp()) // window_s
    battery_at = seen.observed_at if seen.battery is not None else None
    at = seen.observed_at
    return Cell(
        window, seen.device, seen.rssi, at, *seen.place, seen.accuracy, at, at, seen.battery, battery_at, seen.flags
    )


def join(a: Cell, b: Cell) -> Cell:
    """Two accounts of one cell as one: the strongest signal (the earliest, where equal), the whole span, all flags."""
    best = max(a, b, key=lambda one: (one.rssi, -one.at.timestamp(), one.lon, one.lat, -one.accuracy))
    charge = max(a, b, key=_charge)
    return best._replace(
        first_at=min(a.first_at, b.first_at),
        last_at=max(a.last_at, b.last_at),
        battery=charge.battery,
        battery_at=charge.battery_at,
        flags=tuple(sorted({*a.flags, *b.flags})),
    )


def _charge(cell: Cell) -> tuple[float, float]:
    if cell.battery is None or cell.battery_at is None:
        return 0.0, 0.0
    return cell.battery_at.timestamp(), -cell.battery


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a family may want to know. `window` is when it was decided, `at` when it happened."""

    kind: str
    window: int
    at: datetime
    place: str = ""


class State(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where a tag is after all windows up to `window`. `inside` tells since when it is in which places.

    `pending` are changes that wait for their dwell: for each place whether it is being entered, and since when.
    `anchor` is the last place it stayed near, `moved_at` when it left the one before. `doubt` is the last time at which
    a detection could not be true (too fast, or at two far places at once), None if none was.
    """

    window: int = -1
    at: datetime | None = None
    place: Lonlat | None = None
    accuracy: float = 0.0
    detector: str = ""
    signals: dict[str, tuple[float, int]] = {}
    inside: dict[str, datetime] = {}
    pending: dict[str, tuple[bool, datetime]] = {}
    anchor: Lonlat | None = None
    moved_at: datetime | None = None
    battery: float | None = None
    battery_low: bool = False
    doubt: datetime | None = None


class Watch(NamedTuple):
    """What a tag's family watches: its places, how long a stay counts, and how long a window is (seconds)."""

    fences: Fences
    window_s: int
    unseen_after_s: int
    dwell_s: float = 0.0


class Step(NamedTuple):
    """One window folded: the state after it and what happened in it."""

    state: State
    happenings: tuple[Happening, ...]


def fold(state: State, cells: Iterable[Cell], watch: Watch) -> list[Step]:
    """Fold cells, each later than `state`, window by window; in whatever order they come."""
    steps: list[Step] = []
    for _, group in groupby(sorted(cells, key=lambda one: (one.window, one.detector)), key=lambda one: one.window):
        steps.append(step(state, list(group), watch))
        state = steps[-1].state
    return steps


def step(state: State, cells: Sequence[Cell], watch: Watch) -> Step:
    """One window's cells, one for each detector."""
    window = cells[0].window
    signals = _smoothed(state, cells, window, watch)
    believed = [cell for cell in cells if _possible(state, cell)]
    chosen = _nearest(believed, signals, state.detector)
    amiss: list[Happening] = []
    if two := _far_apart(cells):
        amiss.append(Happening(kind="spoofed", window=window, at=two))
    elif len(believed) < len(cells):
        wrong = next(cell for cell in cells if cell not in believed)
        amiss.append(Happening(kind="impossible-speed", window=window, at=wrong.at))
    if amiss:
        state = msgspec.structs.replace(state, doubt=amiss[0].at)
    if chosen is None:
        return Step(msgspec.structs.replace(state, window=window), tuple(amiss))
    moved = _moved(state, chosen, signals, max(cell.last_at for cell in believed if cell == chosen))
    fenced, crossings = _crossed(moved, chosen, watch)
    charged, low = _charged(fenced, believed, window)
    return Step(charged, (*amiss, *crossings, *low))


def _smoothed(state: State, cells: Sequence[Cell], window: int, watch: Watch) -> dict[str, tuple[float, int]]:
    """Each detector's strength as an exponential mean over the windows in which it was heard lately."""
    remembered = min(_REMEMBERED_WINDOWS, watch.unseen_after_s // watch.window_s)
    kept = {name: (mean, at) for name, (mean, at) in state.signals.items() if window - at <= remembered}
    for cell in cells:
        before = kept.get(cell.detector)
        mean = cell.rssi if before is None else before[0] + _SMOOTHING * (cell.rssi - before[0])
        kept[cell.detector] = (mean, window)
    return kept


def _nearest(cells: Sequence[Cell], signals: dict[str, tuple[float, int]], before: str) -> Cell | None:
    """The detector heard best; the one before stays while no other is clearly better."""
    best = max(cells, key=lambda one: (signals[one.detector][0], one.detector), default=None)
    same = next((cell for cell in cells if cell.detector == before), None)
    if best is None or same is None:
        return best
    return best if signals[best.detector][0] - signals[before][0] >= NEARER_DB else same


def _possible(state: State, cell: Cell) -> bool:
    if state.place is None or state.at is None:
        return True
    seconds = max(abs((cell.at - state.at).total_seconds()), 1.0)
    apart = distance_m(state.place, (cell.lon, cell.lat)) - state.accuracy - cell.accuracy
    return apart <= FASTEST_MS * seconds


def _far_apart(cells: Sequence[Cell]) -> datetime | None:
    """When a tag was heard at two places at once that nobody gets between: somebody copies its id."""
    for index, one in enumerate(cells):
        for other in cells[index + 1 :]:
            seconds = max(abs((one.at - other.at).total_seconds()), 1.0)
            apart = distance_m((one.lon, one.lat), (other.lon, other.lat)) - one.accuracy - other.accuracy
            if apart > FASTEST_MS * seconds:
                return max(one.at, other.at)
    return None


def _moved(state: State, cell: Cell, signals: dict[str, tuple[float, int]], at: datetime) -> State:
    place = (cell.lon, cell.lat)
    anchor, moved_at = state.anchor, state.moved_at
    if anchor is None or distance_m(anchor, place) > _STAYING_M:
        anchor, moved_at = place, None if anchor is None else cell.at
    return msgspec.structs.replace(
        state,
        window=cell.window,
        at=at,
        place=place,
        accuracy=cell.accuracy,
        detector=cell.detector,
        signals=signals,
        anchor=anchor,
        moved_at=moved_at,
    )


def _crossed(state: State, cell: Cell, watch: Watch) -> tuple[State, list[Happening]]:
    """Places entered and left, each after its dwell, with the margin at the edge as hysteresis."""
    assert state.place is not None, "a cell has just given one"
    near = watch.fences.at(state.place)
    inside, pending = dict(state.inside), dict(state.pending)
    happenings: list[Happening] = []
    for id in watch.fences.ids:
        wanted = _change_wanted(id in inside, near.get(id), id in near)
        if wanted is None:
            pending.pop(id, None)
            continue
        since = pending[id][1] if id in pending and pending[id][0] == wanted else cell.at
        if (cell.last_at - since).total_seconds() < watch.dwell_s:
            pending[id] = (wanted, since)
            continue
        pending.pop(id, None)
        inside.pop(id, None)
        if wanted:
            inside[id] = since
        happenings.append(Happening(kind="enter" if wanted else "leave", window=cell.window, at=since, place=id))
    known = set(watch.fences.ids)
    inside = {id: since for id, since in inside.items() if id in known}
    pending = {id: change for id, change in pending.items() if id in known}
    return msgspec.structs.replace(state, inside=inside, pending=pending), happenings


def _change_wanted(was_inside: bool, covered: bool | None, near: bool) -> bool | None:
    """True to enter, False to leave, None to stay as it is."""
    if was_inside:
        return None if near else False
    return True if covered else None


def _charged(state: State, cells: Sequence[Cell], window: int) -> tuple[State, list[Happening]]:
    told = max((cell for cell in cells if cell.battery is not None), key=_charge, default=None)
    if told is None or told.battery is None:
        return state, []
    low = told.battery <= _BATTERY_LOW or (state.battery_low and told.battery < _BATTERY_WELL)
    begins = [Happening(kind="battery-low", window=window, at=told.battery_at or told.at)] if low else []
    new = begins if not state.battery_low else []
    return msgspec.structs.replace(state, battery=told.battery, battery_low=low), new


class Standing(NamedTuple):
    """What is said of a tag now: `at-place`, `staying`, `moving`, `unseen` since `since`, or `unknown`."""

    status: str
    since: datetime | None
    places: tuple[str, ...]


def standing(state: State, now: datetime, watch: Watch) -> Standing:
    """Presence at `now`: after `unseen_after_s` without a sighting it is unseen since the last one."""
    if state.at is None:
        return Standing("unknown", None, ())
    places = tuple(sorted(state.inside))
    if (now - state.at).total_seconds() > watch.unseen_after_s:
        return Standing("unseen", state.at, places)
    if places:
        return Standing("at-place", max(state.inside[id] for id in places), places)
    moving = state.moved_at is not None and (state.at - state.moved_at).total_seconds() < _STAYING_S
    return Standing("moving" if moving else "staying", state.moved_at or state.at, ())


def window_start(window: int, window_s: int) -> datetime:
    """When a window begins."""
    return datetime.fromtimestamp(window * window_s, UTC)
