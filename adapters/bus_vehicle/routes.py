"""The topic that buses speak on."""

from __future__ import annotations

from adapters.bus_vehicle import decode
from broker.ingest.ports import AdapterRoute

FAMILY = "bus_vehicle"

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode),)
