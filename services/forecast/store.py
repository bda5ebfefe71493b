"""Models and the levels they are asked about, in the database. For the system's transactions."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from broker.ports import Transaction
from broker.sql import load
from schemas.device import DeviceProfile, parse_profile
from services.forecast.features import GaugeTraits
from services.forecast.series import Series, series_of

if TYPE_CHECKING:
    from services.forecast.judging import Judged
    from services.forecast.model import Model

SQL = load("services.forecast", "store")
_log = logging.getLogger(__name__)


class Gauges(NamedTuple):
    """Where the city's gauges are, and the ends of their scales in metres; by entity."""

    places: Mapping[str, tuple[float, float]]
    spans: Mapping[str, tuple[float, float]]
    known: frozenset[str]


async def load_gauges(tx: Transaction, tenant: str) -> Gauges:
    """The gauges of a tenant from their devices' profiles; one with a wrong profile is left out and logged."""
    profiles: dict[str, DeviceProfile] = {}
    for row in await tx.fetch(SQL["gauges"], tenant):
        try:
            profiles[row["entity_id"]] = parse_profile(msgspec.json.decode(row["profile"]))
        except ValueError as error:
            _log.warning("%s is not forecast: %s", row["entity_id"], error)
    return Gauges(
        {name: one.location.coordinates for name, one in profiles.items() if one.location},
        {name: one.valid_range["waterLevel"] for name, one in profiles.items() if "waterLevel" in one.valid_range},
        frozenset(profiles),
    )


async def load_record(
    tx: Transaction, tenant: str, gauges: Gauges, start: datetime, end: datetime
) -> dict[str, Series]:
    """Every gauge's levels observed after `start` up to `end`, each in its latest version."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in await tx.fetch(SQL["levels"], tenant, start, end):
        if row["entity_id"] in gauges.known:
            found[row["entity_id"]].append((row["at"], row["level"]))
    return {name: series_of(rows, gauges.spans.get(name)) for name, rows in found.items()}


async def save_model(
    tx: Transaction, tenant: str, model: Model, body: bytes, judged: Sequence[Judged], at: datetime
) -> int:
    """Keep a model; it is in use from the next round on. Returns its number."""
    traits, told, shown = (msgspec.json.encode(one).decode() for one in (model.traits, judged, model.shown))
    leads = sorted({lead for leads in model.shown.values() for lead in leads})
    number: int = await tx.fetchval(SQL["save"], tenant, at, traits, leads, told, body, shown)
    return number


def decode_traits(text: str) -> dict[str, GaugeTraits]:
    """What was learned of the gauges, as it is stored."""
    return msgspec.json.decode(text, type=dict[str, GaugeTraits])


def decode_shown(text: str) -> dict[str, tuple[int, ...]]:
    """The leads shown of each gauge, as they are stored."""
    return msgspec.json.decode(text, type=dict[str, tuple[int, ...]])
