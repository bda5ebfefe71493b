"""Reading the catalogue of one city, and writing what it says of a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from broker.catalogue.values import SERVICES, DataSet, Described, Figures, Flow, undescribed
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.catalogue", "catalogue")


class City(NamedTuple):
    """Whose catalogue it is."""

    title: str
    code: str | None


async def city_of(tx: Transaction, name: str) -> City:
    """The title and 全国地方公共団体コード of the tenant; its name where it has no title."""
    row = await tx.fetchrow(_SQL["city"])
    return City(row["title"] or name, row["code"])


async def data_sets(tx: Transaction, city: City, now: datetime, flows: Iterable[Flow] = ()) -> list[DataSet]:
    """Every type with entities or with a description, in order of name; `flows` are known elsewhere (usage by apps)."""
    said = {row["type"]: _described(row) for row in await tx.fetch(_SQL["described"])}
    known = {name: said.get(name) or undescribed(name, city.title) for name in [*said, *await _types(tx)]}
    expected = [(name, one.interval_s) for name, one in known.items() if one.interval_s is not None]
    names, seconds = [name for name, _ in expected], [interval for _, interval in expected]
    figures = {row["type"]: _figures(row) for row in await tx.fetch(_SQL["figures"], names, seconds, now)}
    around: defaultdict[str, list[Flow]] = defaultdict(list)
    for flow in [*await _flows(tx), *SERVICES, *flows]:
        around[flow.type].append(flow)
    return [
        DataSet(known[name], figures.get(name, Figures()), tuple(sorted(around[name], key=_order)), name in said)
        for name in sorted(known)
    ]


async def describe(tx: Transaction, described: Described, by: str, now: datetime) -> None:
    """Say what a data set is; replaces what was said before."""
    await tx.execute(_SQL["put"], *described[:-1], list(described.keywords), by, now)


async def _types(tx: Transaction) -> list[str]:
    return [row["type"] for row in await tx.fetch(_SQL["types"])]


async def _flows(tx: Transaction) -> list[Flow]:
    """Devices that feed, subscriptions and other governments that take."""
    fed = [
        Flow(row["type"], "feeds", "device", row["family"], "MQTT", row["devices"])
        for row in await tx.fetch(_SQL["feeders"])
    ]
    told = [
        Flow(row["type"], "takes", "subscription", "NGSI-LD", "通知 (subscription)", row["subscriptions"])
        for row in await tx.fetch(_SQL["subscribers"])
    ]
    given = [
        Flow(row["type"], "takes", "government", row["reader"], "委任 (delegation)")
        for row in await tx.fetch(_SQL["delegated"])
    ]
    return [*fed, *told, *given]


def _order(flow: Flow) -> tuple[str, str, str]:
    return flow.way, flow.kind, flow.name


def _described(row: Any) -> Described:
    values = dict(row)
    return Described(**{**values, "keywords": tuple(values["keywords"])})


def _figures(row: Any) -> Figures:
    box = (row["west"], row["south"], row["east"], row["north"])
    return Figures(row["entities"], row["since"], row["latest"], row["fresh"], None if None in box else box)
