"""Delivers queued notifications: each subscription's in order, at least once, with growing pauses after failures.

A worker takes the oldest few of a subscription for a lease; a worker that dies loses it and another repeats. Where
more wait than go in one turn, they go together, several entities in one Notification; a receiver that refuses that
gets them one by one. A receiver that does not answer holds up its own queue only, and that queue is bounded: what is
too much becomes dead letters, the oldest first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import msgspec
import orjson

from access.consent import Disclosure
from broker.delivery.asking import WITHDRAWN
from broker.delivery.notice import back_off
from broker.errors import CityError, Conflict, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from broker.store.subscriptions import ENTITIES
from broker.subscriptions.bundling import MOST_BYTES, MOST_ENTITIES, Parcel, Waiting, parcels, singly
from broker.subscriptions.members import endpoint_seconds
from broker.subscriptions.mqtt_endpoint import MqttEndpoint, is_mqtt, mqtt_endpoint, mqtt_message
from broker.subscriptions.standing import Standing
from broker.subscriptions.telling import media_of
from broker.waiting import rounds
from schemas.clock import Clock
from services.notify.channel import NotDelivered
from services.notify.guard import MQTT, resolve
from services.notify.posting import post

_SQL = load("broker.store", "notifications")
_LOOK_AGAIN = 0.5
_TIMEOUT = 5.0
_AT_ONCE = 64
_EACH = 20
_LEASE_SECONDS = _TIMEOUT * (_EACH + 2)
_ONE_BY_ONE = timedelta(minutes=10)
_ATTEMPTS = 8
_MOST_WAITING = 10_000
_KEEP_DEAD = timedelta(days=30)
_IN_URI = ":/?#[]@!$&'()*+,;=%"
_CORE_LINK = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
_log = logging.getLogger(__name__)

PublishAt = Callable[[MqttEndpoint, str, bytes], Awaitable[None]]
"""Publishes at an endpoint's server, whose checked address is given. Raises `Unavailable`."""


class _Subject(NamedTuple):
    """Whose notifications: a subscription's."""

    tenant_id: int
    kind: str
    id: str


class _Turn(NamedTuple):
    """A subscription, None where it is gone, and what is sent for it in this turn, in order. `asked`: by number, what
    the consent gate was asked for those that tell of persons."""

    subject: _Subject
    tenant: str
    doc: Mapping[str, Any] | None
    waiting: Mapping[int, Waiting]
    parcels: Sequence[Parcel]
    asked: Mapping[int, str]


@dataclass
class _Outcome:
    """How a turn went: what the receiver has, what it refused as one, and what could not be sent alone."""

    sent: list[Parcel] = field(default_factory=list)
    refused: bool = False
    failed: Parcel | None = None
    why: str = ""


