"""Where something lies, as far as a policy asks: in which of its areas (and scopes). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.geometry import shape_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Shapes(NamedTuple):
    """Areas with their names, prepared to be asked often and all at once."""

    names: tuple[str, ...]
    shapes: NDArray[Any]


MOST_AREAS = 200
MOST_POSITIONS = 20_000
LOCATION = "location"
PLACES = frozenset({LOCATION, "scope"})
"""The members of an entity that say where it lies."""
_KINDS = ("Polygon", "MultiPolygon")


class Place(NamedTuple):
    """The areas that hold all of it, their edge included, and those that it touches; in both also the scopes that it
    has, as rules name them. No area is named as a scope is, with a / first."""

    inside: frozenset[str]
    touched: frozenset[str]


class Box(NamedTuple):
    """Bounds in degrees."""

    west: float
    south: float
    east: float
    north: float


def shapes_of_areas(areas: Mapping[str, Any]) -> Shapes:
    """Areas as `check_areas` has found them good."""
    import numpy
    import shapely

    made = numpy.array([shape_of(geometry) for geometry in areas.values()], dtype=object)
    shapely.prepare(made)
    return Shapes(tuple(areas), made)


def place_in(shapes: Shapes, location: Any) -> Place | None:
    """Where an entity lies whose ``location`` (a GeoProperty or several instances of one) this is.

    What has none lies in no area. None where it cannot be told: what another broker sent as a geometry may be none.
    """
    given = location if isinstance(location, list) else [] if location is None else [location]
    if not given or not shapes.names:
        return Place(frozenset(), frozenset())
    import shapely

    try:
        parts = [shape_of(one["value"]) for one in given]
        inside = [frozenset(compress(shapes.names, shapely.covers(shapes.shapes, part))) for part in parts]
        touched = [frozenset(compress(shapes.names, shapely.intersects(shapes.shapes, part))) for part in parts]
    except Exception:  # whatever GEOS makes of it: whoever asks treats it as lying anywhere
        return None
    return Place(frozenset.intersection(*inside), frozenset().union(*touched))


def box_of(areas: Iterable[Any]) -> Box | None:
    """The bounds of all these areas (GeoJSON) together; None of none."""
    boxes = [shape_of(area).bounds for area in areas]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return Box(min(west), min(south), max(east), max(north))


def check_areas(areas: Mapping[str, Any]) -> None:
    """Raise ValueError naming the area that is none, and why: polygons in GeoJSON, of valid rings, in degrees."""
    if len(areas) > MOST_AREAS:
        raise ValueError(f"areas: at most {MOST_AREAS}, not {len(areas)}")
    for name, geometry in areas.items():
        if name.startswith("/"):
            raise ValueError(f"areas: {name} is named like a scope; leave out the / in front")
        if fault := _fault(geometry):
            raise ValueError(f"areas.{name}: {fault}")


def _fault(geometry: Any) -> str | None:
    if not isinstance(geometry, Mapping) or geometry.get("type") not in _KINDS:
        return "must be a GeoJSON Polygon or MultiPolygon"
    import shapely
    from shapely.geometry import shape

    try:
        made = shape(geometry)
    except Exception as error:  # GEOS has no narrower word for what is no geometry
        return f"is no geometry: {error}"
    if made.is_empty or not made.is_valid:
        return f"is not valid: {shapely.is_valid_reason(made)} (longitude latitude)"
    if (found := int(shapely.get_num_coordinates(made))) > MOST_POSITIONS:
        return f"has {found} positions; at most {MOST_POSITIONS} are taken: simplify it"
    west, south, east, north = made.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return "longitude comes first (-180 to 180), then latitude (-90 to 90)"
    return None
