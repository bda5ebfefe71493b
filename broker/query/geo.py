"""Geo-queries (4.10): a box in SQL first, exact geometry by GEOS afterwards.

GEOS is loaded when the first geo-query comes: most processes that could answer one never see any, and it is 25 MB.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from broker.entities.geojson import check_place
from broker.entities.patch import instances
from broker.errors import Invalid
from broker.store.reading import Where, in_box
from schemas.geometry import shape_of

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_RELATIONS = ("within", "contains", "intersects", "equals", "disjoint", "overlaps", "near")
_NEAR = re.compile(r"(maxDistance|minDistance)==(\d+(\.\d+)?)")
_METRES_PER_DEGREE = 111_194.9266
_BOXED = {"within", "intersects", "equals", "overlaps"}


class GeoQuery(NamedTuple):
    """A relation, a geometry and the attribute that is compared; distances in metres."""

    relation: str
    geometry: BaseGeometry
    property: str
    least: float | None = None
    most: float | None = None

    def box(self) -> Where | None:
        """What the index on positions can tell; None where only the geometry can."""
        if self.property != "location" or not (self.relation in _BOXED or self.most is not None):
            return None
        west, south, east, north = self.geometry.bounds
        if self.most is not None:
            dy = self.most / _METRES_PER_DEGREE * 1.001
            widest = min(max(abs(south), abs(north)) + dy, 89.9)
            dx = dy / math.cos(math.radians(widest))
            west, south, east, north = west - dx, south - dy, east + dx, north + dy
            if west < -180 or east > 180:
                west, east = -180.0, 180.0
        return in_box(west, south, east, north)

    def matches(self, attribute: Any) -> bool:
        """Whether any instance of the attribute stands in the relation."""
        return any(self._holds(instance) for instance in instances(attribute) if instance.get("type") == "GeoProperty")

    def _holds(self, instance: dict[str, Any]) -> bool:
        target = shape_of(instance["value"])
        if self.relation == "near":
            metres = distance(target, self.geometry)
            return (self.most is None or metres <= self.most) and (self.least is None or metres >= self.least)
        return bool(getattr(target, self.relation)(self.geometry))


def distance(one: BaseGeometry, other: BaseGeometry) -> float:
    """Metres between two geometries: great-circle for points, else in a plane laid at `other`'s centre."""
    if one.geom_type == other.geom_type == "Point":
        return _haversine(one.x, one.y, other.x, other.y)
    import numpy
    import shapely

    middle = other.centroid.y
    scale = math.cos(math.radians(middle))

    def flat(geometry: BaseGeometry) -> BaseGeometry:
        return shapely.transform(geometry, lambda c: c * numpy.array([scale, 1.0]) * _METRES_PER_DEGREE)

    return float(flat(one).distance(flat(other)))


def _haversine(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    p1, p2 = math.radians(lat1), math.radians(lat2)
    a = math.sin((p2 - p1) / 2) ** 2 + math.cos(p1) * math.cos(p2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(min(1.0, a)))


def geo_query(georel: str | None, geometry: str | None, coordinates: Any, property_: str) -> GeoQuery | None:
    """The geo-query of a request, or None without one. Raises `Invalid` naming the parameter that is wrong."""
    given = {"georel": georel, "geometry": geometry, "coordinates": coordinates}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 3:
        return None
    if missing:
        raise Invalid("a geo-query needs georel, geometry and coordinates", field=missing[0])
    relation, *limits = str(georel).split(";")
    if relation not in _RELATIONS:
        raise Invalid(f"georel is one of {', '.join(_RELATIONS)}", field="georel")
    bounds = _distances(relation, limits)
    if isinstance(coordinates, str):
        try:
            coordinates = json.loads(coordinates)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"coordinates is not a JSON array: {error}", field="coordinates") from error
    checked = check_place({"type": geometry, "coordinates": coordinates}, "coordinates")
    return GeoQuery(relation, shape_of(checked), property_, bounds.get("minDistance"), bounds.get("maxDistance"))


def _distances(relation: str, limits: Iterable[str]) -> dict[str, float]:
    bounds: dict[str, float] = {}
    for limit in limits:
        match = _NEAR.fullmatch(limit.strip())
        if match is None or relation != "near":
            raise Invalid(
                "only near has a distance, as near;maxDistance==2000 or near;minDistance==100", field="georel"
            )
        bounds[match[1]] = float(match[2])
    if relation == "near" and not bounds:
        raise Invalid("near needs maxDistance or minDistance in metres, as near;maxDistance==2000", field="georel")
    return bounds
