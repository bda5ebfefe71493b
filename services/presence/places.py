"""Places on the map as polygons, asked whether a point is in them: indexed, prepared, in metres. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import shapely
from shapely import STRtree
from shapely.geometry import Point, Polygon, shape

from broker.errors import Invalid

Lonlat = tuple[float, float]
MARGIN_M = 30.0
"""How far outside a place one must be to have left it: the hysteresis of its edge."""
_METRES_PER_DEGREE = 111_195.0
_REMEMBERED = 64
_MOST_CORNERS = 2000
_LARGEST_M2 = 1e9


def distance_m(a: Lonlat, b: Lonlat) -> float:
    """Metres between two places (degrees), right to a thousandth within a prefecture."""
    east = (b[0] - a[0]) * math.cos(math.radians((a[1] + b[1]) / 2))
    return _METRES_PER_DEGREE * math.hypot(east, b[1] - a[1])


class Fences:
    """A set of places by id. The same question and places give the same answer, in whatever order they were given."""

    def __init__(self, polygons: Mapping[str, Polygon]) -> None:
        self.ids = sorted(polygons)
        middle = polygons[self.ids[0]].centroid.y if self.ids else 0.0
        self._scale = numpy.array([_METRES_PER_DEGREE * math.cos(math.radians(middle)), _METRES_PER_DEGREE])
        self._shapes = [shapely.transform(polygons[id], lambda xy: xy * self._scale) for id in self.ids]
        for one in self._shapes:
            shapely.prepare(one)
        self._tree = STRtree(self._shapes)
        self._answers: dict[Lonlat, dict[str, bool]] = {}

    def at(self, place: Lonlat) -> Mapping[str, bool]:
        """The places that the point is in (True) or within `MARGIN_M` of (False); it is well outside all others.

        Remembered, for detectors stand still and ask for the same point at every sighting.
        """
        if not self.ids:
            return {}
        answer = self._answers.get(place)
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[place] = self._ask(place)
        return answer

    def _ask(self, place: Lonlat) -> dict[str, bool]:
        point = Point(place[0] * self._scale[0], place[1] * self._scale[1])
        near = self._tree.query(point, predicate="dwithin", distance=MARGIN_M)
        return {self.ids[index]: bool(self._shapes[index].covers(point)) for index in sorted(near)}

    def inside(self, places: Sequence[Lonlat]) -> list[tuple[int, str]]:
        """Of many points at once, each (index, place) where the point is in the place."""
        points = shapely.points(numpy.asarray(places) * self._scale)
        found = self._tree.query(points, predicate="covered_by")
        return [(int(index), self.ids[which]) for index, which in found.T]


def read_polygon(document: Any) -> Polygon:
    """A GeoJSON polygon (RFC 7946), of a place of at most 1,000 km². Raises `Invalid` naming what is wrong."""
    if not isinstance(document, Mapping) or document.get("type") != "Polygon":
        raise Invalid("a place is a GeoJSON Polygon, longitude before latitude", field="polygon")
    try:
        polygon = shape(document)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
        raise Invalid("the polygon's coordinates are not rings of [longitude, latitude]", field="polygon") from error
    if not isinstance(polygon, Polygon) or polygon.is_empty or not polygon.is_valid:
        raise Invalid("the polygon's edge crosses itself or is no ring", field="polygon")
    west, south, east, north = polygon.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise Invalid("longitude (-180 to 180) comes before latitude (-90 to 90)", field="polygon")
    if shapely.get_num_coordinates(polygon) > _MOST_CORNERS:
        raise Invalid(f"the polygon has more than {_MOST_CORNERS} corners", field="polygon")
    square = _METRES_PER_DEGREE**2 * math.cos(math.radians((south + north) / 2))
    if polygon.area * square > _LARGEST_M2:
        raise Invalid("the place is larger than 1,000 km²", field="polygon")
    return polygon


def circle(middle: Lonlat, radius_m: float) -> dict[str, Any]:
    """A place of `radius_m` around a point as a GeoJSON polygon, for whoever only taps on the map."""
    east = _METRES_PER_DEGREE * math.cos(math.radians(middle[1]))
    ring = [
        [middle[0] + radius_m * math.cos(angle) / east, middle[1] + radius_m * math.sin(angle) / _METRES_PER_DEGREE]
        for angle in (2 * math.pi * step / 32 for step in range(32))
    ]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
