"""Server-sent events from a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

import httpx
import orjson

from broker.ports import CHANGES, NewRecord
from schemas.change import Change, Sample, encode_change
from tests.integration.gateway.conftest import City

AT = datetime(2024, 7, 1, tzinfo=UTC)
EVENTS = "/api/v1/events"


def record(number: int, type_: str = "WaterObserved", tenant: str = "fukui", **attributes: object) -> NewRecord:
    entity = f"urn:ngsi-ld:{type_}:{number}"
    change = Change(
        tenant=tenant,
        entity=entity,
        type=(type_,),
        op="update",
        version=number + 1,
        at=AT,
        attributes=dict(attributes) or {"waterLevel": {"type": "Property", "value": number}},
        samples=(Sample(attribute="waterLevel", value=number, observed_at=AT),) if not attributes else (),
    )
    return NewRecord(f"{tenant}/{entity}".encode(), encode_change(change))


class Message(NamedTuple):
    id: str
    event: str
    data: str


async def messages(lines: AsyncIterator[str]) -> AsyncIterator[Message]:
    """Parse the stream as a browser does; comments come as events named `:`."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line.startswith(":"):
            yield Message("", ":", line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "data" in fields:
                yield Message(fields.get("id", ""), fields.get("event", "message"), fields["data"])
            fields = {}


async def read(base_url: str, want: int, after_open: object = None, **options: object) -> list[Message]:
    """Open the stream, then run `after_open`, and return the first `want` messages that are no comments."""
    found: list[Message] = []
    async with (
        asyncio.timeout(30),
        httpx.AsyncClient(base_url=base_url) as client,
        client.stream("GET", EVENTS, **options) as answer,  # type: ignore[arg-type]
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for message in messages(answer.aiter_lines()):
            if message.event == ":" and message.data == "connected" and callable(after_open):
                await after_open()
            if message.event != ":":
                found.append(message)
            if len(found) >= want:
                break
    return found


async def test_changes_come_as_they_happen_and_only_those_one_may_see(city: City, base_url: str) -> None:
    async def happen() -> None:
        await city.log.append(CHANGES, [record(1, tenant="neighbour"), record(2, "Person"), record(3, "Alert")])
        await city.log.append(CHANGES, [record(4)])

    found = await read(base_url, 1, happen, params={"types": "WaterObserved"})
    assert [(m.event, orjson.loads(m.data)["entity"]) for m in found] == [("change", "urn:ngsi-ld:WaterObserved:4")]
    assert orjson.loads(found[0].data)["attributes"]["waterLevel"]["value"] == 4
    for _ in range(100):
        if not city.app.state.fanout.open_streams:
            break
        await asyncio.sleep(0.02)
    assert city.app.state.fanout.open_streams == 0, "a closed connection gives its place back"


async def test_all_readable_types_without_a_choice(city: City, base_url: str) -> None:
    async def happen() -> None:
        await city.log.append(CHANGES, [record(1, "Person"), record(2, "Secret"), record(3, "Alert"), record(3)])

    found = await read(base_url, 2, happen)
    assert {orjson.loads(message.data)["type"][0] for message in found} == {"Alert", "WaterObserved"}


async def test_a_reader_resumes_where_it_was(city: City, base_url: str) -> None:
    await city.log.append(CHANGES, [record(0)])

    async def happen() -> None:
        await city.log.append(CHANGES, [record(1)])

    [first] = await read(base_url, 1, happen)
    await city.log.append(CHANGES, [record(number) for number in range(2, 8)])

    async def happen_again() -> None:
        await city.log.append(CHANGES, [record(8)])

    rest = await read(base_url, 7, happen_again, headers={"Last-Event-ID": first.id})
    assert sorted(orjson.loads(m.data)["entity"][-1] for m in rest) == list("2345678")
    assert len({m.id for m in rest}) == 7


async def test_a_cursor_beyond_the_log_is_a_gap(city: City, base_url: str) -> None:
    [gap] = await read(base_url, 1, headers={"Last-Event-ID": "0:99,1:99"})
    assert (gap.event, gap.id) == ("gap", "0:0,1:0")


async def test_what_is_no_cursor_is_refused(city: City, base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as client:
        answer = await client.get(EVENTS, headers={"Last-Event-ID": "1; drop table"})
    assert answer.status_code == 400
    assert answer.json()["field"] == "Last-Event-ID"


async def test_a_slow_reader_is_told_of_the_gap(city: City, base_url: str) -> None:
    async def happen() -> None:
        await city.log.append(CHANGES, [record(number) for number in range(500)])

    found = await read(base_url, 1, happen)
    assert found[0].event == "gap", "500 at once are more than the 8 that are kept"
    numbers = [int(part.split(":")[1]) for part in found[0].id.split(",")]
    assert sum(numbers) > 8


async def test_a_silent_stream_says_that_it_lives(city: City, base_url: str) -> None:
    async with (
        asyncio.timeout(30),
        httpx.AsyncClient(base_url=base_url) as client,
        client.stream("GET", EVENTS) as answer,
    ):
        comments = [m.data async for m in _first(messages(answer.aiter_lines()), 3)]
    assert comments == ["connected", "alive", "alive"]


async def _first(source: AsyncIterator[Message], count: int) -> AsyncIterator[Message]:
    async for message in source:
        yield message
        count -= 1
        if not count:
            return


async def test_personal_types_cannot_be_asked_for(city: City, base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as client:
        answer = await client.get(EVENTS, params={"types": "Person"})
        assert answer.status_code == 403
        assert "rule personal-data" in answer.json()["detail"]
        assert (await client.get(EVENTS, params={"types": "Secret"})).status_code == 401
        assert (await client.get(EVENTS, params={"tenant": "atlantis"})).status_code == 404


async def test_attributes_for_staff_are_left_out(city: City, base_url: str) -> None:
    suspect = {"type": "Property", "value": "danger"}
    rising = {"type": "Property", "value": "rising"}

    async def happen() -> None:
        await city.log.append(CHANGES, [record(1, "FloodMonitoring", suspectStage=suspect)])
        await city.log.append(CHANGES, [record(1, "FloodMonitoring", suspectStage=suspect, trend=rising)])

    [seen] = await read(base_url, 1, happen)
    assert orjson.loads(seen.data)["attributes"] == {"trend": rising}
    staff = {"Authorization": f"Bearer {await city.token('flood:staff')}"}
    [first] = await read(base_url, 1, happen, headers=staff)
    assert orjson.loads(first.data)["attributes"] == {"suspectStage": suspect}


async def test_the_server_stops_while_streams_are_open(city: City, base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as client, client.stream("GET", EVENTS) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        city.app.state.fanout.close()
        async with asyncio.timeout(30):
            rest = [line async for line in lines]
    assert rest[-1] == ""
