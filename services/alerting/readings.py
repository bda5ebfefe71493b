"""Readings, how far each is believed, and the newest ones of a gauge in order of time."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import msgspec

from schemas.river import Quality


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One level in metres at one time. `version` above 0 corrects an earlier value of the same time; `ahead` is by how
    many seconds the device's clock was before ours when it arrived (0 for readings that took their time). `by_hand`: a
    person says so."""

    at: float
    level: float
    version: int = 0
    ahead: float = 0.0
    by_hand: bool = False


class Removal(msgspec.Struct, frozen=True, array_like=True):
    """A person took the reading at `at` out of history; `moved` is the same anew, where they gave it another time."""

    at: float
    moved: Reading | None = None


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """A reading and how far it can be believed, with the reasons for anything but good."""

    reading: Reading
    quality: Quality = Quality.GOOD
    reasons: tuple[str, ...] = ()


_ENTRY = struct.Struct("<dddiH?")
_judgements: list[tuple[Quality, tuple[str, ...]]] = []
_number_of: dict[tuple[Quality, tuple[str, ...]], int] = {}
"""Every combination of quality and reasons that occurred in this process; the rules know a few dozen."""


class Window(Sequence[Judged]):
    """Readings in order of time with how each was judged. Immutable; equal when its entries are.

    Packed, since fifty thousand gauges keep a dozen each, and as objects they take five times the room.
    """

    __slots__ = ("_packed",)

    def __init__(self, entries: Iterable[Judged] = ()) -> None:
        self._packed = b"".join(map(_pack, entries))

    def appended(self, entry: Judged) -> Window:
        """This window and one more entry, the newest."""
        return _of(self._packed + _pack(entry))

    def __len__(self) -> int:
        return len(self._packed) // _ENTRY.size

    def __iter__(self) -> Iterator[Judged]:
        return map(_judged, *zip(*_ENTRY.iter_unpack(self._packed), strict=True)) if self._packed else iter(())

    @overload
    def __getitem__(self, place: int) -> Judged: ...
    @overload
    def __getitem__(self, place: slice) -> Window: ...
    def __getitem__(self, place: int | slice) -> Judged | Window:
        if isinstance(place, slice):
            first, end, _ = place.indices(len(self))
            return _of(self._packed[first * _ENTRY.size : end * _ENTRY.size])
        return _judged(*_ENTRY.unpack_from(self._packed, range(len(self))[place] * _ENTRY.size))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and self._packed == other._packed

    def __hash__(self) -> int:
        return hash(self._packed)


def _of(packed: bytes) -> Window:
    window = Window()
    window._packed = packed
    return window


def _pack(entry: Judged) -> bytes:
    judgement = (entry.quality, entry.reasons)
    number = _number_of.get(judgement)
    if number is None:
        number = _number_of[judgement] = len(_judgements)
        _judgements.append(judgement)
    reading = entry.reading
    return _ENTRY.pack(reading.at, reading.level, reading.ahead, reading.version, number, reading.by_hand)


def _judged(at: float, level: float, ahead: float, version: int, number: int, by_hand: bool) -> Judged:
    return Judged(Reading(at, level, version, ahead, by_hand), *_judgements[number])


def inserted(window: Window, after: float, reading: Reading) -> Window | None:
    """The window with a late or corrected reading in its place; None where it changes nothing: a repetition, or one
    that is not later than `after`, where the window begins."""
    if reading.at <= after:
        return None
    place = bisect_left(window, reading.at, key=lambda entry: entry.reading.at)
    fresh = Judged(reading)
    if place == len(window) or window[place].reading.at != reading.at:
        return Window((*window[:place], fresh, *window[place:]))
    if window[place].reading.version >= reading.version:
        return None
    return Window((*window[:place], fresh, *window[place + 1 :]))


def without(window: Window, at: float) -> Window:
    """The window without the reading at `at`, if there is one."""
    return Window(entry for entry in window if entry.reading.at != at)


def rejudged(window: Window, anew: Judged) -> Window:
    """The window with one of its readings judged anew."""
    return Window(anew if entry.reading == anew.reading else entry for entry in window)


def differences(before: Window, after: Window) -> tuple[Judged, ...]:
    """The readings whose quality is not what was known of them (good, where nothing was)."""
    known = {entry.reading: entry for entry in before}
    return tuple(
        entry
        for entry in after
        if (entry.quality, entry.reasons)
        != ((old.quality, old.reasons) if (old := known.get(entry.reading)) else (Quality.GOOD, ()))
    )
