"""Geometries of GeoJSON (RFC 7946) as GEOS computes with them.

GEOS is loaded when the first geometry comes: most processes never see one, and it is 25 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def shape_of(geometry: Any) -> BaseGeometry:
    """The geometry, mended where it crosses itself. Raises what GEOS raises for what is none."""
    import shapely
    from shapely.geometry import shape

    made: BaseGeometry = shape(geometry)
    return made if made.is_valid else shapely.make_valid(made)
