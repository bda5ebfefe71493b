"""The audit trail as a journal that is sealed. Apart from the gateway: the writer, who seals, needs no more of it."""

from __future__ import annotations

from broker.sealing import Journal
from broker.sql import load

AUDIT = Journal("audit", load("api_gateway.oauth", "sealing"))
