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

from services.dispatch.calendar import ServiceCalendar
from services.dispatch.opendata import Agency, Offered, gtfs, service_alerts, vehicle_positions
from services.dispatch.roads import Road
from services.dispatch.values import Stop, Vehicle
from services.dispatch.zones import Zone

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


def square(longitude: float, latitude: float) -> tuple[tuple[float, float], ...]:
    """Some two kilometres wide."""
    return tuple((longitude + 0.02 * x, latitude + 0.02 * y) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)))


HOLIDAY = date(2026, 12, 31)
WHOLE = Offered(
    STOPS,
    BUSES,
    (Zone("kita", "北部", square(136.20, 36.00)), Zone("minami", "南部", square(136.20, 35.90)),
     Zone("machi", "町なか", square(136.20, 35.95), door=False)),
    {"eki": "中心", "byoin": "中心", "kita": "北"},
    ServiceCalendar((1, 2, 3, 4, 5), without={HOLIDAY: "年末"}, extra=(date(2026, 11, 28),)),
)  # fmt: skip


@pytest.mark.parametrize("offered", [Offered(STOPS, BUSES), WHOLE])
def test_the_validator_finds_no_fault_in_the_timetable(tmp_path: Path, offered: Offered) -> None:
    (tmp_path / "feed.zip").write_bytes(gtfs(CITY, offered, DAY))
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
    feed = gtfs(CITY, Offered(STOPS, BUSES), DAY)
    assert [row["stop_id"] for row in table(feed, "location_group_stops.txt")] == ["eki", "byoin"]
    first, second = table(feed, "stop_times.txt")
    assert (first["start_pickup_drop_off_window"], first["end_pickup_drop_off_window"]) == ("07:30:00", "25:00:00")
    assert (first["pickup_type"], first["drop_off_type"], first["pickup_booking_rule_id"]) == ("2", "1", "book")
    assert (second["pickup_type"], second["drop_off_type"], second["drop_off_booking_rule_id"]) == ("1", "2", "book")
    assert table(feed, "booking_rules.txt")[0]["booking_type"] == "0"
    assert table(feed, "calendar.txt")[0]["end_date"] == "20270123"
    assert feed == gtfs(CITY, Offered(STOPS, BUSES), DAY)


def test_zones_with_service_to_the_door_are_locations_from_and_to_which_people_ride() -> None:
    feed = gtfs(CITY, WHOLE, DAY)
    with zipfile.ZipFile(io.BytesIO(feed)) as archive:
        drawn = json.loads(archive.read("locations.geojson"))
    assert [(f["id"], f["properties"]["stop_name"]) for f in drawn["features"]] == [
        ("zone:kita", "北部"),
        ("zone:minami", "南部"),
    ]
    assert drawn["features"][0]["geometry"]["coordinates"] == [[list(point) for point in square(136.20, 36.00)]]
    calls = table(feed, "stop_times.txt")
    ends = [row["location_group_id"] or row["location_id"] for row in calls]
    assert ends == ["area", "zone:kita", "zone:minami"] * 2
    assert [row["pickup_type"] for row in calls] == ["2"] * 3 + ["1"] * 3


def test_days_without_service_are_in_the_calendar() -> None:
    feed = gtfs(CITY, WHOLE, DAY)
    (week,) = table(feed, "calendar.txt")
    assert (week["friday"], week["saturday"]) == ("1", "0")
    dates = {row["date"]: row["exception_type"] for row in table(feed, "calendar_dates.txt")}
    assert dates == {"20261231": "2", "20261128": "1"}


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
