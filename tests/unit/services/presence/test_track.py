"""Presence: one result whatever the order, and the rules by which a family is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Invalid
from schemas.detection import Detection
from services.presence.places import Fences, circle, distance_m, read_polygon
from services.presence.track import (
    Cell,
    Happening,
    State,
    Step,
    Watch,
    cell_of,
    fold,
    join,
    standing,
)

T0 = datetime(2026, 11, 23, 22, 45, tzinfo=UTC)
HOME, GATE, PARK, STATION = (134.8400, 34.7600), (134.8450, 34.7600), (134.8425, 34.7600), (134.8950, 34.7600)
PLACES = {"home": HOME, "gate": GATE, "park": PARK, "station": STATION}
FENCES = Fences({"home": read_polygon(circle(HOME, 80)), "school": read_polygon(circle(GATE, 80))})
WATCH = Watch(FENCES, 60, 900)


def seen(at: float, where: str, rssi: int = -70, battery: float | None = None) -> Detection:
    """A detection `at` seconds after the start."""
    return Detection(
        device=where,
        tag="t",
        epoch=1,
        observed_at=T0 + timedelta(seconds=at),
        rssi=rssi,
        place=PLACES[where],
        accuracy=50.0,
        battery=battery,
    )


def cells_of(detections: Iterable[Detection]) -> list[Cell]:
    cells: dict[tuple[int, str], Cell] = {}
    for one in detections:
        cell = cell_of(one, 60)
        key = (cell.window, cell.detector)
        cells[key] = join(cells[key], cell) if key in cells else cell
    return list(cells.values())


def steps(*detections: Detection, watch: Watch = WATCH) -> list[Step]:
    return fold(State(), cells_of(detections), watch)


def told(found: Sequence[Step]) -> list[tuple[str, str]]:
    return [(happening.kind, happening.place) for step in found for happening in step.happenings]


traces = st.lists(
    st.builds(
        seen,
        st.integers(0, 3600),
        st.sampled_from(sorted(PLACES)),
        st.integers(-95, -40),
        st.none() | st.integers(0, 100).map(float),
    ),
    min_size=1,
    max_size=40,
)


@given(traces, st.data())
def test_any_order_and_any_repetition_of_a_trace_end_in_the_same_presence(
    trace: list[Detection], data: st.DataObject
) -> None:
    again = data.draw(st.permutations(trace + data.draw(st.lists(st.sampled_from(trace), max_size=10))))
    assert steps(*again) == steps(*trace)


@given(traces, st.integers(0, 3600))
def test_a_fold_that_goes_on_from_a_checkpoint_is_the_whole_fold(trace: list[Detection], cut: int) -> None:
    cells = cells_of(trace)
    window = int((T0 + timedelta(seconds=cut)).timestamp()) // 60
    before = fold(State(), [cell for cell in cells if cell.window < window], WATCH)
    state = before[-1].state if before else State()
    after = fold(state, [cell for cell in cells if cell.window >= window], WATCH)
    assert [*before, *after] == fold(State(), cells, WATCH)


def test_a_child_goes_to_school() -> None:
    walk = [seen(0, "home"), seen(60, "home"), seen(240, "park"), seen(480, "gate"), seen(490, "gate", -60)]
    found = steps(*walk)
    assert told(found) == [("enter", "home"), ("leave", "home"), ("enter", "school")]
    assert found[-1].happenings[0].at == T0 + timedelta(seconds=490)
    assert standing(found[-1].state, T0 + timedelta(seconds=500), WATCH).status == "at-place"
    later = standing(found[-1].state, T0 + timedelta(seconds=490 + 901), WATCH)
    assert (later.status, later.since, later.places) == ("unseen", T0 + timedelta(seconds=490), ("school",))


def test_a_stay_counts_only_after_its_dwell() -> None:
    patient = WATCH._replace(dwell_s=120.0)
    passing = steps(seen(0, "park"), seen(120, "gate"), seen(240, "park"), watch=patient)
    assert told(passing) == []
    staying = steps(seen(0, "park"), seen(120, "gate"), seen(180, "gate"), seen(240, "gate"), watch=patient)
    (enter,) = [happening for step in staying for happening in step.happenings]
    assert enter == Happening(kind="enter", window=enter.window, at=T0 + timedelta(seconds=120), place="school")


def test_the_nearest_detector_stays_while_no_other_is_clearly_better() -> None:
    weaker = steps(seen(0, "gate", -70), seen(60, "gate", -70), seen(61, "park", -66))
    assert weaker[-1].state.detector == "gate"
    better = steps(seen(0, "gate", -70), seen(60, "gate", -80), seen(61, "park", -50))
    assert better[-1].state.detector == "park"


def test_nobody_goes_five_kilometres_in_ten_seconds() -> None:
    assert 4_500 < distance_m(GATE, STATION) < 5_500
    found = steps(seen(55, "gate"), seen(65, "station"))
    assert told(found)[-1] == ("impossible-speed", "")
    assert (found[-1].state.place, found[-1].state.doubt) == (GATE, T0 + timedelta(seconds=65))
    drive = steps(seen(0, "gate"), seen(600, "station"))
    assert drive[-1].state.place == STATION


def test_one_id_at_two_far_places_at_once_is_a_copy() -> None:
    found = steps(seen(0, "gate"), seen(60, "gate"), seen(62, "station", -40))
    assert told(found)[-1] == ("spoofed", "")
    assert found[-1].state.place == GATE


def test_a_low_battery_is_told_once() -> None:
    found = steps(*(seen(60 * i, "park", battery=b) for i, b in enumerate([30.0, 20.0, 22.0, 19.0, 80.0, 15.0])))
    assert told(found) == [("battery-low", ""), ("battery-low", "")]


def test_the_edge_of_a_place_does_not_flicker() -> None:
    edge = (HOME[0] + 95 / (111_195 * 0.8216), HOME[1])
    assert FENCES.at(edge) == {"home": False}
    assert FENCES.at(HOME) == {"home": True}
    assert FENCES.at(STATION) == {}
    assert FENCES.inside([HOME, STATION, GATE]) == [(0, "home"), (2, "school")]


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[34, 134], [34.1, 134], [34.1, 134.1], [34, 134]]]},
        {"type": "Polygon", "coordinates": [[[130, 30], [140, 30], [140, 40], [130, 30]]]},
        {"type": "Polygon", "coordinates": [[["x", 0], [1, 0], [1, 1], ["x", 0]]]},
    ],
)
def test_a_place_that_is_none_is_refused(document: object) -> None:
    with pytest.raises(Invalid) as refused:
        read_polygon(document)
    assert refused.value.field == "polygon"
