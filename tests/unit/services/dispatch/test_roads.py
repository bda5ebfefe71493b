"""Closed ground: what is read, which stops it closes, and how far the way around is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from broker.errors import Invalid
from services.dispatch.roads import EARTH_KM, Road, further, geometry, in_force, outlines, read_geometry
from services.dispatch.values import Stop

KM = 1 / math.radians(1.0) / EARTH_KM
"""A kilometre in degrees of latitude; on the equator in degrees of longitude too."""


def stop(name: str, east: float, north: float) -> Stop:
    return Stop(name, name, east * KM, north * KM)


def road(*points: tuple[float, float], area: bool = False, because: str | None = "崩落", by: str | None = None) -> Road:
    return Road("r", "県道", area, tuple((x * KM, y * KM) for x, y in points), because, by)


WEST, EAST, NORTH = stop("w", -2.0, 0.0), stop("e", 2.0, 0.0), stop("n", -2.0, 3.0)
WALL = road((0.0, -1.0), (0.0, 1.0))


def test_a_line_is_gone_around_at_its_end() -> None:
    added = further([WEST, EAST, NORTH], [WALL])
    around = 2 * math.hypot(2.0, 1.0)
    assert added[0, 1] == pytest.approx(around - 4.0, abs=0.1)
    assert added[1, 0] == added[0, 1]
    assert (added[0, 2], added[1, 2]) == (0.0, 0.0)


def test_two_closures_that_overlap_leave_no_gap_between_them() -> None:
    both = further([WEST, EAST], [WALL, road((0.0, 0.5), (0.0, 4.0))])
    assert both[0, 1] == pytest.approx(2 * math.hypot(2.0, 1.0) - 4.0, abs=0.1)


def test_the_way_around_an_area_touches_two_of_its_corners() -> None:
    square = road((-1, -3), (1, -3), (1, 1), (-1, 1), (-1, -3), area=True)
    assert further([WEST, EAST], [square])[0, 1] == pytest.approx(2 * math.hypot(1, 1) + 2 - 4, abs=0.1)


def test_a_stop_within_a_ring_is_reached_by_nobody() -> None:
    ring = road((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    added = further([stop("middle", 0.0, 0.0), EAST, WEST], [ring])
    assert np.isinf(added[0, 1])
    assert np.isfinite(added[1, 2])


def test_ways_are_shortest_so_no_detour_pays() -> None:
    """The planner skips gaps on that ground."""
    chance = np.random.default_rng(3)
    stops = [stop(str(i), *chance.uniform(-4, 4, 2)) for i in range(25)]
    closed = [WALL, road((-2, -2), (2, -2.5), (1, -1.5), (-2, -2), area=True)]
    xy = np.array([(s.longitude, s.latitude) for s in stops]) / KM
    way = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) + further(stops, closed)
    assert (way[:, :, None] <= way[:, None, :] + way.T[None, :, :] + 1e-6).all()


def test_ground_with_many_corners_is_gone_around_all_the_same() -> None:
    circle = [(math.cos(i / 50 * math.pi), math.sin(i / 50 * math.pi)) for i in range(100)]
    added = further([WEST, EAST], [road(*circle, circle[0], area=True)])
    assert added[0, 1] == pytest.approx(2 * math.sqrt(3.0) + math.pi / 3 - 4, abs=0.1)


def test_a_stop_on_closed_ground_is_closed_and_its_depot_can_be_left() -> None:
    pond = road((1, -1), (3, -1), (3, 1), (1, 1), (1, -1), area=True)
    stops, closed = in_force([WEST, EAST], [pond], later=False)
    assert [(s.closed_because, s.closed_by) for s in stops] == [(None, None), ("崩落", "r")]
    assert further(stops, closed)[0, 1] == 0.0


def test_what_a_gauge_closed_is_open_on_later_days_and_what_a_person_closed_is_not() -> None:
    flooded = Stop("f", "f", 0.1, 0.1, "増水", "urn:gauge")
    works = Stop("g", "g", 0.1, 0.1, "工事", None)
    by_gauge, by_person = road((0, 0), (1, 1), by="urn:gauge"), road((0, 0), (1, 0))
    stops, closed = in_force([flooded, works], [by_gauge, by_person], later=True)
    assert [s.closed_because for s in stops] == [None, "工事"]
    assert closed == (by_person,)
    assert in_force([flooded], [by_gauge], later=False) == ((flooded,), (by_gauge,))


def test_a_router_is_told_of_areas_as_they_are_and_of_lines_as_strips() -> None:
    area = road((0, 0), (1, 0), (1, 1), (0, 0), area=True)
    rings = outlines([area, WALL])
    assert rings[0] == [list(point) for point in area.points]
    east = [x / KM for x, _ in rings[1]]
    assert (min(east), max(east)) == (pytest.approx(-0.015, abs=1e-4), pytest.approx(0.015, abs=1e-4))


def test_geometry_is_read_and_written_as_geojson() -> None:
    given = {"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]}
    area, points = read_geometry(given)
    assert geometry(Road("r", "r", area, points)) == given
    assert read_geometry({"type": "LineString", "coordinates": [[0, 0], [1, 2]]}) == (False, ((0.0, 0.0), (1.0, 2.0)))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"type": "Point", "coordinates": [0, 0]}, "LineString"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "2 points"),
        ({"type": "LineString", "coordinates": [[0, 0], [0, 0]]}, "draw it"),
        ({"type": "LineString", "coordinates": [[35.9, 136.2], [35.8, 136.2]]}, "longitude comes first"),
        ({"type": "LineString", "coordinates": None}, "2 points"),
        ({"type": "LineString", "coordinates": [[0, "x"], [1, 1]]}, "pairs"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "crossings"),
        ({"type": "Polygon", "coordinates": [[], []]}, "no holes"),
        ({}, "LineString"),
    ],
)
def test_what_is_no_road_is_refused_by_its_field(given: dict[str, object], why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        read_geometry(given)
    assert refused.value.field == "geometry"
