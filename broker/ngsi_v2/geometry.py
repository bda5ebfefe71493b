"""Places as NGSIv2 writes them: latitude before longitude in its simple formats, GeoJSON otherwise. Pure."""

from __future__ import annotations

from typing import Any

from broker.entities.geojson import check_geometry
from broker.errors import Invalid

GEO_TYPES = ("geo:json", "geo:point", "geo:line", "geo:polygon", "geo:box")


def geometry_of(kind: str, value: Any, path: str) -> dict[str, Any]:
    """The GeoJSON geometry of an attribute of one of `GEO_TYPES`. Raises `Invalid`."""
    if kind == "geo:json":
        return check_geometry(value, path)
    texts = [value] if kind == "geo:point" else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Invalid(f'{kind} is "latitude, longitude"' + ("" if kind == "geo:point" else ", in a list"), field=path)
    return shape_of(kind.removeprefix("geo:"), [_position(text, path) for text in texts], path)


def shape_of(shape: str, positions: list[list[float]], path: str) -> dict[str, Any]:
    """The geometry of a point, line, polygon or box whose corners are given. Raises `Invalid`."""
    made: dict[str, Any]
    if shape == "point" and len(positions) == 1:
        made = {"type": "Point", "coordinates": positions[0]}
    elif shape == "line":
        made = {"type": "LineString", "coordinates": positions}
    elif shape == "polygon":
        made = {"type": "Polygon", "coordinates": [positions]}
    elif shape == "box" and len(positions) == 2:
        (west, south), (east, north) = positions
        west, east, south, north = min(west, east), max(west, east), min(south, north), max(south, north)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        made = {"type": "Polygon", "coordinates": [ring]}
    else:
        raise Invalid("a place is a point, a line, a polygon, or a box of two corners", field=path)
    return check_geometry(made, path)


def positions_of(text: str, path: str) -> list[list[float]]:
    """`lat,lon;lat,lon` as GeoJSON positions. Raises `Invalid`."""
    return [_position(part, path) for part in text.split(";")]


def _position(text: str, path: str) -> list[float]:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError as error:
        raise Invalid("a position is latitude, longitude, as in 36.06, 136.22", field=path) from error
    return [longitude, latitude]
