"""The topic that dams speak on."""

from __future__ import annotations

from adapters.dam import decode
from broker.ingest.ports import AdapterRoute

FAMILY = "dam"

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode),)
