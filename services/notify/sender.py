"""Delivers queued notifications: each subscription's in order, at least once, with growing pauses after failures.

A worker takes the oldest of each subscription for a lease; a worker that dies loses it and another repeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import orjson

from broker.delivery.notice import back_off
from broker.errors import Conflict, Unavailable
from broker.ports import Database
from broker.sql import load
from schemas.clock import Clock
from services.notify.channel import NotDelivered
from services.notify.guard import resolve
from services.notify.posting import post

_SQL = load("broker.store", "notifications")
_LEASE_SECONDS = 30.0
_TIMEOUT = 5.0
_AT_ONCE = 64
_ATTEMPTS = 8
_CORE_LINK = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
_log = logging.getLogger(__name__)


class Sender:
    """Posts notifications. `allow_private` lets receivers be in the city's own network."""

    def __init__(self, database: Database, clock: Clock, *, default_tenant: str, allow_private: bool) -> None:
        self._database = database
        self._clock = clock
        self._default_tenant = default_tenant
        self._allow_private = allow_private
        limits = httpx.Limits(max_connections=_AT_ONCE * 2, max_keepalive_connections=_AT_ONCE)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, follow_redirects=False, trust_env=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set."""
        async with self._database.notices("notification") as waiting:
            while not stop.is_set():
                waiting.clear()
                try:
                    tried = await self.round()
                except (Conflict, Unavailable) as error:
                    _log.warning("notifications wait: %s", error)
                    tried = 0
                if not tried:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(waiting.wait(), 0.5)
        await self._client.aclose()

    async def round(self) -> int:
        """Deliver what is due, one of each subscription. Returns how many were tried."""
        now = self._clock()
        async with self._database.transaction() as tx:
            rows = await tx.fetch(_SQL["claim"], now, now + timedelta(seconds=_LEASE_SECONDS), _AT_ONCE)
        await asyncio.gather(*(self._deliver(row) for row in rows))
        return len(rows)

    async def _deliver(self, row: Mapping[str, Any]) -> None:
        if row["doc"] is None:
            async with self._database.transaction() as tx:
                await tx.execute(_SQL["settle"], row["id"])
            return
        doc = orjson.loads(row["doc"])
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._post(doc, row["tenant"], row["body"])
        except (NotDelivered, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            await self._failed(row, str(error) or f"no answer within {_TIMEOUT:g} s")
            return
        async with self._database.transaction() as tx:
            await tx.execute(_SQL["settle"], row["id"])
            await tx.execute(_SQL["count_sent"], row["tenant_id"], row["subscription_id"], self._clock())

    async def _post(self, doc: Mapping[str, Any], tenant: str, body: str) -> None:
        endpoint = doc["notification"]["endpoint"]
        uri: str = endpoint["uri"]
        address = await resolve(uri, allow_private=self._allow_private, within=_TIMEOUT)
        response = await post(self._client, uri, address, body.encode(), self._headers(doc, tenant))
        if not response.is_success:
            raise NotDelivered(f"the receiver answered {response.status_code}")

    def _headers(self, doc: Mapping[str, Any], tenant: str) -> dict[str, str]:
        """Content type, the link to the context where the body has none, the tenant, and what the receiver wants."""
        endpoint = doc["notification"]["endpoint"]
        media = endpoint.get("accept", "application/json")
        headers = {"Content-Type": media}
        if media != "application/ld+json":
            given = doc.get("jsonldContext") or doc.get("@context")
            uri = given if isinstance(given, str) else _CORE_LINK
            headers["Link"] = f'<{uri}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
        if tenant != self._default_tenant:
            headers["NGSILD-Tenant"] = tenant
        for pair in endpoint.get("receiverInfo", ()):
            headers[str(pair["key"])] = str(pair["value"])
        return headers

    async def _failed(self, row: Mapping[str, Any], why: str) -> None:
        now = self._clock()
        dead = row["attempts"] >= _ATTEMPTS
        pause = back_off(row["attempts"], first=2.0, longest=600.0)
        _log.info("notification %d of %s was not delivered: %s", row["id"], row["subscription_id"], why)
        async with self._database.transaction() as tx:
            state = "dead" if dead else "waiting"
            await tx.execute(_SQL["again"], row["id"], now + timedelta(seconds=pause), why[:2000], state)
            await tx.execute(_SQL["count_failed"], row["tenant_id"], row["subscription_id"], now)
