"""The alarm rules and the dashboard ask only for metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry

import broker.telemetry as instruments

DASHBOARDS = Path(__file__).parents[3] / "deploy" / "dashboards"
_NAME = re.compile(r"\bcityos_[a-z_]+")
_SUFFIXES = ("_bucket", "_count", "_sum", "_total")
_OF_THE_PAGE = {"cityos_processes", "cityos_processes_unreachable"}


def expressions() -> Iterator[str]:
    for group in yaml.safe_load((DASHBOARDS / "alarms.yaml").read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    for panel in json.loads((DASHBOARDS / "cityos.json").read_text("utf-8"))["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


@pytest.fixture
def known() -> Iterator[set[str]]:
    """The names under which Prometheus sees our instruments, from the reader itself."""
    registry = CollectorRegistry()
    provider = MeterProvider([PrometheusMetricReader(registry=registry)], shutdown_on_exit=False)
    meter = provider.get_meter("names")
    for made in vars(instruments).values():
        record(meter, made)
    yield {family.name for family in registry.collect()} | _OF_THE_PAGE
    provider.shutdown()


def record(meter: object, made: object) -> None:
    """Make the same instrument with a provider that reads it, and record once."""
    for kind, create, use in (
        ("Counter", "create_counter", "add"),
        ("Gauge", "create_gauge", "set"),
        ("Histogram", "create_histogram", "record"),
    ):
        if type(made).__name__ == f"_Proxy{kind}":
            arguments = made.__dict__
            one = getattr(meter, create)(arguments["_name"], arguments["_unit"], arguments["_description"])
            getattr(one, use)(1)


def test_every_metric_asked_for_exists(known: set[str]) -> None:
    asked = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert len(asked) > 10
    unknown = {
        name for name in asked if name not in known and not any(name.removesuffix(s) in known for s in _SUFFIXES)
    }
    assert unknown == set()
