"""Entities about persons through the open API: nothing without a ground, and nothing more once it is taken back."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from access.defaults import DEFAULT_POLICY
from access.evidence import sign_statement
from access.policy import Action, Policy, Rule
from api_gateway.app import create_app
from api_gateway.ngsi_ld.fetching import fetcher
from api_gateway.ngsi_ld.owners import CurrentOwners
from api_gateway.oauth.clients import register_client
from api_gateway.policies.book import PolicyBook
from broker.consent.gate import Gate
from broker.consent.register import ConsentBook, Wish, add_person
from broker.delivery.asking import WITHDRAWN
from broker.entities.merge import EntityUpdate
from broker.jsonld.library import ContextLibrary
from broker.ports import CHANGES, Record
from broker.store.entities import EntityWriter
from broker.subscriptions.handler import SubscriptionHandler
from broker.subscriptions.standing import Standing
from services.notify.sender import Sender
from tests.integration.gateway.conftest import City
from tests.integration.notify.receivers import HttpReceiver

HANAKO, TARO = "fukui.hanako", "fukui.taro"
RIDE = "urn:ngsi-ld:RideBooking:{}"
PURPOSE = {"CityOS-Purpose": "ride-booking"}


class Rides:
    """Two residents' bookings, and an app that holds personal:read."""

    def __init__(self, city: City, client: httpx.AsyncClient, app: str, secret: str) -> None:
        self.city = city
        self.client = client
        self.app = app
        self.secret = secret
        self.book = ConsentBook(lambda statement: sign_statement(city.services.keys.ring, statement))

    async def change(self, name: str, person: str, seats: int, at: datetime) -> None:
        attributes = {
            "person": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{person}"},
            "seats": {"type": "Property", "value": seats, "observedAt": at.isoformat().replace("+00:00", "Z")},
        }
        update = EntityUpdate(id=RIDE.format(name), type=("RideBooking",), attributes=attributes)
        async with self.city.database.app.transaction("fukui") as tx:
            await EntityWriter(self.city.services.outlet).write(tx, "fukui", [update], at=at)

    async def token(self, city: City, *scopes: str) -> str:
        """A new token of the same app, which is allowed these scopes now."""
        await with_scopes(city, self.app, *scopes)
        form = {"grant_type": "client_credentials"}
        answer = await self.client.post("/oauth/token", data=form, auth=(self.app, self.secret))
        return f"Bearer {answer.json()['access_token']}"

    async def consent(self, person: str = HANAKO) -> str:
        now = datetime.now(UTC)
        wish = Wish(recipient=self.app, category="rides", purpose="ride-booking", until=now + timedelta(days=1))
        async with self.city.database.app.transaction("fukui") as tx:
            return (await self.book.grant(tx, "fukui", person, wish, person, now - timedelta(seconds=1))).id

    async def withdraw(self, consent: str) -> None:
        async with self.city.database.app.transaction("fukui") as tx:
            await self.book.withdraw(tx, "fukui", consent, HANAKO, datetime.now(UTC))

    async def booked(self) -> list[tuple[str, bool]]:
        async with self.city.database.system.transaction() as tx:
            rows = await tx.fetch("select reference, allowed from disclosure order by id")
        return [tuple(row) for row in rows]


@asynccontextmanager
async def open_rides(city: City) -> AsyncIterator[Rides]:
    """The app, and the bookings of two residents in `city`."""
    async with city.database.system.transaction() as tx:
        app, secret = await register_client(tx, "fukui", "送迎アプリ", ["personal:read", "entities:read"])
    async with city.client() as client:
        form = {"grant_type": "client_credentials"}
        answer = await client.post("/oauth/token", data=form, auth=(app, secret))
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        made = Rides(city, client, app, secret)
        async with city.database.app.transaction("fukui") as tx:
            for person in (HANAKO, TARO):
                await add_person(tx, "fukui", person, datetime.now(UTC))
        await made.change("h", HANAKO, 1, datetime(2026, 11, 1, tzinfo=UTC))
        await made.change("t", TARO, 2, datetime(2026, 11, 1, tzinfo=UTC))
        yield made


@pytest.fixture
async def rides(city: City) -> AsyncIterator[Rides]:
    async with open_rides(city) as made:
        yield made


