"""The buses as open data: GTFS with Flex, GTFS-Realtime positions and alerts. Pure; nothing here knows a booking.

Trip updates are not given: on a bus that drives where people asked, they would tell who rides when.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product

from google.transit import gtfs_realtime_pb2 as realtime

from services.dispatch.calendar import ServiceCalendar
from services.dispatch.roads import Road
from services.dispatch.values import Stop, Vehicle
from services.dispatch.zones import Zone

DAYS = 60
"""How far ahead the timetable says that the buses run."""
ROUTE = "demand"
_AREA = "area"
_SERVICE = "daily"
_ROUTE_TYPE = 3
"""Bus. GTFS itself has no finer type; that it is driven on demand stands in the stop times."""
_DEMANDED, _NEVER = 2, 1
"""pickup_type and drop_off_type: must phone the agency; not available."""
_WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: the same town gives the same bytes."""

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Agency:
    """Who runs the buses: a name, an address on the web where rides are booked, and a telephone number or ''."""

    name: str
    url: str
    phone: str


@dataclass(frozen=True)
class Offered:
    """What people may book: between which stops and zones, by which buses, on which days.

    `fare_zones` are the fare zones by stop; they are GTFS's areas and, as numbers, its zone ids.
    """

    stops: Sequence[Stop]
    vehicles: Sequence[Vehicle]
    zones: Sequence[Zone] = ()
    fare_zones: Mapping[str, str] = field(default_factory=dict)
    calendar: ServiceCalendar = field(default_factory=ServiceCalendar)


def gtfs(agency: Agency, offered: Offered, day: date) -> bytes:
    """A zip archive (GTFS Schedule with GTFS-Flex): one area of all open stops, and the zones with service to the door
    as `locations.geojson`, booked in real time.

    Between the first shift's start and the last one's end people are fetched and brought anywhere in these. A zone
    whose riders walk to a stop is none of GTFS's locations: the bus does not come there.
    """
    first = min((vehicle.shift_from for vehicle in offered.vehicles), default=0.0)
    last = max((vehicle.shift_until for vehicle in offered.vehicles), default=1440.0)
    shown = [stop for stop in offered.stops if stop.closed_because is None]
    doors = [zone for zone in offered.zones if zone.door]
    names = sorted({zone for stop, zone in offered.fare_zones.items() if stop in {one.id for one in shown}})
    named = {zone: f"zone-{number}" for number, zone in enumerate(names, start=1)}
    numbers = {stop: named[zone] for stop, zone in offered.fare_zones.items() if zone in named}
    areas = [{"area_id": number, "area_name": zone} for zone, number in named.items()]
    ends = [{"location_group_id": _AREA}, *({"location_id": _location(zone)} for zone in doors)]
    tables: dict[str, Rows] = {
        "agency.txt": [_agency(agency)],
        "feed_info.txt": [_feed(agency, day)],
        "stops.txt": [_stop(stop, numbers) for stop in shown],
        "areas.txt": areas,
        "stop_areas.txt": [{"area_id": numbers[s.id], "stop_id": s.id} for s in shown if s.id in numbers],
        "routes.txt": [
            {"route_id": ROUTE, "agency_id": "1", "route_long_name": "デマンドバス", "route_type": _ROUTE_TYPE}
        ],
        "calendar.txt": [_calendar(offered.calendar, day)],
        "calendar_dates.txt": _exceptions(offered.calendar, day),
        "trips.txt": [{"route_id": ROUTE, "service_id": _SERVICE, "trip_id": "demand-daily"}],
        "booking_rules.txt": [_booking(agency)],
        "location_groups.txt": [{"location_group_id": _AREA, "location_group_name": "運行区域"}],
        "location_group_stops.txt": [{"location_group_id": _AREA, "stop_id": stop.id} for stop in shown],
        "stop_times.txt": [
            _call(number, end, fetched, first, last)
            for number, (fetched, end) in enumerate(product((True, False), ends), start=1)
        ],
    }
    return _archive(tables, {"locations.geojson": _locations(doors)} if doors else {})


def vehicle_positions(
    positions: Mapping[str, tuple[float, float, datetime]], vehicles: Sequence[Vehicle], now: datetime
) -> bytes:
    """GTFS-Realtime: where the running buses are (longitude, latitude, when)."""
    feed = _message(now)
    for vehicle in vehicles:
        place = positions.get(vehicle.id)
        if place is None or vehicle.broken_because is not None:
            continue
        entity = feed.entity.add(id=f"vehicle-{vehicle.id}")
        entity.vehicle.vehicle.id = vehicle.id
        entity.vehicle.vehicle.label = vehicle.name
        entity.vehicle.position.longitude, entity.vehicle.position.latitude = place[0], place[1]
        entity.vehicle.timestamp = int(place[2].timestamp())
    return bytes(feed.SerializeToString(deterministic=True))


