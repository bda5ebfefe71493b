"""Delivers queued notifications: each subscription's in order, at least once, with growing pauses after failures.

A worker takes the oldest few of a subscription for a lease; a worker that dies loses it and another repeats. A
receiver that does not answer holds up its own queue only, and that queue is bounded: what is too much becomes dead
letters, the oldest first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx
import orjson

from broker.delivery.notice import back_off
from broker.errors import CityError, Conflict, Unavailable
from broker.ports import Database
from broker.sql import load
from broker.subscriptions.mqtt_endpoint import MqttEndpoint, is_mqtt, mqtt_endpoint, mqtt_message
from schemas.clock import Clock
from services.notify.channel import NotDelivered
from services.notify.guard import MQTT, resolve
from services.notify.posting import post

_SQL = load("broker.store", "notifications")
_TIMEOUT = 5.0
_AT_ONCE = 64
_EACH = 20
_LEASE_SECONDS = _TIMEOUT * (_EACH + 2)
_ATTEMPTS = 8
_MOST_WAITING = 10_000
_KEEP_DEAD = timedelta(days=30)
_CORE_LINK = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
_log = logging.getLogger(__name__)

PublishAt = Callable[[MqttEndpoint, str, bytes], Awaitable[None]]
"""Publishes at an endpoint's server, whose checked address is given. Raises `Unavailable`."""


class _Turn(NamedTuple):
    """How a subscription's turn went: what the receiver has, and what the first failure was."""

    sent: list[int]
    failed: Mapping[str, Any] | None = None
    why: str = ""


class Sender:
    """Posts and publishes notifications. `allow_private` lets receivers be in the city's own network."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        default_tenant: str,
        allow_private: bool,
        publish: PublishAt | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._default_tenant = default_tenant
        self._allow_private = allow_private
        self._publish = publish
        self._purged_at: datetime | None = None
        self._serving: set[asyncio.Task[None]] = set()
        limits = httpx.Limits(max_connections=_AT_ONCE * 2, max_keepalive_connections=_AT_ONCE)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, follow_redirects=False, trust_env=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what is being sent then is finished."""
        async with self._database.notices("notification") as waiting:
            while not stop.is_set():
                waiting.clear()
                for rows in await self._claim():
                    task = asyncio.create_task(self._serve(rows))
                    self._serving.add(task)
                    task.add_done_callback(self._serving.discard)
                    task.add_done_callback(lambda _task: waiting.set())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(waiting.wait(), 0.5)
        if self._serving:
            await asyncio.wait(self._serving)
        await self._client.aclose()

    async def _claim(self) -> list[list[Mapping[str, Any]]]:
        """What is due, as much as there is room for: each subscription's oldest, in order."""
        room = _AT_ONCE - len(self._serving)
        if not room:
            return []
        now = self._clock()
        try:
            async with self._database.transaction() as tx:
                rows = await tx.fetch(_SQL["claim"], now, now + timedelta(seconds=_LEASE_SECONDS), room, _EACH)
                if self._purged_at is None or now - self._purged_at > timedelta(hours=1):
                    await tx.execute(_SQL["purge"], now - _KEEP_DEAD)
                    self._purged_at = now
        except (Conflict, Unavailable) as error:
            _log.warning("notifications wait: %s", error)
            return []
        turns: defaultdict[tuple[int, str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            turns[row["tenant_id"], row["kind"], row["subscription_id"]].append(row)
        return list(turns.values())

    async def _serve(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Send in order until one fails, then write down how it went."""
        if rows[0]["doc"] is None:
            turn = _Turn([row["id"] for row in rows])
        else:
            turn = await self._turn(rows)
        try:
            await self._record(rows, turn)
        except CityError as error:
            _log.warning("notifications of %s are sent again: %s", rows[0]["subscription_id"], error)

    async def _turn(self, rows: Sequence[Mapping[str, Any]]) -> _Turn:
        doc = orjson.loads(rows[0]["doc"])
        sent: list[int] = []
        for row in rows:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._send(doc, row["tenant"], row["body"])
            except (NotDelivered, CityError, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                return _Turn(sent, row, str(error) or f"no answer within {_TIMEOUT:g} s")
            sent.append(row["id"])
        return _Turn(sent)

    async def _send(self, doc: Mapping[str, Any], tenant: str, body: str) -> None:
        endpoint = doc["notification"]["endpoint"]
        uri: str = endpoint["uri"]
        headers = self._headers(doc, tenant)
        if is_mqtt(uri):
            message = body.encode() if "@v2" in doc else mqtt_message(headers, body)
            await self._over_mqtt(mqtt_endpoint(endpoint), message)
            return
        address = await resolve(uri, allow_private=self._allow_private, within=_TIMEOUT)
        response = await post(self._client, uri, address, body.encode(), headers)
        if not response.is_success:
            raise NotDelivered(f"the receiver answered {response.status_code}")

    async def _over_mqtt(self, endpoint: MqttEndpoint, message: bytes) -> None:
        if self._publish is None:
            raise NotDelivered("this process publishes nothing over MQTT")
        address = await resolve(endpoint.address, allow_private=self._allow_private, within=_TIMEOUT, schemes=MQTT)
        await self._publish(endpoint, address, message)

    def _headers(self, doc: Mapping[str, Any], tenant: str) -> dict[str, str]:
        """Content type, the link to the context where the body has none, the tenant, and what the receiver wants."""
        if "@v2" in doc:
            return self._v2_headers(doc, tenant)
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

    def _v2_headers(self, doc: Mapping[str, Any], tenant: str) -> dict[str, str]:
        form = doc["@v2"]["notification"].get("attrsFormat", "normalized")
        headers = {"Content-Type": "application/json", "Ngsiv2-AttrsFormat": form}
        headers |= {"Fiware-ServicePath": doc["@service_path"]} if doc["@service_path"] else {}
        return headers | ({"Fiware-Service": tenant} if tenant != self._default_tenant else {})

    async def _record(self, rows: Sequence[Mapping[str, Any]], turn: _Turn) -> None:
        now = self._clock()
        whose = (rows[0]["tenant_id"], rows[0]["kind"], rows[0]["subscription_id"])
        async with self._database.transaction() as tx:
            if turn.sent:
                await tx.execute(_SQL["settle"], turn.sent)
                await tx.execute(_SQL["count_sent"], *whose, now, len(turn.sent))
            if turn.failed is None:
                return
            row, attempts = turn.failed, turn.failed["attempts"] + 1
            _log.info("notification %d of %s was not delivered: %s", row["id"], whose[2], turn.why)
            pause = timedelta(seconds=back_off(attempts, first=2.0, longest=600.0))
            state = "dead" if attempts >= _ATTEMPTS else "waiting"
            await tx.execute(_SQL["release"], [other["id"] for other in rows if other["id"] > row["id"]], now)
            await tx.execute(_SQL["again"], row["id"], now + pause, turn.why[:2000], state)
            await tx.execute(_SQL["count_failed"], *whose, now)
            full = f"more than {_MOST_WAITING} waited for this receiver"
            await tx.execute(_SQL["overflow"], *whose, _MOST_WAITING, full)
