"""Zones (運行区域) in which people ride from any place, not from stops alone. Pure.

A place in a zone becomes a stop of its own where the bus comes to the door, else the nearest stop within walking
distance; so the planner knows stops alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import shapely

from broker.errors import Invalid
from services.dispatch.roads import Plane
from services.dispatch.travel import kilometres
from services.dispatch.values import Stop

PLACE = "place-"
"""How the ids of places begin, which no stop's id may."""
_DIGITS = 4
"""Decimals of a degree: places within some ten metres of each other are one."""
_SIDES = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


@dataclass(frozen=True)
class Zone:
    """A polygon (pairs of longitude and latitude, the last one the first). `door`: the bus comes to the place itself;
    else riders walk up to `walk` metres to a stop.
    """

    id: str
    name: str
    border: tuple[tuple[float, float], ...]
    door: bool = True
    walk: int = 300

    def holds(self, longitude: float, latitude: float) -> bool:
        """Whether the place lies in it; its border belongs to it."""
        return bool(shapely.intersects_xy(_shape(self.border), longitude, latitude))


@dataclass(frozen=True)
class Located:
    """Where the rider gets on or off, and how far that is from the place asked for, in metres."""

    stop: Stop
    metres: float


def is_place(stop: str) -> bool:
    """Whether this is the id of a place of somebody's own, and of no stop."""
    return stop.startswith(PLACE)


def locate(longitude: float, latitude: float, zones: Sequence[Zone], stops: Sequence[Stop], field: str) -> Located:
    """Where somebody at that place gets on or off. `stops` are all stops, closed ones with their reason.

    Raises `Invalid` for the field, telling the nearest zone's edge and stop, for a place outside every zone; and
    telling the nearest stop where that is too far to walk.
    """
    around = [zone for zone in zones if zone.holds(longitude, latitude)]
    nearest = _nearest(longitude, latitude, stops)
    for zone in around:
        if zone.door:
            return Located(_place(zone, longitude, latitude), 0.0)
    if nearest is not None and any(nearest.metres <= zone.walk for zone in around):
        return nearest
    where = "there is no open stop" if nearest is None else f"the nearest stop is {_told(nearest)}"
    if around:
        walk = max(zone.walk for zone in around)
        raise Invalid(
            f"no open stop lies within the {walk} m that one walks in {around[0].name!r}; {where}", field=field
        )
    if not zones:
        raise Invalid(f"buses come to stops alone here; {where}", field=field)
    raise Invalid(f"this place is outside every zone: {_edge(longitude, latitude, zones)}; {where}", field=field)


def _place(zone: Zone, longitude: float, latitude: float) -> Stop:
    east, north = round(longitude, _DIGITS), round(latitude, _DIGITS)
    name = blake2b(f"{east:.{_DIGITS}f},{north:.{_DIGITS}f}".encode(), digest_size=8).hexdigest()
    return Stop(f"{PLACE}{name}", f"{zone.name}（ご指定の場所）", east, north, zone=zone.id)


def _nearest(longitude: float, latitude: float, stops: Sequence[Stop]) -> Located | None:
    found = [
        Located(stop, 1000 * kilometres(longitude, latitude, stop.longitude, stop.latitude))
        for stop in stops
        if stop.closed_because is None
    ]
    return min(found, key=lambda one: (one.metres, one.stop.id), default=None)


def _told(nearest: Located) -> str:
    stop = nearest.stop
    return f"{stop.id!r} ({stop.name}), {nearest.metres:.0f} m away"


def _edge(longitude: float, latitude: float, zones: Sequence[Zone]) -> str:
    """The nearest edge of a zone: of which, how far, in which direction, and where."""
    plane = Plane([(longitude, latitude)])
    here = shapely.Point(0.0, 0.0)
    ways = [(zone, shapely.shortest_line(here, shapely.Polygon(plane.kilometres(zone.border)))) for zone in zones]
    zone, way = min(ways, key=lambda one: one[1].length)
    east, north = way.coords[-1]
    (there,) = plane.degrees(np.array([[east, north]]))
    side = _SIDES[round(math.atan2(east, north) / (math.pi / 4)) % 8]
    return f"the edge of {zone.name!r} is {1000 * way.length:.0f} m to the {side} ({there[0]:.5f}, {there[1]:.5f})"


@lru_cache(maxsize=64)
def _shape(border: tuple[tuple[float, float], ...]) -> shapely.Polygon:
    shape = shapely.Polygon(border)
    shapely.prepare(shape)
    return shape
