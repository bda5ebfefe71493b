"""The topic that charging stations' messages come on."""

from __future__ import annotations

from adapters.ev_charger.decode import decode
from broker.ingest.ports import AdapterRoute
from schemas.charging import FAMILY, UP_FILTER

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(UP_FILTER, FAMILY, decode),)