async def page(rides: Rides, **headers: str) -> Any:
    answer = await rides.client.get(
        "/ngsi-ld/v1/entities", params={"type": "RideBooking", "count": "true"}, headers={**PURPOSE, **headers}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["ngsild-results-count"] == str(len(answer.json()))
    return [entity["id"] for entity in answer.json()]


async def evolution(rides: Rides) -> Any:
    params = {"type": "RideBooking", "timerel": "after", "timeAt": "2026-10-01T00:00:00Z"}
    answer = await rides.client.get("/ngsi-ld/v1/temporal/entities", params=params, headers=PURPOSE)
    assert answer.status_code == 200, answer.text
    return [entity["id"] for entity in answer.json()]


async def test_without_a_ground_there_is_nothing_to_see(rides: Rides) -> None:
    assert await page(rides) == []
    for path in ("/ngsi-ld/v1/entities/", "/ngsi-ld/v1/temporal/entities/"):
        answer = await rides.client.get(path + RIDE.format("h"), headers=PURPOSE)
        assert answer.status_code == 404
        unknown = await rides.client.get(path + RIDE.format("x"), headers=PURPOSE)
        assert answer.json()["detail"].replace(":h", ":x") == unknown.json()["detail"]
    assert (RIDE.format("h"), False) in await rides.booked()


async def test_with_consent_exactly_that_persons_and_until_withdrawn(rides: Rides) -> None:
    consent = await rides.consent()
    mine = RIDE.format("h")
    assert await page(rides) == [mine]
    one = await rides.client.get(f"/ngsi-ld/v1/entities/{mine}", headers=PURPOSE)
    assert one.json()["seats"]["value"] == 1
    past = await rides.client.get(f"/ngsi-ld/v1/temporal/entities/{mine}", headers=PURPOSE)
    assert past.json()["seats"][0]["value"] == 1
    assert await evolution(rides) == [mine]
    assert (await rides.client.get(f"/ngsi-ld/v1/entities/{RIDE.format('t')}", headers=PURPOSE)).status_code == 404
    await rides.withdraw(consent)
    assert await page(rides) == []
    assert await evolution(rides) == []
    for path in ("/ngsi-ld/v1/entities/", "/ngsi-ld/v1/temporal/entities/"):
        assert (await rides.client.get(path + mine, headers=PURPOSE)).status_code == 404
    assert (await rides.booked())[:4] == [(mine, True)] * 4


SEATS_HIDDEN = Rule(
    name="seats",
    explanation="how many ride along is for the buses alone",
    allow=False,
    actions=frozenset({Action.READ}),
    types=frozenset({"RideBooking"}),
    attributes=frozenset({"seats"}),
)


async def test_nobody_finds_persons_by_what_is_hidden(city: City) -> None:
    policy = Policy(version="narrow", rules=(SEATS_HIDDEN, *DEFAULT_POLICY.rules))
    services = dataclasses.replace(city.services, policy=policy, metrics=CollectorRegistry())
    async with open_rides(City(create_app(services), services, city.log, city.database)) as rides:
        await rides.consent()
        (mine,) = await page(rides)
        past = {"timerel": "after", "timeAt": "2026-10-01T00:00:00Z"}
        for path, params in [
            ("/ngsi-ld/v1/entities", {"q": "seats>0"}),
            ("/ngsi-ld/v1/entities", {"orderBy": "seats"}),
            ("/ngsi-ld/v1/entities", {"attrs": "seats"}),
            ("/ngsi-ld/v1/entities", {"pick": "seats"}),
            ("/ngsi-ld/v1/temporal/entities", {"q": "seats>0", **past}),
        ]:
            asked = {"type": "RideBooking", **params}
            refused = await rides.client.get(path, params=asked, headers=PURPOSE)
            assert refused.status_code == 403, (path, params)
            assert "for the buses alone (rule seats of policy narrow)" in refused.json()["detail"]
        shown = (await rides.client.get(f"/ngsi-ld/v1/entities/{mine}", headers=PURPOSE)).json()
        assert ("seats" in shown, "person" in shown) == (False, True)
        older = await rides.client.get("/v2/entities", params={"type": "RideBooking", "q": "seats>0"}, headers=PURPOSE)
        assert older.status_code == 403, "no personal entity at all by NGSIv2"


async def test_the_purpose_must_be_stated_and_is_the_one_consented_to(rides: Rides) -> None:
    await rides.consent()
    for headers in ({}, {"CityOS-Purpose": "curiosity"}):
        answer = await rides.client.get("/ngsi-ld/v1/entities", params={"type": "RideBooking"}, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (400, "CityOS-Purpose")
        answer = await rides.client.get(f"/ngsi-ld/v1/entities/{RIDE.format('h')}", headers=headers)
        assert answer.status_code == 404
    assert await page(rides, **{"CityOS-Purpose": "statistics"}) == []


async def test_personal_and_other_types_are_asked_for_apart(rides: Rides) -> None:
    params = {"type": "RideBooking,WaterObserved"}
    answer = await rides.client.get("/ngsi-ld/v1/entities", params=params, headers=PURPOSE)
    assert answer.status_code == 422
    everything = await rides.client.get("/ngsi-ld/v1/entities", params={"local": "true"}, headers=PURPOSE)
    assert everything.json() == []


async def test_nothing_changes_for_whoever_lacks_the_scope(rides: Rides, city: City) -> None:
    await rides.consent()
    for scopes in (["entities:read"], ["entities:read", "entities:write"]):
        headers = {"Authorization": f"Bearer {await city.token(*scopes)}", **PURPOSE}
        async with city.client() as other:
            answer = await other.get("/ngsi-ld/v1/entities", params={"type": "RideBooking"}, headers=headers)
            assert answer.status_code == 403
            assert (await other.get(f"/ngsi-ld/v1/entities/{RIDE.format('h')}", headers=headers)).status_code == 404
            assert (await other.get("/api/v1/events?types=RideBooking", headers=headers)).status_code == 403


async def test_another_app_gains_nothing_from_the_consent(rides: Rides, city: City) -> None:
    await rides.consent()
    headers = {"Authorization": f"Bearer {await city.token('personal:read')}", **PURPOSE}
    async with city.client() as other:
        answer = await other.get("/ngsi-ld/v1/entities", params={"type": "RideBooking"}, headers=headers)
        assert answer.json() == []


async def test_the_event_stream_is_judged_event_by_event(rides: Rides, base_url: str) -> None:
    consent = await rides.consent()
    headers = {**PURPOSE, "Authorization": rides.client.headers["Authorization"]}
    seen: list[str] = []
    async with (
        httpx.AsyncClient(base_url=base_url, timeout=20) as client,
        client.stream("GET", "/api/v1/events?types=RideBooking", headers=headers) as stream,
        asyncio.timeout(30),
    ):
        lines = stream.aiter_lines()
        async for line in lines:
            if line == ": connected":
                break
        at = datetime(2026, 11, 2, tzinfo=UTC)
        await rides.change("t", TARO, 3, at)
        await rides.change("h", HANAKO, 3, at)
        async for line in lines:
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["entity"])
                break
        await rides.withdraw(consent)
        await rides.change("h", HANAKO, 4, at + timedelta(hours=1))
        for _ in range(400):
            if (RIDE.format("h"), False) in await rides.booked():
                break
            await asyncio.sleep(0.05)
    assert seen == [RIDE.format("h")]


class Told:
    """The notifier's half: what subscriptions would be told of the changes on the log so far."""

    def __init__(self, city: City) -> None:
        self.city = city
        system = city.database.system
        contexts = ContextLibrary(system, fetcher(allow_private=True), "http://127.0.0.1:8080")
        standing = Standing(CurrentOwners(PolicyBook(DEFAULT_POLICY)), Gate(system))
        self.handler = SubscriptionHandler(contexts, lambda: datetime.now(UTC), standing)
        self.offsets = {0: 0, 1: 0}

    async def records(self) -> list[Record]:
        """What came on the log since the last time."""
        records: list[Record] = []
        for partition, offset in self.offsets.items():
            found = await self.city.log.read(CHANGES, partition, offset, limit=100)
            self.offsets[partition] += len(found)
            records += found
        return records

    async def entities(self) -> list[str]:
        """The entities that were told of since the last time."""
        records = await self.records()
        async with self.city.database.system.transaction() as tx:
            await self.handler.handle(tx, records)
            rows = await tx.fetch("with gone as (delete from notification returning body) select body::text from gone")
        return [entity["id"] for row in rows for entity in json.loads(row["body"])["data"]]


async def subscribe(client: httpx.AsyncClient, type_: str, **headers: str) -> httpx.Response:
    body = {
        "type": "Subscription",
        "entities": [{"type": type_}],
        "notification": {"endpoint": {"uri": "https://app.example/hook"}},
    }
    return await client.post("/ngsi-ld/v1/subscriptions", json=body, headers=headers)


async def with_scopes(city: City, app: str, *scopes: str) -> None:
    async with city.database.system.transaction() as tx:
        await tx.execute("update oauth_client set scopes = $2 where client_id = $1", app, list(scopes))


async def test_a_withdrawal_counts_at_the_next_notification(rides: Rides, city: City) -> None:
    headers = {"Authorization": await rides.token(city, "personal:read", "subscriptions:write")}
    assert (await subscribe(rides.client, "RideBooking", **headers)).status_code == 400
    made = await subscribe(rides.client, "RideBooking", **headers, **PURPOSE)
    assert made.status_code == 201, made.text
    told, at = Told(city), datetime(2026, 11, 3, tzinfo=UTC)
    assert await told.entities() == []
    consent = await rides.consent()
    await rides.change("h", HANAKO, 3, at)
    await rides.change("t", TARO, 3, at)
    assert await told.entities() == [RIDE.format("h")]
    await rides.withdraw(consent)
    await rides.change("h", HANAKO, 4, at + timedelta(hours=1))
    assert await told.entities() == []
    await rides.consent()
    await rides.change("h", HANAKO, 5, at + timedelta(hours=2))
    assert await told.entities() == [RIDE.format("h")]
    await with_scopes(city, rides.app, "subscriptions:write")
    await rides.change("h", HANAKO, 6, at + timedelta(hours=3))
    assert await told.entities() == []


async def test_a_withdrawal_counts_at_the_next_attempt_of_a_notification(rides: Rides, city: City) -> None:
    system = city.database.system
    headers = {"Authorization": await rides.token(city, "personal:read", "subscriptions:write"), **PURPOSE}
    standing = Standing(CurrentOwners(PolicyBook(DEFAULT_POLICY)), Gate(system))

    async def queue() -> list[tuple[str, int, str | None]]:
        async with system.transaction() as tx:
            rows = await tx.fetch("select state, attempts, error, body::text from notification order by id")
        assert all(HANAKO not in row["body"] for row in rows if row["state"] == "refused"), "nothing of it is kept"
        return [(row["state"], row["attempts"], row["error"]) for row in rows]

    @asynccontextmanager
    async def sending() -> AsyncIterator[None]:
        stop = asyncio.Event()
        sender = Sender(
            system, lambda: datetime.now(UTC), default_tenant="fukui", allow_private=True, standing=standing
        )
        task = asyncio.create_task(sender.run(stop))
        yield
        stop.set()
        await asyncio.wait_for(task, 60)

    async def until(done: Callable[[], Awaitable[bool]]) -> None:
        for _ in range(3000):
            if await done():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(await queue())

    async with HttpReceiver() as receiver:
        receiver.status = 503
        body = {"type": "Subscription", "entities": [{"type": "RideBooking"}]}
        body["notification"] = {"endpoint": {"uri": receiver.url}}  # type: ignore[assignment]
        made = await rides.client.post("/ngsi-ld/v1/subscriptions", json=body, headers=headers)
        assert made.status_code == 201, made.text
        told = Told(city)
        assert await told.entities() == []
        consent = await rides.consent()
        await rides.change("h", HANAKO, 3, datetime(2026, 11, 3, tzinfo=UTC))
        records = await told.records()
        async with system.transaction() as tx:
            await told.handler.handle(tx, records)
        async with sending():
            await until(lambda: _is(queue, lambda rows: rows[0][1] == 1))
        assert [row[0] for row in await queue()] == ["waiting"]
        await rides.withdraw(consent)
        receiver.status, sent, booked = 200, len(receiver.got), await rides.booked()
        async with system.transaction() as tx:
            await tx.execute("update notification set due_at = now()")
        async with sending():
            await until(lambda: _is(queue, lambda rows: rows[0][0] == "refused"))
        assert (len(receiver.got), (await queue())[0][2]) == (sent, WITHDRAWN)
        assert len(await rides.booked()) == len(booked) + 1, "refused, and booked"


async def _is(read: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> bool:
    return holds(await read())


async def test_who_lost_a_right_is_told_no_more(rides: Rides, city: City, writer: httpx.AsyncClient) -> None:
    headers = {"Authorization": await rides.token(city, "entities:read", "subscriptions:write")}
    assert (await subscribe(rides.client, "RideBooking", **headers, **PURPOSE)).status_code == 403
    assert (await subscribe(rides.client, "ShelterStock", **headers)).status_code == 201
    told, shelter = Told(city), "urn:ngsi-ld:ShelterStock:1"

    async def restock(beds: int) -> list[str]:
        body = [{"id": shelter, "type": "ShelterStock", "beds": {"type": "Property", "value": beds}}]
        answer = await writer.post("/ngsi-ld/v1/entityOperations/upsert", json=body)
        assert answer.status_code in (201, 204), answer.text
        return await told.entities()

    assert await restock(1) == [shelter]
    await with_scopes(city, rides.app, "subscriptions:write")
    assert await restock(2) == []
    await with_scopes(city, rides.app, "subscriptions:write", "entities:read")
    assert await restock(3) == [shelter]
    async with city.database.system.transaction() as tx:
        await tx.execute("update oauth_client set status = 'suspended' where client_id = $1", rides.app)
    assert await restock(4) == []
