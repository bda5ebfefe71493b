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
from services.forecast.series import Record, Series, hourly_rain, series_of

if TYPE_CHECKING:
    from services.forecast.judging import Judged
    from services.forecast.model import Model

SQL = load("services.forecast", "store")
_log = logging.getLogger(__name__)


class Gauges(NamedTuple):
    """Where the city's river gauges are, the ends of their scales in metres, and where its rain gauges are; by
    entity."""

    places: Mapping[str, tuple[float, float]]
    spans: Mapping[str, tuple[float, float]]
    known: frozenset[str]
    rain: Mapping[str, tuple[float, float]] = {}

    @property
    def everywhere(self) -> Mapping[str, tuple[float, float]]:
        """The places of all."""
        return {**self.places, **self.rain}


async def load_gauges(tx: Transaction, tenant: str) -> Gauges:
    """The gauges of a tenant from their devices' profiles; one with a wrong profile is left out and logged."""
    profiles: dict[str, DeviceProfile] = {}
    rain: dict[str, tuple[float, float]] = {}
    for row in await tx.fetch(SQL["gauges"], tenant):
        try:
            profile = parse_profile(msgspec.json.decode(row["profile"]))
        except ValueError as error:
            _log.warning("%s is not forecast: %s", row["entity_id"], error)
            continue
        if row["entity_type"] == "WaterObserved":
            profiles[row["entity_id"]] = profile
        elif profile.location:
            rain[row["entity_id"]] = profile.location.coordinates
    return Gauges(
        {name: one.location.coordinates for name, one in profiles.items() if one.location},
        {name: one.valid_range["waterLevel"] for name, one in profiles.items() if "waterLevel" in one.valid_range},
        frozenset(profiles),
        rain,
    )


async def load_record(tx: Transaction, tenant: str, gauges: Gauges, start: datetime, end: datetime) -> Record:
    """Every gauge's levels observed after `start` up to `end`, each in its latest version; without the rain."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in await tx.fetch(SQL["levels"], tenant, start, end):
        if row["entity_id"] in gauges.known:
            found[row["entity_id"]].append((row["at"], row["level"]))
    return Record({name: series_of(rows, gauges.spans.get(name)) for name, rows in found.items()})


async def load_rain(tx: Transaction, tenant: str, gauges: Gauges, start: datetime, end: datetime) -> dict[str, Series]:
    """What each rain gauge measured, as rain of the hour: its own 時間雨量, or the sum of its 10分雨量."""
    hours: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    tens: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in await tx.fetch(SQL["rain"], tenant, start, end):
        if row["entity_id"] in gauges.rain:
            (hours if row["attribute"] == "precipitation" else tens)[row["entity_id"]].append((row["at"], row["rain"]))
    summed = {name: hourly_rain(series_of(rows)) for name, rows in tens.items()}
    names = {*summed, *hours}
    empty = series_of([])
    return {name: series_of([*zip(*summed.get(name, empty), strict=True), *hours[name]]) for name in names}


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
