"""The open data of the buses hold what validators ask for, and no booking."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from google.transit import gtfs_realtime_pb2 as realtime

from services.dispatch.opendata import Agency, gtfs, service_alerts, vehicle_positions
from services.dispatch.roads import Road
from services.dispatch.values import Stop, Vehicle

CITY = Agency("越前町", "https://city.example.jp/bus.html", "0776-20-0001")
STOPS = (
    Stop("eki", "駅前", 136.20, 35.95),
    Stop("byoin", "市民病院", 136.22, 35.96),
    Stop("kawabe", "川辺公園", 136.23, 35.97, "川の水位が氾濫危険水位に達したため", "urn:ngsi-ld:FloodMonitoring:1"),
)
BUSES = (Vehicle("v1", "1号車", 8, 1, "eki", 450.0, 1140.0), Vehicle("v2", "2号車", 8, 1, "eki", 480.0, 1500.0, "故障"))
DAY, NOW = date(2026, 11, 24), datetime(2026, 11, 24, tzinfo=UTC)


def table(feed: bytes, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(feed)) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


@pytest.mark.parametrize("zones", [{}, {"eki": "中心", "byoin": "中心"}])
def test_the_validator_finds_no_fault_in_the_timetable(tmp_path: Path, zones: dict[str, str]) -> None:
    (tmp_path / "feed.zip").write_bytes(gtfs(CITY, STOPS, BUSES, zones, DAY))
    command = [
        sys.executable,
        "-m",
        "gtfs_validator.cli",
        "-i",
        "feed.zip",
        "-o",
        "out",
        "-d",
        "2026-11-24",
        "-c",
        "jp",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120, capture_output=True)
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    faults = [notice for notice in report["notices"] if notice["severity"] in ("ERROR", "WARNING")]
    assert faults == []
    assert json.loads((tmp_path / "out" / "system_errors.json").read_text("utf-8"))["notices"] == []


def test_people_are_fetched_anywhere_in_the_area_in_the_hours_of_all_buses_together() -> None:
    feed = gtfs(CITY, STOPS, BUSES, {}, DAY)
    assert [row["stop_id"] for row in table(feed, "location_group_stops.txt")] == ["eki", "byoin"]
    first, second = table(feed, "stop_times.txt")
    assert (first["start_pickup_drop_off_window"], first["end_pickup_drop_off_window"]) == ("07:30:00", "25:00:00")
    assert (first["pickup_type"], first["drop_off_type"], first["pickup_booking_rule_id"]) == ("2", "1", "book")
    assert (second["pickup_type"], second["drop_off_type"], second["drop_off_booking_rule_id"]) == ("1", "2", "book")
    assert table(feed, "booking_rules.txt")[0]["booking_type"] == "0"
    assert table(feed, "calendar.txt")[0]["end_date"] == "20270123"
    assert feed == gtfs(CITY, STOPS, BUSES, {}, DAY)


def test_positions_are_those_of_buses_that_run() -> None:
    places = {"v1": (136.21, 35.955, NOW), "v2": (136.0, 36.0, NOW)}
    feed = realtime.FeedMessage.FromString(vehicle_positions(places, BUSES, NOW))
    (entity,) = feed.entity
    assert (entity.vehicle.vehicle.id, entity.vehicle.timestamp) == ("v1", int(NOW.timestamp()))
    assert entity.vehicle.position.longitude == pytest.approx(136.21, abs=1e-5)
    assert not entity.vehicle.HasField("trip")
    assert feed.header.gtfs_realtime_version == "2.0"


def test_a_closed_stop_is_an_alert_with_its_cause() -> None:
    feed = realtime.FeedMessage.FromString(service_alerts(STOPS, [], NOW))
    (entity,) = feed.entity
    assert [one.stop_id for one in entity.alert.informed_entity] == ["kawabe"]
    assert (entity.alert.cause, entity.alert.effect) == (realtime.Alert.WEATHER, realtime.Alert.NO_SERVICE)
    assert "氾濫危険水位" in entity.alert.description_text.translation[0].text


def test_a_closed_road_is_an_alert_of_a_detour_and_an_open_one_is_none() -> None:
    line = ((136.20, 35.95), (136.22, 35.95))
    roads = [Road("a", "県道3号", False, line, "崩土のため"), Road("b", "市道", False, line)]
    feed = realtime.FeedMessage.FromString(service_alerts([], roads, NOW))
    (entity,) = feed.entity
    assert [one.route_id for one in entity.alert.informed_entity] == ["demand"]
    assert (entity.alert.cause, entity.alert.effect) == (realtime.Alert.OTHER_CAUSE, realtime.Alert.DETOUR)
    assert "県道3号" in entity.alert.header_text.translation[0].text
