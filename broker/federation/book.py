"""The registrations at hand: read once for each tenant, found by type or id, forgotten when one changes."""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from access.delegation import view_of
from broker.errors import UNREADABLE
from broker.federation.source import Share, Source, shares_of, source_of
from broker.ports import Database
from broker.store import sources as store
from broker.subscriptions.matching import Asked

_MOST_TENANTS = 1024
_log = logging.getLogger(__name__)


class Page:
    """One tenant's sources, so kept that a request is compared with those alone that can concern it."""

    def __init__(self, sources: Sequence[Source], alias: str) -> None:
        self.alias = alias
        """What this broker, for this tenant, calls itself in Via."""
        self.sources = sources
        by_id: defaultdict[str, list[Source]] = defaultdict(list)
        by_type: defaultdict[str, list[Source]] = defaultdict(list)
        self._any: list[Source] = []
        for source in sources:
            selectors = [selector for part in source.parts for selector in part.selectors]
            open_part = any(not part.selectors for part in source.parts)
            if not open_part and all(selector.ids for selector in selectors):
                for id_ in {one for selector in selectors for one in selector.ids}:
                    by_id[id_].append(source)
            elif not open_part and not any("*" in selector.types for selector in selectors):
                for name in {name for selector in selectors for name in selector.types}:
                    by_type[name].append(source)
            else:
                self._any.append(source)
        self._by_id, self._by_type = dict(by_id), dict(by_type)

    def shares(self, asked: Asked, now: datetime, *, history: bool = False) -> list[Share]:
        """What the sources may know of what is asked (5.12), now or in times gone by."""
        return shares_of(self._candidates(asked), asked, now, history=history) if self.sources else []

    def _candidates(self, asked: Asked) -> Iterable[Source]:
        found: dict[str, Source] = {}
        for index, keys in ((self._by_id, asked.ids), (self._by_type, asked.types)):
            lists = index.values() if keys is None else [index[key] for key in keys if key in index]
            found |= {source.id: source for one in lists for source in one}
        return [*found.values(), *self._any]


def _readable(doc: Mapping[str, Any], version: str) -> Source | None:
    """The source; None for a registration that cannot be read."""
    try:
        return source_of(doc, version)
    except UNREADABLE as error:
        _log.warning("the registration %s is passed over: %s", doc.get("id"), error)
        return None


class SourceBook:
    """One per process. What changes in another process is heard of by `follow`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._generation = 0

    async def page(self, tenant: str) -> Page:
        """The tenant's sources; none where another city reads by delegation, which is of what the giver itself holds.
        Raises `UnknownTenant`, `Unavailable`."""
        if view_of(tenant).reader is not None:
            return Page([], tenant)
        if (known := self._pages.get(tenant)) is not None:
            return known
        generation = self._generation
        async with self._database.transaction(tenant) as tx:
            identity = await store.identity(tx)
            found = [source for row in await store.every(tx) if (source := _readable(*row)) is not None]
        page = Page(found, f"{identity}.{tenant}")
        if generation == self._generation:
            self._pages[tenant] = page
            if len(self._pages) > _MOST_TENANTS:
                self._pages.popitem(last=False)
        return page

    def forget(self) -> None:
        """Read everything anew when it is next asked for."""
        self._generation += 1
        self._pages.clear()

    async def follow(self) -> None:
        """Forget whenever a registration changes anywhere; for as long as the process lives."""
        async with self._database.notices("registration") as changed:
            while True:
                await changed.wait()
                changed.clear()
                self.forget()
