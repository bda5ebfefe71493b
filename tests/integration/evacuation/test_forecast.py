"""Levels ahead: trained by the command, written for fresh readings, seen by staff, used in the rule."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np

from adapters.times import parse_time
from broker.entities.merge import EntityUpdate
from broker.ports import Transaction
from broker.store.entities import EntityWriter
from cityos.provision import load_devices
from cityos.replay import DEMO_FOLDER
from schemas.clock import iso, utc_now
from schemas.device import DeviceProfile, Point
from services.evacuation.proposals import Ahead
from services.forecast import model
from services.forecast.features import GaugeTraits
from services.forecast.role import Forecaster, forecast_id
from services.forecast.series import Record, Series
from services.forecast.store import save_model
from tests.integration.alerting.bench import EBA, START
from tests.integration.cityos.test_commands import Command, cityos, table
from tests.integration.evacuation.conftest import PREFIX, Night

__all__ = ["cityos"]
FLOODS = tuple(str(DEMO_FOLDER / f"readings-{name}.csv.gz") for name in ("2021-08", "2023-07", "2024-07"))
GREAT = "urn:ngsi-ld:WaterObserved:180009:13"
"""Of the group whose levels an hour ahead are worth showing."""
NOW = parse_time("2024-07-01T10:20:00+09:00")


async def register(tx: Transaction) -> None:
    """The stations of the demonstration as devices of the test's city."""
    await tx.executemany(
        "insert into device (tenant_id, id, family, entity_id, entity_type, profile)"
        " select id, $1, 'river_gauge', $2, 'WaterObserved', $3::text::jsonb from tenant where name = 'fukui'"
        " on conflict do nothing",
        [
            *[(one.id, one.entity_id, msgspec.json.encode(one.profile).decode()) for one in load_devices()],
            ("wrong", "urn:ngsi-ld:WaterObserved:wrong", '{"report_interval_s": -1}'),
        ],
    )


def recorded(path: str, until: datetime) -> list[EntityUpdate]:
    """A flood's readings up to a moment as the writer writes them."""
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = parse_time(row["observed_at_jst"])
            entity = f"urn:ngsi-ld:WaterObserved:180009:{row['station_id']}"
            if until - timedelta(days=1) < at <= until and row["water_level_m"] not in ("", "*"):
                value = {
                    "type": "Property",
                    "value": float(row["water_level_m"]),
                    "unitCode": "MTR",
                    "observedAt": iso(at),
                }
                found.append(EntityUpdate(entity, ("WaterObserved",), {"waterLevel": value}))
    return found


async def test_from_the_command_to_the_officer(night: Night, officer: httpx.AsyncClient, cityos: Command) -> None:
    system = night.city.database.system
    async with system.transaction() as tx:
        await register(tx)
    assert await Forecaster(system, EntityWriter(night.flood.stream)).look() == 0, "without a model nothing is forecast"
    said = cityos("forecast", "train", "--readings", FLOODS[0], "--test", FLOODS[1], "--test", FLOODS[2])
    lines = said.stdout.splitlines()
    rows, told = lines[:-9], lines[-9:]
    assert [line.split(" gauges;")[0] for line in told if "shown of 0 " not in line] == [
        "1 h, gauges that move 0 to 1 m: shown of 49 of 49",
        "1 h, gauges that move 2.5 m and more: shown of 19 of 19",
    ], "from three hours on it is worse than persistence on some rising limb"
    skills = defaultdict(list)
    for row in table(type(said)(said.args, 0, "\n".join(rows), "")):
        skills[row["lead h"]].append(float(row["skill"]))
    assert {lead: len(found) for lead, found in skills.items()} == {"1": 2, "3": 2, "6": 2}
    assert all(skill > 0 for found in skills.values() for skill in found)

    async with system.transaction() as tx:
        await night.flood.writer.write(tx, "fukui", recorded(FLOODS[2], NOW), at=utc_now())
    night.flood.stream.take()
    forecaster = Forecaster(system, EntityWriter(night.flood.stream))
    assert await forecaster.look() > 80
    assert await forecaster.look() == 0
    async with system.transaction() as tx:
        await tx.execute("update forecast_model set body = 'no model'")
    assert await Forecaster(system, EntityWriter(night.flood.stream)).look() == 0, "nothing dies of it"
    assert await night.flood.entity(forecast_id(EBA)) is None, "of no use while a river of its kind rises"
    (one,) = await ahead_of(night, GREAT)
    assert one.lead == 1
    assert one.low <= one.level <= one.high
    entity = await night.flood.entity(forecast_id(GREAT))
    assert entity is not None
    assert one.at - datetime.fromisoformat(entity["forecast"]["observedAt"]) == timedelta(hours=1)

    path = f"/api/v1/flood/gauges/{GREAT}/hydrograph"
    answer = await officer.get(path)
    assert answer.status_code == 200, answer.text
    assert [one["lead"] for one in answer.json()["forecast"]] == [1]
    anybody = await night.anybody()
    assert (await anybody.get(path)).json()["forecast"] == []
    assert (await anybody.get(f"/ngsi-ld/v1/entities/{forecast_id(GREAT)}")).status_code in (401, 403, 404)


async def ahead_of(night: Night, gauge: str) -> list[Ahead]:
    """What is forecast of a gauge at present."""
    entity = await night.flood.entity(forecast_id(gauge))
    assert entity is not None
    return [msgspec.convert(one, Ahead) for one in entity["forecast"]["value"]]


