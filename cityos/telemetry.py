"""What a process tells about itself: metrics on a page of its own, traces where a collector is set, JSON log lines."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from cityos.health_page import Health, Page
from cityos.metrics_page import announce, scrape_all
from cityos.settings import TelemetrySettings
from cityos.structured_logs import log_as_json

__all__ = ["Telemetry", "scrape_all", "start_telemetry"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_EVENT_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 60.0, 300.0, 600.0, 3600.0, 86400.0, 604800.0)
_EXPORT_SECONDS = 5.0


class Telemetry:
    """A process's telemetry while it runs: its event loop keeps `health`, and /metrics shows `registry`."""

    def __init__(
        self,
        registry: CollectorRegistry,
        health: Health,
        page: Page,
        announced: Path | None,
        meters: MeterProvider,
        tracers: TracerProvider | None,
    ) -> None:
        self.registry = registry
        self.health = health
        self._page = page
        self._announced = announced
        self._meters = meters
        self._tracers = tracers

    @property
    def port(self) -> int:
        """The port of this process's page."""
        return self._page.port

    def stop(self) -> None:
        """Send what waits (five seconds at most), and take the page down."""
        if self._announced is not None:
            with contextlib.suppress(FileNotFoundError):
                self._announced.unlink()
        if self._tracers is not None:
            self._tracers.shutdown()
        self._meters.shutdown()
        self._page.close()


def start_telemetry(role: str, settings: TelemetrySettings, folder: Path | None = None) -> Telemetry:
    """Set this process's providers, once: its page, traces to the OTLP endpoint if one is set, and log lines as JSON.

    `folder` is where the port is announced for `scrape_all` (``<city folder>/metrics``); None announces nothing
    (containers, which a collector finds by name). Raises OSError when the port is taken.
    """
    log_as_json(role, settings.log_level, most_bytes=settings.log_file_mb * 1_000_000)
    resource = Resource.create(
        {"service.namespace": "cityos", "service.name": role, "service.instance.id": os.getpid()}
    )
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    meters = _meters(resource, registry)
    metrics.set_meter_provider(meters)
    tracers = _tracers(resource, settings.otlp_endpoint) if settings.otlp_endpoint else None
    if tracers is not None:
        trace.set_tracer_provider(tracers)
    health = Health()
    page = Page(settings.metrics_host, settings.metrics_port, registry, health)
    announced = announce(folder, role, page.port) if folder is not None else None
    return Telemetry(registry, health, page, announced, meters, tracers)


def _meters(resource: Resource, registry: CollectorRegistry) -> MeterProvider:
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    views = [
        View(instrument_name="cityos.latency.event", aggregation=ExplicitBucketHistogramAggregation(_EVENT_SECONDS)),
        *(
            View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(_SECONDS))
            for name in ("cityos.latency.stored", "cityos.latency.delivered", "cityos.*.time")
        ),
    ]
    return MeterProvider([reader], resource, views=views, shutdown_on_exit=False)


def _tracers(resource: Resource, endpoint: str) -> TracerProvider:
    """Traces that came in go on, and those begun here are recorded: whoever begins one has sampled already.

    The queue is bounded: what a slow or absent collector does not take is dropped, never waited for.
    """
    # Imported where it is needed: a process that exports nothing need not hold an HTTP client and its formats.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    tracers = TracerProvider(ParentBased(ALWAYS_ON), resource, shutdown_on_exit=False)
    tracers.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=4096, export_timeout_millis=_EXPORT_SECONDS * 1000)
    )
    return tracers
