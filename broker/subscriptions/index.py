"""Subscriptions in memory, found by what changed; each comes and goes alone, whatever the number of the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from broker.jsonld.context import Context
from broker.query.geo import GeoQuery
from broker.query.q import Query
from broker.subscriptions.matching import types_of
from schemas.change import Change, Head

_ANY = ""

Key = tuple[int, str]
"""A subscription: the number of its city, and its id."""
_Likeness = tuple[int, bytes, bytes]
_Place = tuple[str, ...]


class Live(NamedTuple):
    """A subscription in force, its queries read."""

    tenant: str
    tenant_id: int
    id: str
    revision: int
    doc: dict[str, Any]
    context: Context
    q: Query | None
    geo: GeoQuery | None
    expires: datetime | None
    about: bytes
    """The same for subscriptions that the same changes concern, so that they are judged once."""
    asks: bytes
    """The same for subscriptions whose q, scopeQ and geoQ are the same."""


class Alike(NamedTuple):
    """Subscriptions of one city that the same changes concern and that ask the same of the entity: judged as one."""

    about: bytes
    asks: bytes
    by_id: dict[str, Live]

    @property
    def lives(self) -> Iterable[Live]:
        """All of them."""
        return self.by_id.values()

    @property
    def one(self) -> Live:
        """Any of them: they differ in whom they tell, and how."""
        return next(iter(self.by_id.values()))


class Index:
    """By entity where a subscription names entities, else by type and attribute."""

    def __init__(self) -> None:
        self._lives: dict[Key, Live] = {}
        self._alike: dict[_Likeness, Alike] = {}
        self._places: defaultdict[_Place, dict[_Likeness, Alike]] = defaultdict(dict)
        self._types: Counter[_Place] = Counter()

    def __iter__(self) -> Iterator[Key]:
        return iter(self._lives)

    def get(self, key: Key) -> Live | None:
        """The subscription, if it is here."""
        return self._lives.get(key)

    def put(self, live: Live) -> None:
        """Take a subscription in, in the place of what had its id."""
        self.drop((live.tenant_id, live.id))
        self._lives[live.tenant_id, live.id] = live
        if "timeInterval" in live.doc:
            return  # told by the clock, not by changes
        likeness = (live.tenant_id, live.about, live.asks)
        some = self._alike.get(likeness)
        if some is None:
            some = self._alike[likeness] = Alike(live.about, live.asks, {})
            for place in _places(live):
                self._places[place][likeness] = some
                self._types[place[:2]] += 1
        some.by_id[live.id] = live

    def drop(self, key: Key) -> None:
        """Let a subscription go, if it is here."""
        live = self._lives.pop(key, None)
        if live is None or "timeInterval" in live.doc:
            return
        likeness = (live.tenant_id, live.about, live.asks)
        del self._alike[likeness].by_id[live.id]
        if self._alike[likeness].by_id:
            return
        del self._alike[likeness]
        for place in _places(live):
            del self._places[place][likeness]
            self._types[place[:2]] -= 1
            if not self._places[place]:
                del self._places[place]

    def may_concern(self, head: Head) -> bool:
        """Whether a change may have `candidates`, by as much of it as is read without the rest."""
        return any(self._types[head.tenant, name] > 0 for name in (head.entity, *head.type, "*"))

    def candidates(self, change: Change) -> Iterable[Alike]:
        """All the subscriptions that may be concerned, and few others."""
        names = [_ANY, *(change.previous if change.op == "delete" else change.attributes)]
        places: list[_Place] = [(change.tenant, change.entity)]
        places += [(change.tenant, type_, name) for type_ in (*change.type, "*") for name in names]
        found: dict[_Likeness, Alike] = {}
        for place in places:
            if place in self._places:
                found |= self._places[place]
        return found.values()


def _places(live: Live) -> set[_Place]:
    """Where changes find it: (city, entity), or (city, type, attribute)."""
    if (ids := _entities_named(live.doc)) is not None:
        return {(live.tenant, one) for one in ids}
    types = {name for entity in live.doc.get("entities", ()) for name in types_of(entity)} or {"*"}
    return {(live.tenant, type_, attribute) for type_ in types for attribute in _attributes(live.doc)}


def _entities_named(doc: Mapping[str, Any]) -> set[str] | None:
    """The ids, where the subscription is about nothing but entities named by their ids."""
    ids: set[str] = set()
    for entity in doc.get("entities", ()):
        said = entity.get("id")
        if not said:
            return None
        ids.update([said] if isinstance(said, str) else said)
    return ids or None


def _attributes(doc: Mapping[str, Any]) -> Iterable[str]:
    """The attributes whose change may concern it; any where none is watched, or the entity's end is told too."""
    watched = doc.get("watchedAttributes")
    return (_ANY,) if not watched or "entityDeleted" in doc.get("notificationTrigger", ()) else set(watched)
