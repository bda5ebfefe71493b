"""The topic that feeders of flood notices speak on."""

from __future__ import annotations

from adapters.flood_notice import decode
from broker.ingest.ports import AdapterRoute

FAMILY = "flood_notice"

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode),)
