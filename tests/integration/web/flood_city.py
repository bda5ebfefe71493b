"""A city for the pages' browser tests: the real flood of 13 July 2023 in Fukui, told by the map's own routes.

Levels, positions and stages are the recorded ones (deploy/demo). Stage and trend are worked out the plain way; the
judging itself is tested where it lives. A test moves the clock, adds readings and raises alerts.
"""

from __future__ import annotations

import csv
import gzip
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

DEMO = Path(__file__).parents[3] / "deploy" / "demo"
JAPAN = timezone(timedelta(hours=9))
STAGES = ("standby", "caution", "evacuation", "danger")
SILENT_AFTER = timedelta(hours=3)

Reading = tuple[datetime, float]


def jst(text: str) -> datetime:
    """A local time such as 2023-07-13T11:20, zone given."""
    return datetime.fromisoformat(text).replace(tzinfo=JAPAN)


def iso(at: datetime) -> str:
    """In UTC, as the gateway writes times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def stations() -> tuple[dict[str, str], ...]:
    """The 103 gauges as recorded."""
    with (DEMO / "stations.csv").open(encoding="utf-8") as rows:
        return tuple(csv.DictReader(rows))


@cache
def recorded() -> dict[str, tuple[Reading, ...]]:
    """All usable readings of 13-15 July 2023 by station, in order of time."""
    out: dict[str, dict[datetime, float]] = {}
    with gzip.open(DEMO / "readings-2023-07.csv.gz", "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if "T24" in row["observed_at_jst"]:
                continue
            try:
                level = float(row["water_level_m"])
            except ValueError:
                continue
            out.setdefault(row["station_id"], {})[jst(row["observed_at_jst"])] = level
    return {station: tuple(sorted(readings.items())) for station, readings in out.items()}


def gauge_id(station: str) -> str:
    """The entity that the map calls the gauge."""
    return f"urn:ngsi-ld:WaterObserved:fukui-{station}"


@dataclass
class FloodCity:
    """What the map's routes answer, at `now`. Safe to change while the server reads."""

    now: datetime
    mode: str = "live"
    tile_url: str | None = None
    tile_attribution: str | None = None
    added: dict[str, list[Reading]] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    shelters: list[dict[str, Any]] = field(default_factory=list)
    forecast: list[tuple[datetime, float, float, float]] = field(default_factory=list)
    cameras: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """By name the station of each, and when its image was taken."""
    marks: dict[tuple[str, datetime], dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def config(self) -> dict[str, Any]:
        """`GET /api/v1/config`."""
        return {
            "city": {"name": "福井県", "nameEn": "Fukui Prefecture", "localGovernmentCode": "180009"},
            "mode": self.mode,
            "now": iso(self.now),
            "tileUrl": self.tile_url,
            "tileAttribution": self.tile_attribution,
            "languages": ["ja", "en"],
            "center": [136.2, 35.9],
            "zoom": 8.5,
            "version": "0.1.0",
        }

    def gauges(self) -> dict[str, Any]:
        """`GET /api/v1/flood/gauges`."""
        with self.lock:
            return {"now": iso(self.now), "gauges": [self._gauge(station) for station in stations()]}

    def active_alerts(self) -> dict[str, Any]:
        """`GET /api/v1/flood/alerts`."""
        with self.lock:
            return {"alerts": list(self.alerts)}

    def hydrograph(self, gauge: str, start: datetime, end: datetime) -> dict[str, Any] | None:
        """`GET /api/v1/flood/gauges/{id}/hydrograph`; None for a gauge that does not exist."""
        station = next((one for one in stations() if gauge_id(one["station_id"]) == gauge), None)
        if station is None:
            return None
        with self.lock:
            points = [
                {"at": iso(at), "level": level, "quality": "good", "status": "provisional", "version": 0}
                | self.marks.get((station["station_id"], at), {})
                for at, level in self._readings(station["station_id"])
                if start <= at < end
            ]
        ahead = [{"at": iso(at), "level": level, "low": low, "high": high} for at, level, low, high in self.forecast]
        return {"id": gauge, "thresholds": _thresholds(station), "points": points, "forecast": ahead}

    def seen(self) -> dict[str, Any]:
        """`GET /api/v1/evacuation/cameras`."""
        districts = [{"id": "eba", "name": "江波地区", "nameEn": "Eba"}]
        return {
            "cameras": [
                {"camera": name, "at": iso(at), "masked": True, "districts": districts, "gauges": [gauge_id(station)]}
                for name, (station, at) in self.cameras.items()
            ]
        }

    def read(self, station: str, at: datetime, level: float) -> dict[str, Any]:
        """A new reading reached the city: it is in every answer from now on. Gives the change to send."""
        with self.lock:
            self.added.setdefault(station, []).append((at, level))
            self.now = max(self.now, at)
        value = {"type": "Property", "value": level, "unitCode": "MTR", "observedAt": iso(at)}
        return _change(gauge_id(station), "WaterObserved", {"waterLevel": value})

    def judged(self, station: str) -> dict[str, Any]:
        """The change that a gauge's new stage makes."""
        return _change(f"urn:ngsi-ld:FloodMonitoring:fukui-{station}", "FloodMonitoring", {})

    def alert(self, station: str, stage: str, status: str) -> dict[str, Any]:
        """An alert comes into force. Gives the change to send."""
        gauge = next(one for one in stations() if one["station_id"] == station)
        name = {"danger": "氾濫危険水位", "evacuation": "避難判断水位", "caution": "氾濫注意水位"}[stage]
        with self.lock:
            self.alerts.append(
                {
                    "id": f"urn:ngsi-ld:Alert:{len(self.alerts) + 1}",
                    "gauge": gauge_id(station),
                    "gaugeName": gauge["station_name"],
                    "river": gauge["river_name"],
                    "stage": stage,
                    "severity": "critical",
                    "status": status,
                    "issuedAt": iso(self.now),
                    "headline": f"{gauge['river_name']}（{gauge['station_name']}）が{name}に達しました",
                    "headlineEn": f"The river has reached the {stage} level",
                    "description": "",
                }
            )
            return _change(self.alerts[-1]["id"], "Alert", {}, "create")

    def _readings(self, station: str) -> list[Reading]:
        known = [*recorded().get(station, ()), *self.added.get(station, ())]
        return sorted(reading for reading in known if reading[0] <= self.now)

    def _gauge(self, station: dict[str, str]) -> dict[str, Any]:
        readings = self._readings(station["station_id"])
        at, level = readings[-1] if readings else (None, None)
        thresholds = _thresholds(station)
        silent = at is None or self.now - at > SILENT_AFTER
        mark = self.marks.get((station["station_id"], at), {}) if at is not None else {}
        return {
            "id": gauge_id(station["station_id"]),
            "stationId": station["station_id"],
            "name": station["station_name"],
            "river": station["river_name"],
            "address": station["address"],
            "manager": station["manager"],
            "location": {
                "type": "Point",
                "coordinates": [float(station["longitude"]), float(station["latitude"])],
            },
            "thresholds": thresholds,
            "level": level,
            "observedAt": None if at is None else iso(at),
            "receivedAt": None if at is None else iso(at),
            "stage": "unknown" if silent else _stage(level, thresholds),
            "trend": _trend(readings),
            "quality": mark.get("quality", "good"),
            "status": mark.get("status", "provisional"),
            "suspectStage": None,
        }


def _thresholds(station: dict[str, str]) -> dict[str, float | None]:
    return {stage: float(text) if (text := station[f"{stage}_m"]) else None for stage in STAGES}


def _stage(level: float | None, thresholds: dict[str, float | None]) -> str:
    if all(value is None for value in thresholds.values()):
        return "none"
    reached = [
        stage for stage, value in thresholds.items() if value is not None and level is not None and level >= value
    ]
    return reached[-1] if reached else "below"


def _trend(readings: list[Reading]) -> str:
    if len(readings) < 2:
        return "unknown"
    change = readings[-1][1] - readings[-2][1]
    return "rising" if change > 0.02 else "falling" if change < -0.02 else "steady"


def _change(entity: str, type_: str, attributes: dict[str, Any], op: str = "update") -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    return {
        "tenant": "fukui",
        "entity": entity,
        "type": [type_],
        "op": op,
        "version": 2,
        "at": at,
        "attributes": json.loads(json.dumps(attributes)),
    }
