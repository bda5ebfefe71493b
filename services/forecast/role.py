"""Every minute: the levels ahead of each gauge that has a new reading, as entities of type WaterLevelForecast.

Where a city has trained no model nothing is read or written, and the libraries that know models are not loaded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from broker.entities.merge import EntityUpdate
from broker.errors import Invalid
from broker.ports import Database, Transaction
from broker.store.entities import EntityWriter
from broker.waiting import again
from schemas.clock import Clock, iso, utc_now
from services.forecast import store
from services.forecast.settings import ForecastSettings
from services.forecast.store import SQL

if TYPE_CHECKING:
    from services.forecast.model import Ahead, Model

TYPE = "WaterLevelForecast"
_LOOKED_BACK = timedelta(hours=25)
_FRESH = timedelta(hours=2)
_log = logging.getLogger(__name__)


class Forecaster:
    """`look` makes one round. Holds the model in use and the moments forecast last; both are found again anew."""

    def __init__(self, database: Database, writer: EntityWriter, clock: Clock = utc_now) -> None:
        self._database, self._writer, self._clock = database, writer, clock
        self._models: dict[str, tuple[int, Model]] = {}
        self._done: dict[tuple[str, str], float] = {}

    async def look(self) -> int:
        """Forecast where a gauge has a new reading; how many gauges."""
        async with self._database.transaction() as tx:
            newest = [(row["tenant"], row["id"]) for row in await tx.fetch(SQL["newest"])]
        made = 0
        for tenant, number in newest:
            try:
                async with self._database.transaction() as tx:
                    news = await self._of(tx, tenant, number)
            except Invalid as error:
                _log.warning("the levels of %s are not forecast: %s", tenant, error)
                continue
            self._done.update({(tenant, name): at for name, at in news.items()})
            made += len(news)
        return made

    async def _of(self, tx: Transaction, tenant: str, number: int) -> dict[str, float]:
        end = await tx.fetchval(SQL["latest"], tenant)
        if end is None:
            return {}
        from services.forecast import model
        from services.forecast.features import uses_rain

        fresh = tenant not in self._models or self._models[tenant][0] != number
        used = await self._model(tx, tenant, number)
        if fresh:
            await self._take_back(tx, tenant, number)
        gauges = await store.load_gauges(tx, tenant)
        record = await store.load_record(tx, tenant, gauges, end - _LOOKED_BACK, end)
        if uses_rain(used.traits):
            record = record._replace(rain=await store.load_rain(tx, tenant, gauges, end - _LOOKED_BACK, end))
        after = (end - _FRESH).timestamp()
        news = {
            name: float(series.at[-1])
            for name, series in record.levels.items()
            if len(series.at) and series.at[-1] > max(after, self._done.get((tenant, name), 0.0))
        }
        if not news:
            return {}
        found = await asyncio.to_thread(model.forecast, used, record)
        updates = [
            _update(name, news[name], ahead, number) for name, ahead in sorted(found.items()) if name in news and ahead
        ]
        await self._writer.write(tx, tenant, updates, at=self._clock())
        return news

    async def _take_back(self, tx: Transaction, tenant: str, number: int) -> None:
        """Empty what another model said: it may be for leads that this one was found to be no good at."""
        told = [row["id"] for row in await tx.fetch(SQL["of_other_models"], tenant, str(number))]
        updates = [EntityUpdate(name, (TYPE,), {"forecast": {"type": "Property", "value": []}}) for name in told]
        await self._writer.write(tx, tenant, updates, at=self._clock())

    async def _model(self, tx: Transaction, tenant: str, number: int) -> Model:
        from services.forecast import model

        held = self._models.get(tenant)
        if held is None or held[0] != number:
            row: Mapping[str, Any] | None = await tx.fetchrow(SQL["model"], number)
            assert row is not None, "the newest model is there"
            held = (
                number,
                await asyncio.to_thread(
                    model.read, row["body"], store.decode_traits(row["traits"]), store.decode_shown(row["shown_by"])
                ),
            )
            self._models[tenant] = held
        return held[1]


def _update(gauge: str, base: float, ahead: tuple[Ahead, ...], number: int) -> EntityUpdate:
    at = datetime.fromtimestamp(base, UTC)
    levels = [
        {
            "at": iso(at + timedelta(hours=one.lead)),
            "lead": one.lead,
            "level": one.level,
            "low": one.low,
            "high": one.high,
        }
        for one in ahead
    ]
    attributes: dict[str, Any] = {
        "forecast": {"type": "Property", "value": levels, "unitCode": "MTR", "observedAt": iso(at)},
        "model": {"type": "Property", "value": number, "observedAt": iso(at)},
        "refGauge": {"type": "Relationship", "object": gauge},
    }
    return EntityUpdate(forecast_id(gauge), (TYPE,), attributes, frozenset({"refGauge"}))


def forecast_id(gauge: str) -> str:
    """The forecast's entity of a gauge's."""
    return gauge.replace(":WaterObserved:", f":{TYPE}:")


async def run(
    database: Database, writer: EntityWriter, settings: ForecastSettings, stop: asyncio.Event, clock: Clock = utc_now
) -> None:
    """Work until `stop`. A round that fails is logged and made up for in the next."""
    forecaster = Forecaster(database, writer, clock)
    await again(forecaster.look, stop=stop, every=settings.every_s, log=_log, otherwise="levels are forecast later")
