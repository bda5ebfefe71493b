"""Without a provider a trace passes through unchanged; nothing that a stranger sends as one does harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from broker.telemetry import begin, record_spread, span, spans, traceparent_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_passes_through_a_process_that_records_none() -> None:
    with span("store", PARENT) as passed_on:
        assert passed_on == PARENT


@pytest.mark.parametrize(
    "nonsense",
    [None, "", "0af7651916cd43dd8448eb211c80319c", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\x00", "00-é"],
)
def test_what_is_no_trace_makes_no_span(nonsense: str | None) -> None:
    assert begin("store", nonsense) is None
    with span("store", nonsense) as passed_on:
        assert passed_on is None
    assert traceparent_of(None) is None


def test_a_batch_keeps_each_messages_own_trace() -> None:
    with spans("store", [None, PARENT, "nonsense"]) as traces:
        assert traces == [None, PARENT, "nonsense"]
    with spans("store", []) as traces:
        assert list(traces) == []


def test_a_sampled_batch_has_no_trace_where_none_is_recorded() -> None:
    with spans("store", [None, None], sampled=True) as traces:
        assert traces == [None, None]


@pytest.mark.parametrize(("count", "recorded"), [(0, 0), (1, 1), (4, 4), (5, 4), (2000, 4)])
def test_latencies_of_a_batch_are_a_bounded_sample(count: int, recorded: int) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    histogram = provider.get_meter("test").create_histogram("latency")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    record_spread(histogram, now, [now - timedelta(seconds=n) for n in range(count)])
    data = reader.get_metrics_data()
    points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points if data and recorded else []
    assert sum(point.count for point in points) == recorded
    provider.shutdown()