class Sender:
    """Posts and publishes notifications. `allow_private` lets receivers be in the city's own network.

    `standing` is asked again before each attempt of what tells of persons.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        default_tenant: str,
        allow_private: bool,
        publish: PublishAt | None = None,
        standing: Standing | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._default_tenant = default_tenant
        self._allow_private = allow_private
        self._publish = publish
        self._standing = standing
        self._purged_at: datetime | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._one_by_one: dict[_Subject, datetime] = {}
        """Until when a receiver gets one at a time, having refused several at once. When forgotten it refuses again."""
        limits = httpx.Limits(max_connections=_AT_ONCE * 2, max_keepalive_connections=_AT_ONCE)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, follow_redirects=False, trust_env=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what is being sent then is finished."""
        async with self._database.notices("notification") as waiting:
            async for _ in rounds(waiting, stop=stop, every=_LOOK_AGAIN):
                for turn in await self._claim():
                    task = asyncio.create_task(self._serve(turn))
                    self._serving.add(task)
                    task.add_done_callback(self._serving.discard)
                    task.add_done_callback(lambda _task: waiting.set())
        if self._serving:
            await asyncio.wait(self._serving)
        await self._client.aclose()

    async def _claim(self) -> list[_Turn]:
        """What is due, as much as there is room for: each subscription's oldest, in order."""
        room = _AT_ONCE - len(self._serving)
        if not room:
            return []
        now = self._clock()
        try:
            async with self._database.transaction() as tx:
                rows = await tx.fetch(_SQL["claim"], now, room, MOST_ENTITIES, _EACH + 1, MOST_BYTES)
                turns = self._turns(rows, now)
                await self._lease(tx, turns, now + timedelta(seconds=_LEASE_SECONDS))
                if self._purged_at is None or now - self._purged_at > timedelta(hours=1):
                    await tx.execute(_SQL["purge"], now - _KEEP_DEAD)
                    self._purged_at = now
        except (Conflict, Unavailable) as error:
            _log.warning("notifications wait: %s", error)
            return []
        return turns

    def _turns(self, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[_Turn]:
        """One for each subscription. What waits beyond a turn's few goes together with them."""
        self._one_by_one = {subject: until for subject, until in self._one_by_one.items() if until > now}
        of: defaultdict[_Subject, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            of[_Subject(row["tenant_id"], row["kind"], row["subscription_id"])].append(row)
        turns = []
        for subject, some in of.items():
            doc = None if some[0]["doc"] is None else orjson.loads(some[0]["doc"])
            waiting = {row["id"]: Waiting(*(row[name] for name in Waiting._fields)) for row in some}
            asked = {row["id"]: row["disclosures"] for row in some if row["disclosures"] is not None}
            # Of persons each is asked about, and told of, by itself.
            many = len(some) > _EACH and subject not in self._one_by_one and not asked
            # At a `timeInterval` it is told which entities there are: that is a whole by itself.
            together = many and subject.kind == ENTITIES and doc is not None and "timeInterval" not in doc
            chosen = parcels(list(waiting.values()), together=together)
            turns.append(
                _Turn(subject, some[0]["tenant"], doc, waiting, chosen if doc is None else chosen[:_EACH], asked)
            )
        return turns

    async def _lease(self, tx: Transaction, turns: Sequence[_Turn], until: datetime) -> None:
        taken: defaultdict[int | None, list[int]] = defaultdict(list)
        for parcel in (parcel for turn in turns for parcel in turn.parcels):
            taken[parcel.bundle].extend(parcel.ids)
        await tx.executemany(_SQL["lease"], [(ids, until, bundle) for bundle, ids in taken.items()])

    async def _serve(self, turn: _Turn) -> None:
        """Send in order until one fails, then write down how it went."""
        outcome = await self._deliver(turn)
        try:
            await self._record(turn, outcome)
        except CityError as error:
            _log.warning("notifications of %s are sent again: %s", turn.subject.id, error)

    async def _deliver(self, turn: _Turn) -> _Outcome:
        """Send a turn's few; what is refused as one is sent one by one, as far as the lease allows."""
        outcome = _Outcome()
        if turn.doc is None:
            outcome.sent = list(turn.parcels)
            return outcome
        left = deque(turn.parcels)
        for _ in range(_EACH + 1):
            if not left:
                break
            parcel = left.popleft()
            try:
                if await self._refused(turn.doc, turn, parcel):
                    continue
            except CityError as error:
                outcome.failed, outcome.why = parcel, str(error)
                break
            why = await self._fault(turn.doc, turn.tenant, parcel)
            if why is None:
                outcome.sent.append(parcel)
                if outcome.refused:
                    self._one_by_one[turn.subject] = self._clock() + _ONE_BY_ONE
            elif parcel.bundle is None:
                outcome.failed, outcome.why = parcel, why
                break
            elif (cooldown := endpoint_seconds(turn.doc["notification"]["endpoint"], "cooldown")) is not None:
                # Asked to be left alone after a failure: it is tried with one at a time when that is over.
                outcome.failed, outcome.why = singly([turn.waiting[parcel.ids[0]]])[0], why
                self._one_by_one[turn.subject] = self._clock() + timedelta(seconds=cooldown) + _ONE_BY_ONE
                break
            else:
                _log.info("%d notifications of %s go one by one: %s", len(parcel.ids), turn.subject.id, why)
                outcome.refused = True
                left = deque(singly(turn.waiting[id_] for other in (parcel, *left) for id_ in other.ids))
        return outcome

    async def _fault(self, doc: Mapping[str, Any], tenant: str, parcel: Parcel) -> str | None:
        """Send it; why the receiver does not have it. Its own `timeout` (5.2.15) may make the wait shorter."""
        patience = min(_TIMEOUT, endpoint_seconds(doc["notification"]["endpoint"], "timeout") or _TIMEOUT)
        try:
            async with asyncio.timeout(patience):
                await self._send(doc, tenant, parcel.body)
        except (NotDelivered, CityError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            return str(error) or f"no answer within {patience:g} s"
        except Exception as error:
            _log.exception("notification %d failed by a fault of ours", parcel.ids[0])
            return f"{type(error).__name__}: {error}"
        return None

    async def _refused(self, doc: Mapping[str, Any], turn: _Turn, parcel: Parcel) -> bool:
        """Whether it tells of persons and may not do so any more: then it ends, unsent, and its body is forgotten."""
        asked = turn.asked.get(parcel.ids[0])
        if self._standing is None or asked is None:
            return False
        questions = msgspec.json.decode(asked, type=list[Disclosure])
        async with self._database.transaction() as tx:
            allowed = await self._standing.may_send(tx, turn.tenant, doc, questions, self._clock())
            if not allowed:
                await tx.execute(_SQL["refuse"], list(parcel.ids), WITHDRAWN)
        return not allowed

    async def _send(self, doc: Mapping[str, Any], tenant: str, body: str) -> None:
        endpoint = doc["notification"]["endpoint"]
        uri: str = endpoint["uri"]
        headers = self._headers(doc, tenant, body)
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

    def _headers(self, doc: Mapping[str, Any], tenant: str, body: str) -> dict[str, str]:
        """Content type, the link to the context where the body has none, the tenant, and what the receiver wants."""
        if "@v2" in doc:
            return self._v2_headers(doc, tenant)
        media = media_of(body)
        headers = {"Content-Type": media}
        if media != "application/ld+json":
            given = doc.get("jsonldContext") or doc.get("@context")
            uri = given if isinstance(given, str) else _CORE_LINK
            headers["Link"] = (
                f'<{quote(uri, safe=_IN_URI)}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
            )
        if tenant != self._default_tenant:
            headers["NGSILD-Tenant"] = tenant
        for pair in doc["notification"]["endpoint"].get("receiverInfo", ()):
            headers[str(pair["key"])] = str(pair["value"])
        return headers

    def _v2_headers(self, doc: Mapping[str, Any], tenant: str) -> dict[str, str]:
        form = doc["@v2"]["notification"].get("attrsFormat", "normalized")
        headers = {"Content-Type": "application/json", "Ngsiv2-AttrsFormat": form}
        headers |= {"Fiware-ServicePath": doc["@service_path"]} if doc["@service_path"] else {}
        return headers | ({"Fiware-Service": tenant} if tenant != self._default_tenant else {})

    async def _record(self, turn: _Turn, outcome: _Outcome) -> None:
        now = self._clock()
        sent = {id_ for parcel in outcome.sent for id_ in parcel.ids}
        left = [id_ for parcel in turn.parcels for id_ in parcel.ids if id_ not in sent]
        async with self._database.transaction() as tx:
            if outcome.refused:
                await tx.execute(_SQL["count_failed"], *turn.subject, now)
            if sent:
                await tx.execute(_SQL["settle"], list(sent))
                await tx.execute(_SQL["count_sent"], *turn.subject, now, len(outcome.sent))
            if left:
                await tx.execute(_SQL["release"], left, now)
            if outcome.failed is not None:
                await self._put_off(tx, turn, outcome.failed, outcome.why, now)

    async def _put_off(self, tx: Transaction, turn: _Turn, parcel: Parcel, why: str, now: datetime) -> None:
        """Try the one that failed again later, after the endpoint's `cooldown` (5.2.15) at the earliest, and give it
        up, or what is too much, where that is the rule."""
        subject, attempts = turn.subject, parcel.attempts + 1
        _log.info("notification %d of %s was not delivered: %s", parcel.ids[0], subject.id, why)
        endpoint = turn.doc["notification"]["endpoint"] if turn.doc is not None else {}
        longer = endpoint_seconds(endpoint, "cooldown") or 0.0
        pause = timedelta(seconds=max(back_off(attempts, first=2.0, longest=600.0), longer))
        state = "dead" if attempts >= _ATTEMPTS else "waiting"
        await tx.execute(_SQL["again"], parcel.ids[0], now + pause, why[:2000], state)
        await tx.execute(_SQL["count_failed"], *subject, now)
        full = f"more than {_MOST_WAITING} waited for this receiver"
        await tx.execute(_SQL["overflow"], *subject, _MOST_WAITING, full)
