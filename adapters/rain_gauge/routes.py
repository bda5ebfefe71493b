"""The topic that rain gauges speak on."""

from __future__ import annotations

from adapters.rain_gauge import decode
from broker.ingest.ports import AdapterRoute

FAMILY = "rain_gauge"

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode),)
