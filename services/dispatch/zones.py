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
SIDES = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
_HEADINGS = ("北", "北東", "東", "南東", "南", "南西", "西", "北西")


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


@dataclass(frozen=True)
class Edge:
    """The nearest edge of a zone: how many metres away, in which direction (one of `SIDES`), and where it is."""

    zone: Zone
    metres: float
    side: str
    longitude: float
    latitude: float


@dataclass(frozen=True)
class Missed:
    """Why no bus serves a place: no zone has it, and then `edge` is the nearest one's, None without any zone; or riders
    walk in its `zone`, and no open stop is near enough. `nearest` is the nearest open stop.
    """

    zone: Zone | None
    edge: Edge | None
    nearest: Located | None

    def told(self) -> str:
        """The reason, and what would do."""
        where = "there is no open stop"
        if self.nearest is not None:
            stop = self.nearest.stop
            where = f"the nearest stop is {stop.id!r} ({stop.name}), {self.nearest.metres:.0f} m away"
        if self.zone is not None:
            walk = f"the {self.zone.walk} m that one walks in {self.zone.name!r}"
            return f"no open stop lies within {walk}; {where}"
        if self.edge is None:
            return f"buses come to stops alone here; {where}"
        edge = self.edge
        way = f"{edge.metres:.0f} m to the {edge.side} ({edge.longitude:.5f}, {edge.latitude:.5f})"
        return f"this place is outside every zone: the edge of {edge.zone.name!r} is {way}; {where}"


def is_place(stop: str) -> bool:
    """Whether this is the id of a place of somebody's own, and of no stop."""
    return stop.startswith(PLACE)


def look(longitude: float, latitude: float, zones: Sequence[Zone], stops: Sequence[Stop]) -> Located | Missed:
    """Where somebody at that place gets on or off, or why nowhere. `stops`: all, closed ones with their reason.

    A place is known to some ten metres, so that what is answered here is served when it is sent back.
    """
    east, north = round(longitude, _DIGITS), round(latitude, _DIGITS)
    around = [zone for zone in zones if zone.holds(east, north)]
    for zone in around:
        if zone.door:
            return Located(_place(zone, east, north, stops), 0.0)
    nearest = _nearest(east, north, [stop for stop in stops if stop.closed_because is None])
    if nearest is not None and any(nearest.metres <= zone.walk for zone in around):
        return nearest
    widest = max(around, key=lambda zone: zone.walk, default=None)
    return Missed(widest, _edge(east, north, zones) if zones and widest is None else None, nearest)


def given_at(found: Located | Missed, field: str) -> Located:
    """What was found for the place in that field. Raises `Invalid` for it with the reason and what would do."""
    if isinstance(found, Missed):
        raise Invalid(found.told(), field=field)
    return found


def _place(zone: Zone, east: float, north: float, stops: Sequence[Stop]) -> Stop:
    name = blake2b(f"{east:.{_DIGITS}f},{north:.{_DIGITS}f}".encode(), digest_size=8).hexdigest()
    return Stop(f"{PLACE}{name}", f"{zone.name}（{_words(east, north, stops)}）", east, north, zone=zone.id)


def _words(east: float, north: float, stops: Sequence[Stop]) -> str:
    """The place as a driver finds it and a rider knows it again, told from the nearest stop: 駅前から北へ320m."""
    nearest = _nearest(east, north, stops)
    if nearest is None:
        return "ご指定の場所"
    stop = nearest.stop
    away = round(nearest.metres, -1)
    if away == 0:
        return f"{stop.name}のそば"
    ((x, y),) = Plane([(stop.longitude, stop.latitude)]).kilometres([(east, north)])
    return f"{stop.name}から{_HEADINGS[_octant(x, y)]}へ{away:.0f}m"


def _nearest(longitude: float, latitude: float, stops: Sequence[Stop]) -> Located | None:
    found = [Located(stop, 1000 * kilometres(longitude, latitude, stop.longitude, stop.latitude)) for stop in stops]
    return min(found, key=lambda one: (one.metres, one.stop.id), default=None)


def _edge(longitude: float, latitude: float, zones: Sequence[Zone]) -> Edge:
    plane = Plane([(longitude, latitude)])
    here = shapely.Point(0.0, 0.0)
    ways = [(zone, shapely.shortest_line(here, shapely.Polygon(plane.kilometres(zone.border)))) for zone in zones]
    zone, way = min(ways, key=lambda one: one[1].length)
    east, north = way.coords[-1]
    (there,) = plane.degrees(np.array([[east, north]]))
    return Edge(zone, 1000 * way.length, SIDES[_octant(east, north)], float(there[0]), float(there[1]))


def _octant(east: float, north: float) -> int:
    """The direction as an index of `SIDES`."""
    return round(math.atan2(east, north) / (math.pi / 4)) % 8


@lru_cache(maxsize=64)
def _shape(border: tuple[tuple[float, float], ...]) -> shapely.Polygon:
    shape = shapely.Polygon(border)
    shapely.prepare(shape)
    return shape
