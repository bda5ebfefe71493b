"""Driving times that a router has told, kept by pair of places and by hour, with their age and within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from services.dispatch.engine.arrays import Floats

Point = tuple[float, float]
"""Longitude and latitude."""
BLOCK = 50
"""Sources, and targets, of one question: Valhalla takes 2,500 pairs as it is delivered, OSRM 100 places."""


class Table:
    """The minutes between places for one hour and one state of the roads; NaN where nobody has told."""

    _index: dict[Point, int]
    _minutes: Floats
    _told_at: Floats

    def __init__(self) -> None:
        self._forget()

    @property
    def pairs(self) -> int:
        """How many pairs it has room for."""
        return int(self._minutes.size)

    def take_in(self, places: Sequence[Point], *, most: int) -> None:
        """Make room for these places; where that are more than `most` pairs the others are forgotten."""
        if len({*self._index, *places}) ** 2 > most:
            self._forget()
        new = [place for place in dict.fromkeys(places) if place not in self._index]
        if not new:
            return
        for place in new:
            self._index[place] = len(self._index)
        room = ((0, len(new)), (0, len(new)))
        self._minutes = np.pad(self._minutes, room, constant_values=np.nan)
        self._told_at = np.pad(self._told_at, room, constant_values=np.nan)

    def read(self, places: Sequence[Point]) -> Floats:
        """(P, P) minutes between the places; NaN where nobody has told."""
        rows = self._rows(places)
        return np.asarray(self._minutes[np.ix_(rows, rows)])

    def write(self, sources: Sequence[Point], targets: Sequence[Point], minutes: Floats, at: float) -> None:
        """What was told at a time (of any clock that only goes forward); lost where the places were forgotten since."""
        if not {*sources, *targets} <= self._index.keys():
            return
        where = np.ix_(self._rows(sources), self._rows(targets))
        self._minutes[where], self._told_at[where] = minutes, at

    def lacking(self, places: Sequence[Point], since: float) -> list[tuple[list[Point], list[Point]]]:
        """What to ask, as blocks of sources and targets: pairs of the places that nobody told at `since` or later."""
        known = list(dict.fromkeys(places))
        rows = self._rows(known)
        old = ~(self._told_at[np.ix_(rows, rows)] >= since)  # NaN, never told, is no time at all
        asked = np.diagonal(old).copy()  # a new place lacks the way to itself too, so few places stand for all pairs
        asked |= (old & ~asked[:, None] & ~asked).any(axis=1)
        new = [place for place, one in zip(known, asked, strict=True) if one]
        rest = [place for place, one in zip(known, asked, strict=True) if not one]
        return [*_blocks(new, known), *_blocks(rest, new)]

    def _forget(self) -> None:
        self._index, self._minutes, self._told_at = {}, np.empty((0, 0)), np.empty((0, 0))

    def _rows(self, places: Sequence[Point]) -> NDArray[np.intp]:
        return np.array([self._index[place] for place in places], np.intp)


class Kept:
    """Tables by their key (hour, closed ground); at most `most` pairs in all, those used longest ago leave first."""

    def __init__(self, most: int) -> None:
        self._most, self._tables = most, OrderedDict[Hashable, Table]()

    def table(self, key: Hashable, places: Sequence[Point]) -> Table:
        """The key's table, with room for the places."""
        table = self._tables.setdefault(key, Table())
        self._tables.move_to_end(key)
        table.take_in(places, most=self._most)
        while len(self._tables) > 1 and sum(one.pairs for one in self._tables.values()) > self._most:
            self._tables.popitem(last=False)
        return table


def _blocks(sources: Sequence[Point], targets: Sequence[Point]) -> Iterator[tuple[list[Point], list[Point]]]:
    for i in range(0, len(sources), BLOCK):
        for j in range(0, len(targets), BLOCK):
            yield list(sources[i : i + BLOCK]), list(targets[j : j + BLOCK])