async def test_a_new_model_takes_back_what_it_is_no_good_at(night: Night, officer: httpx.AsyncClient) -> None:
    """A forecast of another model's lies ahead of the present for hours: until then it would be used in the rule."""
    system = night.city.database.system
    at = START + timedelta(minutes=30)
    told = [{"at": iso(at + timedelta(hours=3)), "lead": 3, "level": 2.2, "low": 1.5, "high": 3.0}]
    await night.rise((0, 0.9), (10, 1.2), (20, 1.25), (30, 1.3))
    await night.hear(forecast_id(EBA), "WaterLevelForecast", {"forecast": told, "model": 0}, minutes=30)
    assert len(await proposed(officer)) == 2
    learned = model.Model({EBA: GaugeTraits(1.5, 1.0)}, model.train(*synthetic()).trees, {})
    async with system.transaction() as tx:
        await save_model(tx, "fukui", learned, model.dump(learned), [], utc_now())
    await Forecaster(system, EntityWriter(night.flood.stream)).look()
    assert await ahead_of(night, EBA) == []
    async with system.transaction() as tx:
        await night.proposer.handle(tx, night.flood.stream.take())
    assert ["提案を取り下げ" in text for text in await proposed(officer)] == [True, True, False, False]


def synthetic() -> tuple[list[Record], dict[str, tuple[float, float]]]:
    """A record to learn anything from."""
    at = np.arange(0, 600 * 1200.0, 1200.0)
    return [Record({"one": Series(at, np.sin(at / 20_000))})], {"one": (136.0, 36.0)}


async def test_rain_of_the_citys_own_gauges_is_used(night: Night) -> None:
    """Learned with rain, a gauge is forecast while its rain gauge speaks, by its hours or by its ten minutes."""
    system = night.city.database.system
    async with system.transaction() as tx:
        await tx.execute(
            "insert into device (tenant_id, id, family, entity_id, entity_type, profile)"
            " select id, 'r1', 'rain_gauge', $1, 'WeatherObserved', $2::text::jsonb from tenant where name = 'fukui'",
            RAIN,
            msgspec.json.encode(DeviceProfile(location=Point((136.0, 35.9)))).decode(),
        )
        learned = rainy()._replace(traits={EBA: GaugeTraits(1.5, 1.0, (), (RAIN,))}, shown={EBA: (1,)})
        await save_model(tx, "fukui", learned, model.dump(learned), [], utc_now())
    forecaster = Forecaster(system, EntityWriter(night.flood.stream))
    for hour, rain in enumerate(({}, {"precipitation": 5.0}, {"precipitation10min": 1.0})):
        now = START + timedelta(hours=7 * hour)
        told = [EntityUpdate(EBA, ("WaterObserved",), {"waterLevel": measured(1.0, "MTR", now)})]
        for back in range(6, -1, -1):
            for name, value in rain.items():
                moment = now - timedelta(minutes=10 * back)
                told.append(EntityUpdate(RAIN, ("WeatherObserved",), {name: measured(value, "MMT", moment)}))
        async with system.transaction() as tx:
            await night.flood.writer.write(tx, "fukui", told, at=utc_now())
        await forecaster.look()
        found = await night.flood.entity(forecast_id(EBA))
        assert (found is not None and found["forecast"]["observedAt"] == iso(now)) == bool(rain)


RAIN = "urn:ngsi-ld:WeatherObserved:r1"


def measured(value: float, unit: str, at: datetime) -> dict[str, Any]:
    """A property as the writer writes it."""
    return {"type": "Property", "value": value, "unitCode": unit, "observedAt": iso(at)}


def rainy() -> model.Model:
    """Learned where rain goes three hours before the level."""
    at = np.arange(0, 600 * 1200.0, 1200.0)
    record = Record({"one": Series(at, np.sin(at / 20_000))}, {"rain": Series(at, 1 + np.cos(at / 20_000))})
    return model.train([record], {"one": (136.0, 36.0), "rain": (136.01, 36.0)})


async def test_danger_ahead_is_proposed(night: Night, officer: httpx.AsyncClient) -> None:
    await night.rise((0, 0.9), (10, 1.2), (20, 1.25), (30, 1.3))
    assert await proposed(officer) == []

    def told(level: float) -> list[dict[str, Any]]:
        at = START + timedelta(minutes=30)
        return [{"at": iso(at + timedelta(hours=3)), "lead": 3, "level": level, "low": 1.5, "high": 3.0}]

    await night.hear(forecast_id(EBA), "WaterLevelForecast", {"forecast": told(2.2)}, minutes=30)
    first, second = await proposed(officer)
    assert "警戒レベル3を提案" in first
    assert "3時間後に氾濫危険水位に達する見込み（2.20 m）" in second
    await night.hear(forecast_id(EBA), "WaterLevelForecast", {"forecast": told(1.9)}, minutes=31)
    assert ["提案を取り下げ" in text for text in await proposed(officer)] == [True, True, False, False]
    await night.hear(forecast_id(EBA), "WaterLevelForecast", {"forecast": "soon"}, minutes=32)
    assert len(await proposed(officer)) == 4
    desk = (await officer.get(f"{PREFIX}/desk")).json()["districts"]
    assert [one["proposal"]["level"] for one in desk] == [0, 0], "a forecast for a time that is past proposes nothing"


async def proposed(client: httpx.AsyncClient) -> list[str]:
    """What the record says was proposed, newest first."""
    lines = (await client.get(f"{PREFIX}/record")).json()["lines"]
    return [line["text"] for line in lines if line["kind"] == "proposed"]


def test_a_flood_cannot_judge_what_was_learned_from_it(cityos: Command, tmp_path: Path) -> None:
    said = cityos("forecast", "train", "--readings", FLOODS[1], "--test", FLOODS[1], status=2)
    assert "cannot judge" in said.stderr
    said = cityos("forecast", "train", "--readings", str(tmp_path / "none.csv"), "--test", FLOODS[1], status=2)
    assert "cannot be read" in said.stderr
