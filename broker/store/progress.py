"""Whether every reader of the log moves on, seen from outside: one that is stuck cannot say so itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from broker.store.books import Reach

Reader = tuple[str, str]
"""A consumer group and the topic it reads."""

_NONE = timedelta()


class Progress:
    """Remembers where each reader stood in each partition, and since when."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, int], tuple[int, datetime]] = {}

    def look(self, found: Iterable[Reach], now: datetime) -> Mapping[Reader, timedelta]:
        """For how long each reader has not moved in a partition where records wait for it; zero for one that moves.

        Counted from the first look that found it so.
        """
        still: dict[Reader, timedelta] = {}
        for topic, standings, ends in found:
            stand = {(group, partition): following for group, partition, following in standings}
            for group in {group for group, _ in stand}:
                still[group, topic] = max(
                    (
                        self._still((group, topic, partition), stand.get((group, partition), 0), end, now)
                        for partition, end in ends.items()
                    ),
                    default=_NONE,
                )
        return still

    def _still(self, place: tuple[str, str, int], following: int, end: int, now: datetime) -> timedelta:
        seen, since = self._seen.get(place, (None, now))
        if following >= end:
            self._seen.pop(place, None)
            return _NONE
        if seen != following:
            self._seen[place] = following, now
            return _NONE
        return now - since
