"""Where people ride from beside the stops, and on which days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from broker.errors import Invalid
from services.dispatch.calendar import ServiceCalendar, check_day, read_calendar, read_holidays
from services.dispatch.fares import FareRules, ZoneFare, fare
from services.dispatch.values import Ask, Promise, Stop
from services.dispatch.zones import Located, Zone, given_at, is_place, look

BORDER = ((136.20, 35.95), (136.22, 35.95), (136.22, 35.97), (136.20, 35.97), (136.20, 35.95))
NORTH = Zone("kita", "北部", BORDER)
STOPS = (Stop("eki", "駅前", 136.21, 35.96), Stop("hashi", "橋", 136.2105, 35.96, "増水"))
LABOUR = date(2026, 11, 23)


def locate(longitude: float, latitude: float, zones: list[Zone], stops: tuple[Stop, ...], field: str) -> Located:
    return given_at(look(longitude, latitude, zones, stops), field)


def test_the_bus_comes_to_a_place_in_a_zone_and_knows_it_again() -> None:
    found = locate(136.21234, 35.95678, [NORTH], STOPS, "origin")
    assert (found.metres, found.stop.zone, is_place(found.stop.id)) == (0.0, "kita", True)
    assert (found.stop.longitude, found.stop.latitude) == (136.2123, 35.9568)
    assert locate(136.21233, 35.95679, [NORTH], STOPS, "destination").stop == found.stop
    assert locate(136.2125, 35.9568, [NORTH], STOPS, "origin").stop.id != found.stop.id
    assert "136" not in found.stop.id
    assert found.stop.name == "北部（橋から南東へ390m）"
    assert locate(136.21, 35.96, [NORTH], STOPS, "origin").stop.name == "北部（駅前のそば）"


def test_a_place_is_served_again_where_it_was_told_to_be() -> None:
    """Known to ten metres: what lies inside by less than that may be outside when sent back: told at once."""
    slanted = replace(NORTH, border=((136.2, 35.95), (136.22, 35.9501), (136.21, 35.97), (136.2, 35.95)))
    for step in range(200):
        found = look(136.2 + step * 0.0001003, 35.95 + step * 0.0000017, [slanted], STOPS)
        if isinstance(found, Located):
            again = locate(found.stop.longitude, found.stop.latitude, [slanted], STOPS, "origin")
            assert again == found


def test_where_one_walks_the_nearest_open_stop_is_meant_and_no_further_than_one_walks() -> None:
    walking = replace(NORTH, door=False, walk=150)
    found = locate(136.2111, 35.96, [walking], STOPS, "origin")
    assert (found.stop.id, found.metres) == ("eki", pytest.approx(99, abs=2))
    with pytest.raises(
        Invalid, match=r"150 m that one walks in '北部'; the nearest stop is 'eki' \(駅前\), 450 m"
    ) as told:
        locate(136.215, 35.96, [walking], STOPS, "origin")
    assert told.value.field == "origin"


def test_outside_every_zone_the_nearest_edge_and_stop_are_told() -> None:
    far = Zone("minami", "南部", tuple((x, y - 0.5) for x, y in BORDER))
    with pytest.raises(
        Invalid, match=r"'北部' is 900 m to the west \(136.22000, 35.96000\); the nearest stop is 'eki'"
    ):
        locate(136.23, 35.96, [far, NORTH], STOPS, "destination")
    with pytest.raises(Invalid, match="stops alone"):
        locate(136.21, 35.96, [], STOPS, "origin")
    with pytest.raises(Invalid, match="no open stop"):
        locate(136.30, 35.96, [NORTH], STOPS[1:], "origin")


def test_a_place_has_the_fare_zone_of_its_zone() -> None:
    rules = FareRules(300, {"eki": "中心", "kita": "北"}, (ZoneFare("中心", "北", 500),))
    place = locate(136.2123, 35.9568, [NORTH], STOPS, "origin").stop
    ask = Ask(LABOUR, place.id, "eki", 540.0, places=(place,))
    assert fare(rules, ask, Promise(540.0, 555.0, 600.0), member=False) == 500


def test_days_without_service_say_why_and_which_is_the_next_with_it() -> None:
    calendar = ServiceCalendar((1, 2, 3, 4, 5), False, {LABOUR: "勤労感謝の日"}, {date(2026, 11, 24): "点検"})
    with pytest.raises(Invalid, match=r"2026-11-21 \(土曜日は運休\); the next day with service is 2026-11-25"):
        check_day(calendar, date(2026, 11, 21))
    assert calendar.why_not(LABOUR) == "勤労感謝の日"
    assert calendar.why_not(date(2026, 11, 24)) == "点検"
    check_day(calendar, date(2026, 11, 25))
    with_it = ServiceCalendar((1,), extra=(date(2026, 11, 21),))
    check_day(with_it, date(2026, 11, 21))
    assert calendar.holidays_until == date(2026, 12, 31)


@pytest.mark.parametrize("encoding", ["cp932", "utf-8-sig"])
def test_the_cabinet_offices_file_is_read_as_it_is_published(encoding: str) -> None:
    file = "国民の祝日・休日月日,国民の祝日・休日名称\r\n2026/11/3,文化の日\r\n2026/11/23,勤労感謝の日\r\n".encode(
        encoding
    )
    assert read_holidays(file) == {date(2026, 11, 3): "文化の日", LABOUR: "勤労感謝の日"}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("日,名\n2026/2/30,存在しない日\n", "line 2"),
        ("日,名\n2026/1/1\n", "line 2"),
        ("日,名\n2026/1/1,\n", "line 2 names no holiday"),
        ("日,名\n", "no holiday in the file"),
    ],
)
def test_a_wrong_line_of_holidays_is_named(file: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_holidays(file.encode())


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ('{"weekdays": [0]}', "weekdays"),
        ('{"weekdays": []}', "weekdays"),
        ('{"weekdays": "all"}', "calendar"),
        ('{"onHolidays": false}', "onHolidays"),
        ('{"without": {"2026-11-24": "点検"}, "extra": ["2026-11-24"]}', "extra"),
        ('{"holidays": {"2026-11-24": "休日"}}', "holidays"),
        ('{"without": {"24 November": "点検"}}', "calendar"),
    ],
)
def test_a_wrong_calendar_names_the_field(document: str, field: str) -> None:
    with pytest.raises(Invalid) as told:
        read_calendar(document, {})
    assert told.value.field == field
