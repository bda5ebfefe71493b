"""The topic that power meters speak on."""

from __future__ import annotations

from adapters.power_meter import decode
from broker.ingest.ports import AdapterRoute

FAMILY = "power_meter"

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode),)
