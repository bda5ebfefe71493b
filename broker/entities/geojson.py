"""GeoJSON geometries (RFC 7946) as NGSI-LD's GeoProperty holds them (ETSI GS CIM 009, 4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.errors import Invalid

_LEVELS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
_AT_LEAST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
_RINGS = {"Polygon", "MultiPolygon"}

GEOMETRIES = frozenset(_LEVELS)
"""Geometry types that a GeoProperty may hold (4.7.1; no collections)."""


def is_geometry_type(name: object) -> bool:
    """Whether `name` is a geometry type that a GeoProperty may hold."""
    return isinstance(name, str) and name in GEOMETRIES


def check_geometry(value: object, path: str) -> dict[str, Any]:
    """`value` as a geometry. Raises `Invalid` naming the coordinate that is wrong and why."""
    if not isinstance(value, Mapping) or not is_geometry_type(value.get("type")):
        raise Invalid(f"must be a GeoJSON geometry: {', '.join(_LEVELS)}", field=path)
    kind = str(value["type"])
    coordinates = value.get("coordinates")
    _check(coordinates, _LEVELS[kind], kind, f"{path}.coordinates")
    return {"type": kind, "coordinates": coordinates}


def check_place(value: object, path: str) -> dict[str, Any]:
    """`value` as a geometry that may be kept: its polygons do not cross themselves (RFC 7946 3.1.6, OGC simple
    features), because what is inside would be anybody's guess. Raises `Invalid` saying where."""
    geometry = check_geometry(value, path)
    if geometry["type"] in _RINGS and (fault := _fault_of(geometry)):
        raise Invalid(f"the polygon is not valid: {fault} (longitude latitude)", field=path)
    return geometry


def _fault_of(geometry: dict[str, Any]) -> str | None:
    # Loaded when the first polygon comes: every role writes entities, and few ever see one.
    import shapely
    from shapely.geometry import shape

    made = shape(geometry)
    return None if made.is_valid else str(shapely.is_valid_reason(made))


def _check(coordinates: Any, level: int, kind: str, path: str) -> None:
    if not isinstance(coordinates, list) or not coordinates:
        raise Invalid("must be a list of numbers, nested as RFC 7946 says for its type", field=path)
    if level == 0:
        _check_position(coordinates, path)
        return
    if level == 1:
        _check_line(coordinates, kind, path)
    for index, part in enumerate(coordinates):
        _check(part, level - 1, kind, f"{path}[{index}]")


def _check_line(line: list[Any], kind: str, path: str) -> None:
    least = _AT_LEAST.get(kind, 1)
    if len(line) < least:
        raise Invalid(f"a {kind} needs at least {least} positions here", field=path)
    if kind in _RINGS and line[0] != line[-1]:
        raise Invalid("a polygon's ring must end where it starts", field=path)


def _is_number(value: Any) -> bool:
    """Whether it is a number that could be a degree or a height; beyond 1e15, whole ones need not fit a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _check_position(position: list[Any], path: str) -> None:
    if len(position) not in (2, 3) or not all(map(_is_number, position)):
        raise Invalid("a position is [longitude, latitude] or [longitude, latitude, height]", field=path)
    longitude, latitude = position[0], position[1]
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise Invalid("longitude comes first (-180 to 180), then latitude (-90 to 90)", field=path)