def service_alerts(stops: Iterable[Stop], roads: Iterable[Road], now: datetime) -> bytes:
    """GTFS-Realtime: the stops and the roads that are closed, and why."""
    feed = _message(now)
    shut = [road for road in roads if road.closed_because is not None]
    by_people = {road.id for road in shut if road.closed_by is None}
    for stop in stops:
        if stop.closed_because is None:
            continue
        alert = feed.entity.add(id=f"closed-{stop.id}").alert
        alert.informed_entity.add(stop_id=stop.id)
        alert.effect = realtime.Alert.NO_SERVICE
        by_water = stop.closed_by is not None and stop.closed_by not in by_people
        _explain(alert, by_water, f"「{stop.name}」は休止しています", f"The stop {stop.name} is closed")
        alert.description_text.translation.add(text=stop.closed_because, language="ja")
    for road in shut:
        alert = feed.entity.add(id=f"road-{road.id}").alert
        alert.informed_entity.add(route_id=ROUTE)
        alert.effect = realtime.Alert.DETOUR
        said = f"「{road.name}」は通行止めです。バスは迂回します"
        _explain(alert, road.closed_by is not None, said, f"{road.name} is closed; buses go around it")
        alert.description_text.translation.add(text=road.closed_because, language="ja")
    return bytes(feed.SerializeToString(deterministic=True))


def _explain(alert: realtime.Alert, by_water: bool, japanese: str, english: str) -> None:
    alert.cause = realtime.Alert.WEATHER if by_water else realtime.Alert.OTHER_CAUSE
    alert.header_text.translation.add(text=japanese, language="ja")
    alert.header_text.translation.add(text=english, language="en")


def _message(now: datetime) -> realtime.FeedMessage:
    header = realtime.FeedHeader(
        gtfs_realtime_version="2.0", incrementality=realtime.FeedHeader.FULL_DATASET, timestamp=int(now.timestamp())
    )
    return realtime.FeedMessage(header=header)


def _agency(agency: Agency) -> dict[str, object]:
    return {
        "agency_id": "1",
        "agency_name": agency.name,
        "agency_url": agency.url,
        "agency_timezone": "Asia/Tokyo",
        "agency_lang": "ja",
        "agency_phone": agency.phone,
    }


def _feed(agency: Agency, day: date) -> dict[str, object]:
    return {
        "feed_publisher_name": agency.name,
        "feed_publisher_url": agency.url,
        "feed_lang": "ja",
        "feed_start_date": _date(day),
        "feed_end_date": _date(day + timedelta(days=DAYS)),
        "feed_version": _date(day),
        "feed_contact_url": agency.url,
    }


def _stop(stop: Stop, zones: Mapping[str, str]) -> dict[str, object]:
    return {
        "stop_id": stop.id,
        "stop_name": stop.name,
        "stop_lat": f"{stop.latitude:.6f}",
        "stop_lon": f"{stop.longitude:.6f}",
        "zone_id": zones.get(stop.id, ""),
    }


def _calendar(calendar: ServiceCalendar, day: date) -> dict[str, object]:
    week = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    runs = {name: int(number in calendar.weekdays) for number, name in enumerate(week, start=1)}
    return {"service_id": _SERVICE, **runs, "start_date": _date(day), "end_date": _date(day + timedelta(days=DAYS))}


def _exceptions(calendar: ServiceCalendar, day: date) -> Rows:
    """exception_type 1: service is added to the weekday's; 2: it is taken away (holidays, single days)."""
    days = [day + timedelta(days=n) for n in range(DAYS + 1)]
    runs = {one: calendar.why_not(one) is None for one in days}
    differing = [one for one in days if runs[one] != (one.isoweekday() in calendar.weekdays)]
    return [{"service_id": _SERVICE, "date": _date(one), "exception_type": 1 if runs[one] else 2} for one in differing]


def _location(zone: Zone) -> str:
    """Ids of locations, stops and location groups are of one kind, and must differ."""
    return f"zone:{zone.id}"


def _locations(zones: Sequence[Zone]) -> str:
    """A FeatureCollection with a polygon for each zone."""
    features = [
        {
            "type": "Feature",
            "id": _location(zone),
            "properties": {"stop_name": zone.name},
            "geometry": {"type": "Polygon", "coordinates": [zone.border]},
        }
        for zone in zones
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def _booking(agency: Agency) -> dict[str, object]:
    """booking_type 0: in real time, also for the same day."""
    said = "乗る時刻と停留所を、電話または Web の予約画面でお知らせください。当日でも予約できます。"
    return {
        "booking_rule_id": "book",
        "booking_type": 0,
        "message": said,
        "phone_number": agency.phone,
        "info_url": agency.url,
        "booking_url": agency.url,
    }


def _call(sequence: int, end: Mapping[str, str], fetched: bool, first: float, last: float) -> dict[str, object]:
    """Anywhere to anywhere: people are fetched by the rows in front, and brought by those behind."""
    return {
        "trip_id": "demand-daily",
        "stop_sequence": sequence,
        "location_group_id": end.get("location_group_id", ""),
        "location_id": end.get("location_id", ""),
        "start_pickup_drop_off_window": _clock(first),
        "end_pickup_drop_off_window": _clock(last),
        "pickup_type": _DEMANDED if fetched else _NEVER,
        "drop_off_type": _NEVER if fetched else _DEMANDED,
        "pickup_booking_rule_id": "book" if fetched else "",
        "drop_off_booking_rule_id": "" if fetched else "book",
    }


def _archive(tables: Mapping[str, Rows], texts: Mapping[str, str]) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            if not rows:
                continue
            text = io.StringIO(newline="")
            # A column that no row fills stays out: validators ask of a column that it says something.
            columns = [column for column in rows[0] if any(row[column] != "" for row in rows)]
            lines = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
            lines.writeheader()
            lines.writerows(rows)
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), text.getvalue().encode())
        for name, said in texts.items():
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), said.encode())
    return found.getvalue()


def _date(day: date) -> str:
    return day.strftime("%Y%m%d")


def _clock(minutes: float) -> str:
    return f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}:00"
