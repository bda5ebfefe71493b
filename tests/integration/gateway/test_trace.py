"""The trace of a write over HTTP goes on with its change, to whoever handles that."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from broker import telemetry
from broker.ports import CHANGES, Record
from schemas.change import decode_change
from services.alerting.intake import GaugeKey, readings_in
from tests.integration.gateway.conftest import City
from tests.integration.gateway.test_entities import UPSERT, gauge

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans of a process that records them, as where a collector is set."""
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    yield kept
    provider.shutdown()


async def records(city: City) -> list[Record]:
    return [record for partition in (0, 1) for record in await city.log.read(CHANGES, partition, 0, limit=10)]


async def traces(city: City) -> list[str | None]:
    return [decode_change(record.value).trace for record in await records(city)]


async def test_a_writes_trace_reaches_its_change_and_the_alerting(city: City, writer: httpx.AsyncClient) -> None:
    answer = await writer.post(UPSERT, json=[gauge()], headers={"traceparent": PARENT})
    assert answer.status_code == 201
    assert await traces(city) == [PARENT]
    assert readings_in(await records(city)).traces == {GaugeKey("fukui", gauge()["id"]): PARENT}


@pytest.mark.parametrize("given", ["", TRACE, f"ff-{TRACE}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01"])
async def test_without_a_trace_a_process_that_records_none_makes_none(
    city: City, writer: httpx.AsyncClient, given: str
) -> None:
    await writer.post(UPSERT, json=[gauge()], headers={"traceparent": given})
    assert await traces(city) == [None]


async def test_a_process_that_records_continues_the_callers_trace(
    city: City, writer: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    await writer.post(UPSERT, json=[gauge()], headers={"traceparent": PARENT})
    [span] = spans.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert await traces(city) == [f"00-{TRACE}-{span.context.span_id:016x}-01"]


async def test_a_process_that_records_begins_a_trace_where_none_came(
    city: City, writer: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    await writer.post(UPSERT, json=[gauge()])
    [span] = spans.get_finished_spans()
    assert span.parent is None
    [given] = await traces(city)
    assert given is not None
    assert given.split("-")[:3] == ["00", f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"]
