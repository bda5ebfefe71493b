"""Roads that may be closed (通行止め), and the way around them over the ground. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from broker.errors import Invalid
from services.dispatch.engine.arrays import Floats
from services.dispatch.values import Stop

EARTH_KM = 6371.0
HALF_WIDTH_KM = 0.015
"""A line closes the ground so far on both of its sides: the road itself, and a stop that stands beside it."""
CLEARANCE_KM = 0.01
"""The way around keeps so far from what is closed."""
MOST_POINTS = 500
MOST_CORNERS = 120
"""Closed ground with more corners than that is gone around as if it had no bays."""


@dataclass(frozen=True)
class Road:
    """A stretch of road (`area` False: its line) or ground (an area's border). `points` are longitude and latitude.

    `closed_because`: nobody drives there now; `closed_by`: the gauge that closed it, None for a person.
    """

    id: str
    name: str
    area: bool
    points: tuple[tuple[float, float], ...]
    closed_because: str | None = None
    closed_by: str | None = None


def read_geometry(geometry: Mapping[str, Any]) -> tuple[bool, tuple[tuple[float, float], ...]]:
    """`area` and `points` of a GeoJSON LineString or Polygon without holes. Raises `Invalid` for the field geometry."""
    kind, given = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("LineString", "Polygon"):
        raise Invalid("a GeoJSON LineString (a road) or Polygon (an area) is expected", field="geometry")
    if kind == "Polygon":
        if not isinstance(given, list) or len(given) != 1:
            raise Invalid("an area has one border and no holes", field="geometry")
        given = given[0]
    try:
        points = tuple((float(longitude), float(latitude)) for longitude, latitude, *_ in given or ())
    except (TypeError, ValueError) as error:
        raise Invalid("coordinates are pairs of longitude and latitude", field="geometry") from error
    if any(not (-180 <= x <= 180 and -90 <= y <= 90) for x, y in points):
        raise Invalid("longitude comes first and lies within ±180, latitude within ±90", field="geometry")
    if not (4 if kind == "Polygon" else 2) <= len(points) <= MOST_POINTS:
        raise Invalid(
            f"a road has 2 points, an area 4 (the last is the first), and {MOST_POINTS} at most", field="geometry"
        )
    shape = shapely.Polygon(points) if kind == "Polygon" else shapely.LineString(points)
    if not shape.is_valid or len(set(points)) < 2:
        raise Invalid(f"{shapely.is_valid_reason(shape)}; draw it without crossings", field="geometry")
    return kind == "Polygon", points


def geometry(road: Road) -> dict[str, Any]:
    """The road as GeoJSON."""
    points = [list(point) for point in road.points]
    return {"type": "Polygon", "coordinates": [points]} if road.area else {"type": "LineString", "coordinates": points}


def in_force(stops: Sequence[Stop], roads: Sequence[Road], later: bool) -> tuple[tuple[Stop, ...], tuple[Road, ...]]:
    """The stops as they are closed, and the roads that are, on a day (`later`: one that is not yet).

    A stop on closed ground is closed. What a gauge closed is open again on later days, as far as anybody knows.
    """
    standing = tuple(r for r in roads if r.closed_because is not None and not (later and r.closed_by is not None))
    if later:
        stops = [replace(s, closed_because=None, closed_by=None) if s.closed_by is not None else s for s in stops]
    return tuple(shut(stops, standing)), standing


def shut(stops: Sequence[Stop], closed: Sequence[Road]) -> Sequence[Stop]:
    """The stops, closed where they stand on closed ground."""
    if not closed or not stops:
        return stops
    ground = _Ground(tuple((s.longitude, s.latitude) for s in stops), tuple((r.area, r.points) for r in closed))
    found = list(stops)
    for road, inside in zip(closed, ground.inside(), strict=True):
        for i in np.flatnonzero(inside):
            if found[i].closed_because is None:
                found[i] = replace(found[i], closed_because=road.closed_because, closed_by=road.id)
    return found


def outlines(closed: Sequence[Road]) -> list[list[list[float]]]:
    """The closed ground as rings of longitude and latitude, for routers that are told what to avoid."""
    rings = []
    for road in closed:
        if road.area:
            rings.append([list(point) for point in road.points])
        else:
            plane = Plane(road.points)
            strip = shapely.LineString(plane.kilometres(road.points)).buffer(HALF_WIDTH_KM, **_SQUARE)
            rings += [plane.degrees(np.asarray(part.exterior.coords)).tolist() for part in _parts(strip)]
    return rings


def further(stops: Sequence[Stop], closed: Sequence[Road]) -> Floats:
    """(P, P) kilometres that the way around closed ground is longer than the straight line; inf where there is none.

    Ground on which a stop itself stands does not hold up the bus there: a depot can be left, and riders are not
    fetched from such a stop anyway (see `shut`).
    """
    if not closed:
        return np.zeros((len(stops), len(stops)))
    return _further(tuple((s.longitude, s.latitude) for s in stops), tuple((r.area, r.points) for r in closed))


_SQUARE: dict[str, Any] = {"cap_style": "square", "join_style": "mitre"}
_Points = tuple[tuple[float, float], ...]


class Plane:
    """Kilometres east and north, around the middle of some points."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._middle = np.mean(np.asarray(points), axis=0)
        east = np.radians(1.0) * EARTH_KM * np.cos(np.radians(self._middle[1]))
        self._scale = np.array([east, np.radians(1.0) * EARTH_KM])

    def kilometres(self, points: Sequence[tuple[float, float]]) -> Floats:
        """(n, 2) of degrees."""
        return np.asarray((np.asarray(points, np.float64).reshape(-1, 2) - self._middle) * self._scale)

    def degrees(self, points: Floats) -> Floats:
        """The inverse of `kilometres`."""
        return np.asarray(points / self._scale + self._middle)


class _Ground:
    """Stops and closed ground in one plane."""

    def __init__(self, stops: _Points, closed: tuple[tuple[bool, _Points], ...]) -> None:
        plane = Plane(stops)
        self.stops = plane.kilometres(stops)
        shapes = [(area, plane.kilometres(points)) for area, points in closed]
        self.closed = [
            shapely.Polygon(points) if area else shapely.LineString(points).buffer(HALF_WIDTH_KM, **_SQUARE)
            for area, points in shapes
        ]

    def inside(self) -> list[np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
        """For each closed ground, which stops stand on it."""
        return [shapely.contains_xy(ground, self.stops[:, 0], self.stops[:, 1]) for ground in self.closed]


@lru_cache(maxsize=16)
def _further(stops: _Points, closed: tuple[tuple[bool, _Points], ...]) -> Floats:
    """Shortest ways over the stops and the corners of the closed ground, along lines that do not cross it."""
    ground = _Ground(stops, closed)
    pieces = _parts(shapely.union_all(ground.closed))
    nodes = np.concatenate([ground.stops, _corners(pieces)])
    apart = np.hypot(*(nodes[:, None, :] - nodes[None, :, :]).transpose(2, 0, 1))
    way = np.where(_seen(nodes, pieces), apart, np.inf)
    for k in range(len(stops), len(nodes)):
        way = np.minimum(way, way[:, k, None] + way[k])
    count = len(stops)
    found: Floats = way[:count, :count] - apart[:count, :count]
    found.setflags(write=False)
    return found


def _seen(nodes: Floats, pieces: Sequence[BaseGeometry]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which nodes see each other over all pieces but those that they stand on."""
    one, other = np.triu_indices(len(nodes), 1)
    lines = shapely.linestrings(np.stack([nodes[one], nodes[other]], axis=1))
    blocked = np.zeros(len(one), np.bool_)
    for piece in pieces:
        shapely.prepare(piece)
        inside = shapely.contains_xy(piece, nodes[:, 0], nodes[:, 1])
        blocked |= shapely.intersects(piece, lines) & ~inside[one] & ~inside[other]
    seen = np.ones((len(nodes), len(nodes)), np.bool_)
    seen[one, other] = seen[other, one] = ~blocked
    return seen


def _corners(pieces: Sequence[BaseGeometry]) -> Floats:
    """The points at which a way around turns."""
    for solid in (False, True):
        rings = [_rings(piece.convex_hull if solid else piece) for piece in pieces]
        corners = np.concatenate([np.asarray(ring.coords)[:-1] for found in rings for ring in found])
        if len(corners) <= MOST_CORNERS:
            break
    return np.asarray(corners)


def _rings(piece: BaseGeometry) -> list[BaseGeometry]:
    wide = piece.buffer(CLEARANCE_KM, join_style="mitre").simplify(CLEARANCE_KM / 2)
    return [ring for part in _parts(wide) for ring in (part.exterior, *part.interiors)]


def _parts(shape: BaseGeometry) -> list[BaseGeometry]:
    return [part for part in shapely.get_parts(shape) if not part.is_empty]
