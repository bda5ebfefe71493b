"""Keeping our subscriptions at context sources (ETSI GS CIM 009, 5.8.1 to 5.8.5): what is wanted, compared with what
is there, until both are the same, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from api_gateway.errors import SourceFailed
from api_gateway.federation.client import Question, SourceClient
from api_gateway.federation.forwarding import constant_headers
from api_gateway.ngsi_ld.context import JSON, link_of
from broker.errors import UNREADABLE, CityError
from broker.federation.source import Source, source_of
from broker.federation.subscribing import asked_of, spoken
from broker.federation.via import extended
from broker.jsonld.context import is_core, sources_of
from broker.jsonld.library import ContextLibrary
from broker.ports import Database, Transaction
from broker.store import source_subscriptions as store
from broker.store import sources
from broker.store.source_subscriptions import City, Task, Wish
from broker.subscriptions.documents import REGISTRATION_MEMBERS, context_of, csf_of
from schemas.clock import Clock

RELAYED = "/ngsi-ld/v1/notifications"
_MOST_SUBSCRIPTIONS = 10_000
_AT_ONCE = 16
_PLAN_SECONDS, _LOOK_SECONDS = 30.0, 1.0
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(minutes=10)
_TRIES = 50
"""So often a source is asked to forget what we do not want: some seven hours."""
_log = logging.getLogger(__name__)


class SourceSubscriber:
    """One per process of the notifier; several share the work. `address`: where sources are to send what they tell."""

    def __init__(
        self, database: Database, contexts: ContextLibrary, client: SourceClient, clock: Clock, address: str
    ) -> None:
        self._database = database
        self._contexts = contexts
        self._client = client
        self._clock = clock
        self._address = address

    async def run(self, stop: asyncio.Event) -> None:
        """Plan whenever a subscription or a registration changes, and ask what is due, until `stop`."""
        async with self._database.notices("subscription") as one, self._database.notices("registration") as other:
            planned, took, any_kept = -_PLAN_SECONDS, 0.0, False
            loop = asyncio.get_running_loop()
            while not stop.is_set():
                try:
                    changed, since = one.is_set() or other.is_set(), loop.time() - planned
                    # However often something changes, comparing takes a twentieth of the time at most.
                    if since >= _PLAN_SECONDS or (changed and since >= 20 * took):
                        one.clear()
                        other.clear()
                        planned = loop.time()
                        any_kept = await self.plan()
                        took = loop.time() - planned
                    busy = any_kept and await self.work()
                except CityError as error:
                    _log.warning("subscriptions at sources wait: %s", error)
                    busy = False
                if not busy:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)

    async def plan(self) -> bool:
        """Compare what sources should keep with what they are asked to keep. Whether there is anything to keep or to
        forget."""
        now = self._clock()
        async with self._database.transaction() as tx:
            kept, wishes = await store.kept(tx), dict[str, Wish]()
            wanted: set[tuple[int, str]] = set()
            for city in await store.cities(tx):
                subscriptions = await store.subscriptions(tx, city, _MOST_SUBSCRIPTIONS)
                passed = await self._passed(tx, city, [doc for doc, _ in subscriptions if "csf" in doc])
                for wish in await asyncio.to_thread(_wishes, city, subscriptions, passed, now):
                    there = kept.get(city.id, {}).get(wish.made_of)
                    if there is None:
                        wishes[wish.id] = wish
                    else:
                        wanted.add((city.id, there))
            there_now = {(city, id_) for city, mine in kept.items() for id_ in mine.values()}
            await store.plan(tx, list(wishes.values()), sorted(there_now - wanted), now)
            return await store.any_at_all(tx)

    async def _passed(
        self, tx: Transaction, city: City, filtering: Sequence[Mapping[str, Any]]
    ) -> dict[str, frozenset[str]]:
        """By subscription the registrations that its `csf` lets pass (5.2.12); none where that cannot be read."""
        registered = [doc for doc, _ in city.registrations]
        found: dict[str, frozenset[str]] = {}
        known: dict[bytes, frozenset[str]] = {}
        for doc in filtering:
            asked = orjson.dumps([doc["csf"], context_of(doc, "csf")])
            if asked not in known:
                known[asked] = await self._fitting(tx, city.name, doc, registered)
            found[doc["id"]] = known[asked]
        return found

    async def _fitting(
        self, tx: Transaction, tenant: str, doc: Mapping[str, Any], registered: Sequence[Mapping[str, Any]]
    ) -> frozenset[str]:
        try:
            context = await self._contexts.resolve(tenant, sources_of(context_of(doc, "csf")))
            csf = csf_of(doc, context)
            assert csf is not None
        except UNREADABLE as error:
            _log.error("no source is asked for the subscription %s: %s", doc["id"], error)
            return frozenset()
        return frozenset(await sources.fitting(tx, csf.where, registered, REGISTRATION_MEMBERS))

    async def work(self) -> bool:
        """Ask sources what is due, several at once; whether there was anything."""
        now = self._clock()
        async with self._database.transaction() as tx:
            tasks = await store.claim(tx, now, _AT_ONCE)
            identity = await sources.identity(tx) if tasks else ""
        await asyncio.gather(*(self._do(task, identity) for task in tasks))
        return bool(tasks)

    async def _do(self, task: Task, identity: str) -> None:
        why = await self._ask(task, f"{identity}.{task.tenant}")
        again = None
        if why is not None and (task.doc is not None or task.attempts < _TRIES):
            _log.warning("the subscription %s at %s: %s", task.id, task.source["id"], why)
            again = self._clock() + min(_FIRST * 2 ** min(task.attempts - 1, 10), _LONGEST)
        async with self._database.transaction() as tx:
            await store.settle(tx, task, again)

    async def _ask(self, task: Task, alias: str) -> str | None:
        """Ask; why it is not done, or None where it is."""
        source = _source(task.source, "")
        body = None if source is None or task.doc is None else asked_of(task.doc, source, self._clock())
        if source is None or (task.doc is not None and body is None):
            return None  # what is not wanted any more is found by the next plan
        headers = {
            "Via": extended(", ".join(f"1.1 {hop}" for hop in _via(task)) or None, alias),
            **constant_headers(source),
        }
        if body is None:
            question = Question("DELETE", f"/subscriptions/{quote(task.id, safe=':')}", [], headers)
        else:
            question = self._creation(task, body, headers)
        try:
            answer = await self._client.ask(task.tenant, source, question)
        except SourceFailed as error:
            return str(error)
        done = (201, 409, 508) if task.doc is not None else (204, 404)
        return None if answer.status in done else f"it answered {answer.status}: {answer.content}"

    def _creation(self, task: Task, body: dict[str, Any], headers: dict[str, str]) -> Question:
        assert task.doc is not None
        endpoint = {"uri": f"{self._address}{RELAYED}/{task.key}", "accept": JSON}
        told = {**body["notification"], "endpoint": endpoint}
        uri = spoken(task.doc)
        if uri is not None and not is_core(uri):
            headers = {**headers, "Link": link_of(uri)}
        sent = orjson.dumps({**body, "id": task.id, "notification": told})
        return Question("POST", "/subscriptions", [], {**headers, "content-type": JSON}, sent)


def _wishes(
    city: City,
    subscriptions: list[tuple[dict[str, Any], int]],
    passed: Mapping[str, frozenset[str]],
    now: datetime,
) -> list[Wish]:
    """What the city's sources should keep. `passed`: of subscriptions with a `csf` the sources that it lets pass."""
    readable = [(doc, version, _source(doc, version)) for doc, version in city.registrations]
    found = []
    for subscription, revision in subscriptions:
        for doc, version, source in readable:
            if source is not None and source.id not in passed.get(subscription["id"], (source.id,)):
                continue
            if source is not None and asked_of(subscription, source, now) is not None:
                made_of = f"{subscription['id']} {revision} {source.id} {version}"
                id_ = f"urn:ngsi-ld:Subscription:{uuid.uuid4()}"
                found.append(Wish(city.id, id_, subscription["id"], doc, made_of, secrets.token_urlsafe(24)))
    return found


def _via(task: Task) -> list[str]:
    return list(task.doc.get("@via", ())) if task.doc is not None else []


def _source(doc: Mapping[str, Any], version: str) -> Source | None:
    try:
        return source_of(doc, version)
    except UNREADABLE:
        return None
