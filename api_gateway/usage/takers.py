"""Which apps feed and take which data set, from what was counted: the apps' lines of the data map."""

from __future__ import annotations

from datetime import date

from broker.catalogue.values import Flow
from broker.ports import Transaction
from broker.sql import load

_SQL = load("api_gateway.usage", "usage")
_WRITES = ("create", "replace", "append", "update", "merge", "upsert", "partial", "delete", "purge", "change", "add")


async def takers(tx: Transaction, since: date, *, named: bool) -> list[Flow]:
    """Calls since that day, by app where `named`, else of all apps together (names are chosen by strangers)."""
    found: dict[tuple[str, str, str], int] = {}
    for row in await tx.fetch(_SQL["takers"], since):
        way = "feeds" if row["data"].startswith(_WRITES) else "takes"
        name = _name(row["client"], row["name"]) if named or row["client"] == "anonymous" else "登録アプリ (apps)"
        key = (row["data_set"], way, name)
        found[key] = found.get(key, 0) + row["calls"]
    return [Flow(type_, way, "app", name, "API", calls) for (type_, way, name), calls in found.items()]


def _name(client: str, name: str) -> str:
    return "公開データの利用者 (no token)" if client == "anonymous" else name or client
