"""What the broker measures, and how a trace passes through it.

Only the OpenTelemetry API is used here: until a process sets providers (cityos/telemetry.py) every instrument and
span is a no-op. The data path records once for each batch, never for each message, and makes spans only for messages
that carry a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

_meter = metrics.get_meter("cityos")
_tracer = trace.get_tracer("cityos")
_propagator = TraceContextTextMapPropagator()

Labels = Mapping[str, AttributeValue]

ACCEPTED = _meter.create_counter("cityos.accepted", "{message}", "messages durable in the log, by way")
REJECTED = _meter.create_counter("cityos.rejected", "{observation}", "rejected, by reason")
STORED = _meter.create_counter("cityos.stored", "{observation}", "observations that history gained")
DUPLICATES = _meter.create_counter("cityos.duplicates", "{observation}", "observations that were there already")
QUEUE_DEPTH = _meter.create_gauge("cityos.queue.depth", "{message}", "messages that wait for the log")
APPEND_TIME = _meter.create_histogram("cityos.log.append.time", "s", "from handing a batch to the log to durable")
LAG = _meter.create_gauge("cityos.consumer.lag", "{record}", "records appended and not yet handled, by group and topic")
BATCH_TIME = _meter.create_histogram("cityos.consumer.batch.time", "s", "one transaction of a consumer, by group")
STALLED = _meter.create_gauge(
    "cityos.consumer.stalled", "s", "how long a reader has not moved although records wait for it, by group and topic"
)
PARKED = _meter.create_gauge("cityos.parked.records", "{record}", "records set aside because their handling failed")
STORE_LATENCY = _meter.create_histogram("cityos.latency.stored", "s", "from arrival to the store (a sample per batch)")
EVENT_LATENCY = _meter.create_histogram(
    "cityos.latency.event", "s", "from the device's own time to the store (a sample per batch)"
)
DELIVERIES = _meter.create_counter("cityos.deliveries", "{delivery}", "notifications sent, by channel and outcome")
DELIVERY_LATENCY = _meter.create_histogram(
    "cityos.latency.delivered", "s", "from a notice's decision to its delivery, by channel"
)
UNBALANCED = _meter.create_gauge("cityos.books.unbalanced", "{line}", "accounts that do not add up, by check")
ROLLUPS_DUE = _meter.create_gauge("cityos.rollups.due", "{bucket}", "hours whose roll-up waits, the open one included")
DEFAULT_ROWS = _meter.create_gauge("cityos.history.default.rows", "{row}", "rows of history outside any month")
DATABASE_BYTES = _meter.create_gauge("cityos.database.size", "By", "size of the database on disk")
KEEPER_FAILURES = _meter.create_counter("cityos.keeper.failures", "{round}", "rounds of upkeep that failed, by job")

_SAMPLES = 4


def record_spread(
    histogram: metrics.Histogram, now: datetime, times: Sequence[datetime], labels: Labels | None = None
) -> None:
    """Record seconds from `times` to `now`: of a batch four at most, evenly spread, so that the cost is bounded."""
    step = max(1, len(times) // _SAMPLES)
    for at in times[::step][:_SAMPLES]:
        histogram.record(max(0.0, (now - at).total_seconds()), labels)


def begin(
    name: str, traceparent: str | None, *, start: datetime | None = None, labels: Labels | None = None
) -> trace.Span | None:
    """A span that continues `traceparent` (W3C Trace Context); None where that is missing or not one.

    Who begins a span ends it: ``span.end()``. Its own `traceparent_of` goes on with the record.
    """
    context = _context(traceparent)
    if context is None:
        return None
    nanoseconds = None if start is None else int(start.timestamp() * 1_000_000_000)
    return _tracer.start_span(name, context, attributes=labels, start_time=nanoseconds)


def traceparent_of(span: trace.Span | None) -> str | None:
    """What the next process is told so that it continues this span."""
    if span is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent")


@contextmanager
def span(
    name: str, traceparent: str | None, labels: Labels | None = None, *, new: bool = False
) -> Iterator[str | None]:
    """Run the block as a span that continues `traceparent`, and give the traceparent to pass on.

    Without a trace there is no span and None is given, unless a `new` trace is to begin here (which still gives None
    in a process that records no spans). An exception is recorded and goes on.
    """
    begun = begin(name, traceparent, labels=labels)
    if begun is None and new:
        begun = new_trace(name)
    if begun is None:
        yield None
        return
    with trace.use_span(begun, end_on_exit=True, record_exception=True, set_status_on_exception=True):
        yield traceparent_of(begun)


@contextmanager
def spans(name: str, traceparents: Sequence[str | None], *, sampled: bool = False) -> Iterator[Sequence[str | None]]:
    """Run the block as one span for each of `traceparents` that is there, and give those to pass on, in order.

    A batch in which nothing carries a trace, which is the rule, costs one look at each; if it is `sampled`, a trace
    begins with its first.
    """
    begun = [begin(name, traceparent) for traceparent in traceparents] if any(traceparents) else []
    if not begun and sampled and traceparents:
        begun = [new_trace(name), *(None for _ in traceparents[1:])]
    if not begun:
        yield traceparents
        return
    try:
        yield [traceparent_of(one) or given for one, given in zip(begun, traceparents, strict=True)]
    finally:
        for one in begun:
            if one is not None:
                one.end()


def new_trace(name: str) -> trace.Span:
    """A span that starts a trace of its own (a sampled batch, a request without a trace)."""
    return _tracer.start_span(name, Context())


def _context(traceparent: str | None) -> Context | None:
    if not traceparent:
        return None
    context = _propagator.extract({"traceparent": traceparent})
    return context if trace.get_current_span(context).get_span_context().is_valid else None
