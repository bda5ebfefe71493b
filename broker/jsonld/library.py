"""The contexts at hand: built in, hosted here, copied before, or fetched once within limits."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from broker.errors import CityError, Invalid
from broker.jsonld.context import CORE, CORE_CONTEXT, Context, Source, is_core, sources_of
from broker.ports import Database
from broker.store import contexts as store

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a remote document within limits of size, time and host. Raises `ContextNotAvailable`."""

_MAX_DEPTH = 8
_MOST_USES_UNTOLD = 1000
_MAX_DOCUMENTS = 64
_MAX_KEPT = 512
_MAX_WEIGHT = 500_000
"""Terms of all chains kept together: some tens of MiB, whoever sends however large contexts."""
_FETCHED_AT_ONCE = 8


class ContextNotAvailable(CityError):
    """A JSON-LD @context that cannot be had."""


class ContextLibrary:
    """One per process. Resolved chains are kept; a document that changed is seen after `forget`."""

    def __init__(self, database: Database, fetch: Fetch, own_url: str) -> None:
        self._database = database
        self._fetch = fetch
        self._own = f"{own_url}/ngsi-ld/v1/jsonldContexts/"
        self._chains: OrderedDict[tuple[str, str], Context] = OrderedDict()
        self._weight = 0
        self._room = asyncio.Semaphore(_FETCHED_AT_ONCE)
        self._fetching: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._uses: defaultdict[str, Counter[str]] = defaultdict(Counter)

    async def resolve(self, tenant: str, sources: Sequence[Source]) -> Context:
        """The context that `sources` name or give. Raises `ContextNotAvailable`, `Invalid`."""
        wanted = [source for source in sources if not (isinstance(source, str) and is_core(source))]
        if not wanted:
            return CORE
        key = (tenant, json.dumps(wanted, sort_keys=True))
        if (known := self._chains.get(key)) is not None:
            self._chains.move_to_end(key)
            await self._note_uses(tenant, wanted)
            return known
        definitions: list[Mapping[str, Any]] = []
        for source in wanted:
            await self._collect(tenant, source, definitions, 0)
        uri = wanted[0] if len(wanted) == 1 and isinstance(wanted[0], str) else ""
        given: Any = uri or [*wanted, CORE_CONTEXT]
        context = Context(uri, definitions, given)
        self._keep(key, context)
        await self._note_uses(tenant, wanted)
        return context

    def _keep(self, key: tuple[str, str], context: Context) -> None:
        if (replaced := self._chains.pop(key, None)) is not None:
            self._weight -= _weight(key, replaced)
        self._chains[key] = context
        self._weight += _weight(key, context)
        while len(self._chains) > _MAX_KEPT or self._weight > _MAX_WEIGHT:
            self._weight -= _weight(*self._chains.popitem(last=False))

    async def _note_uses(self, tenant: str, sources: Sequence[Source]) -> None:
        self.used(tenant, *(source for source in sources if isinstance(source, str)))
        if sum(self._uses[tenant].values()) >= _MOST_USES_UNTOLD:
            await self.tell_uses(tenant)

    def used(self, tenant: str, *uris: str) -> None:
        """Remember that contexts were used (5.13.3, numberOfHits); `tell_uses` writes it down."""
        self._uses[tenant].update(uris)

    async def tell_uses(self, tenant: str) -> None:
        """Write down how often contexts were used since the last time. What cannot be written now is later."""
        uses = self._uses.pop(tenant, Counter())
        try:
            if uses:
                async with self._database.transaction(tenant) as tx:
                    await store.used(tx, {(uri, uri.removeprefix(self._own)): n for uri, n in uses.items()})
        except CityError:
            self._uses[tenant].update(uses)

    def forget(self) -> None:
        """Resolve everything anew."""
        self._chains.clear()
        self._weight = 0

    async def renew(self, tenant: str, uri: str) -> None:
        """Fetch a copy anew. Raises `ContextNotAvailable`; then the copy stays as it was."""
        await self._fetched(tenant, uri, anew=True)

    async def _collect(self, tenant: str, source: Source, into: list[Mapping[str, Any]], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise Invalid(f"contexts refer to each other deeper than {_MAX_DEPTH}", field="@context")
        if len(into) >= _MAX_DOCUMENTS:
            raise Invalid(f"a context of more than {_MAX_DOCUMENTS} others is not taken", field="@context")
        if isinstance(source, Mapping):
            into.append(source)
            return
        if is_core(source):
            return
        into.append({})  # a document that was read counts, whatever is in it
        for inner in sources_of(await self._document(tenant, source)):
            await self._collect(tenant, inner, into, depth + 1)

    async def _document(self, tenant: str, uri: str) -> Any:
        if (kept := await self._kept(tenant, uri)) is not None:
            return kept
        if uri.startswith(self._own):
            raise ContextNotAvailable(f"there is no context {uri} here")
        return await self._fetched(tenant, uri)

    async def _kept(self, tenant: str, uri: str) -> Any:
        async with self._database.transaction(tenant) as tx:
            kept = await store.by_url(tx, uri, uri.removeprefix(self._own))
        return None if kept is None else orjson.loads(kept)["@context"]

    async def _fetched(self, tenant: str, uri: str, *, anew: bool = False) -> Any:
        """The remote document, of which a copy is kept; asked for once, however many wait for it."""
        key = (tenant, uri)
        running = self._fetching.get(key)
        if running is None:
            running = self._fetching[key] = asyncio.create_task(self._copied(tenant, uri, anew=anew))
            running.add_done_callback(lambda _task: self._fetching.pop(key, None))
        return await asyncio.shield(running)

    async def _copied(self, tenant: str, uri: str, *, anew: bool) -> Any:
        # Who looked before the copy was there may come when it is.
        if not anew and (kept := await self._kept(tenant, uri)) is not None:
            return kept
        async with self._room:
            document = _context_of(await self._fetch(uri), uri)
        async with self._database.transaction(tenant) as tx:
            await store.keep_copy(tx, uri, orjson.dumps({"@context": document}).decode())
        return document


def _weight(key: tuple[str, str], context: Context) -> int:
    return context.size + len(key[1]) // 100


def _context_of(body: bytes, uri: str) -> Any:
    try:
        document = orjson.loads(body)
        return document["@context"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ContextNotAvailable(f"what {uri} gives is no JSON-LD context") from error
