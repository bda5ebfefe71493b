"""The tags' demonstration as geometry: a grid of poles, a school, homes, a bus, and who walks where when. Pure.

Three hours of a small town. Children walk to school and home again; one elder leaves home, passes the last pole, is
heard by a bus that was out of reach (it reports twenty minutes later) and is found at the station.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import NamedTuple

from services.presence.places import Lonlat, distance_m

MIDDLE: Lonlat = (136.2216, 36.0612)
MINUTES = 180
STEP_M = 150.0
HEARD_M = 90.0
_METRES_PER_DEGREE = 111_195.0
_WALK_M = 70.0
"""Metres a minute."""
_TO_SCHOOL, _HOMEWARD = 15, 125
_WANDERS, _LOST, _BUS, _BUS_REPORTS, _FOUND = 80, 110, 125, 145, 165
_REST_MINUTES = 5
"""Who stays is told of every so many minutes."""


class Heard(NamedTuple):
    """One sighting: which tag (by number), by which detector, in which minute; `place` for one that moves."""

    minute: int
    detector: str
    tag: int
    rssi: int
    place: Lonlat | None = None


class Message(NamedTuple):
    """What one detector sends in one minute."""

    minute: int
    detector: str
    heard: tuple[Heard, ...]


class Walks:
    """The town: `tags` wearers, the last of them the elder, and `detectors` poles on a square, one of them a bus."""

    def __init__(self, tags: int, detectors: int) -> None:
        self._chance = random.Random(7)
        self.tags = tags
        side = math.ceil(math.sqrt(detectors - 1))
        self.poles = {
            f"demo-pole-{number + 1:03}": _offset(
                MIDDLE, (number % side - (side - 1) / 2) * STEP_M, (number // side - (side - 1) / 2) * STEP_M
            )
            for number in range(detectors - 1)
        }
        self.bus = "demo-bus-1"
        half = (side - 1) / 2 * STEP_M
        self.school = self.poles[min(self.poles, key=lambda name: distance_m(self.poles[name], MIDDLE))]
        self.station = max(self.poles.values(), key=lambda place: (place[0] + place[1], place))
        names = sorted(self.poles)
        self.homes = [self.poles[names[number * 7 % len(names)]] for number in range(tags)]
        self.elder = tags - 1
        self.far = _offset(MIDDLE, half + 700.0, half + 300.0)

    def messages(self) -> list[Message]:
        """All messages in the order in which they are sent; the bus's comes late."""
        by_sender: defaultdict[tuple[int, str], list[Heard]] = defaultdict(list)
        for tag in range(self.tags):
            for minute in range(MINUTES):
                for heard in self._minute(tag, minute):
                    sent = _BUS_REPORTS if heard.detector == self.bus else minute
                    by_sender[sent, heard.detector].append(heard)
        return [Message(*key, tuple(ones)) for key, ones in sorted(by_sender.items())]

    def place_of(self, tag: int, minute: int) -> Lonlat:
        """Where a wearer is."""
        return self._elder_at(minute) if tag == self.elder else self._child_at(tag, minute)

    def _child_at(self, tag: int, minute: int) -> Lonlat:
        home, late = self.homes[tag], tag % 12
        if minute < _HOMEWARD + late:
            return _on_the_way(home, self.school, (minute - _TO_SCHOOL - late) * _WALK_M)
        return _on_the_way(self.school, home, (minute - _HOMEWARD - late) * _WALK_M)

    def _elder_at(self, minute: int) -> Lonlat:
        if minute < _LOST:
            home = self.homes[self.elder]
            return _on_the_way(home, self.far, max(0, minute - _WANDERS) * distance_m(home, self.far) / 30)
        if minute < _BUS:
            return self.far
        return _on_the_way(self.far, self.station, (minute - _BUS) * distance_m(self.far, self.station) / 40)

    def _minute(self, tag: int, minute: int) -> list[Heard]:
        place = self.place_of(tag, minute)
        if tag == self.elder and minute == _BUS:
            return [Heard(minute, self.bus, tag, -74, place)]
        if tag == self.elder and _LOST <= minute < _FOUND:
            return []
        if minute and place == self.place_of(tag, minute - 1) and minute % _REST_MINUTES:
            return []
        near = sorted((distance_m(place, at), name) for name, at in self.poles.items())[:2]
        return [
            Heard(minute, name, tag, round(-55 - metres / 3 + self._chance.uniform(-3, 3)))
            for metres, name in near
            if metres <= HEARD_M
        ]


def _offset(place: Lonlat, east_m: float, north_m: float) -> Lonlat:
    east = _METRES_PER_DEGREE * math.cos(math.radians(place[1]))
    return place[0] + east_m / east, place[1] + north_m / _METRES_PER_DEGREE


def _on_the_way(start: Lonlat, end: Lonlat, metres: float) -> Lonlat:
    """So far from `start` to `end` in a straight line; not beyond either."""
    whole = distance_m(start, end)
    part = 1.0 if whole == 0 else min(max(metres / whole, 0.0), 1.0)
    return start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
