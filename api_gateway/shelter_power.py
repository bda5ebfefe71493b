"""Which shelter the vehicles at which charging stations could feed: two services meet here, neither knows the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from shapely.geometry import Point

from broker.query.geo import distance
from services.charging.desk import ShelterFeed
from services.evacuation.shelters.shelter import Shelter

_NEAR_M = 300.0
"""A cable from a car park reaches the building that it belongs to, and no other."""


def power_of(shelters: Iterable[Shelter], sites: Sequence[ShelterFeed]) -> dict[str, dict[str, Any]]:
    """By shelter what could feed it. A site is the shelter's of the same id; else that of the nearest shelter within
    300 m of one of its stations."""
    known = list(shelters)
    ids = {one.id for one in known}
    found: dict[str, dict[str, Any]] = {}
    for site in sites:
        name = site.site if site.site in ids else _nearest(known, site)
        if name is not None:
            found.setdefault(name, _told(site))
    return found


def _told(site: ShelterFeed) -> dict[str, Any]:
    given = site.feed
    return {
        "site": site.name,
        "stations": given.stations,
        "vehicles": given.vehicles,
        "unknown": given.unknown,
        "kwh": given.kwh,
        "powerW": given.power_w,
        "loadW": given.load_w,
        "hours": given.hours,
    }


def _nearest(shelters: Sequence[Shelter], site: ShelterFeed) -> str | None:
    far = [
        (distance(Point(place), Point(shelter.location)), shelter.id) for place in site.places for shelter in shelters
    ]
    nearest = min(far, default=None)
    return nearest[1] if nearest is not None and nearest[0] <= _NEAR_M else None
