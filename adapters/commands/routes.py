"""The topic that answers to commands come on."""

from __future__ import annotations

from adapters.commands.decode import decode
from broker.ingest.ports import AdapterRoute
from schemas.command import ANSWER_FILTER

FAMILY = "command"

ROUTES: tuple[AdapterRoute, ...] = (AdapterRoute(ANSWER_FILTER, FAMILY, decode),)
