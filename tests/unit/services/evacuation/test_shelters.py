"""Shelters: read from GeoJSON and CSV, and how opening, closing and counting change them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.errors import Conflict, Invalid
from services.evacuation.shelters.shelter import (
    Change,
    Opening,
    Passing,
    Shelter,
    Standing,
    changed,
    check_passing,
    parse_shelters,
    passed,
)

DEMO = Path(__file__).parents[4] / "deploy" / "demo"
NOW = datetime(2024, 7, 1, 2, 0, tzinfo=UTC)
HALL = Shelter(id="hall", name="公民館", location=(136.2, 36.0), capacity=80)
STANDARD = (
    "全国地方公共団体コード,ID,名称,所在地_連結表記,緯度,経度,想定収容人数,非常用電源\n"
    "180009,S-1,江波小学校体育館,福井県…,36.0,136.2,250,有\n"
    "180009,S-2,原目公民館,福井県…,36.01,136.21,,\n"
)


def collection(**properties: Any) -> dict[str, Any]:
    known = {"id": "hall", "name": "公民館", "capacity": 80, "districts": ["eba"], "pets": True}
    point = {"type": "Point", "coordinates": [136.2, 36.0]}
    return {"features": [{"type": "Feature", "properties": {**known, **properties}, "geometry": point}]}


def test_a_shelter_is_read_from_geojson() -> None:
    loaded = parse_shelters(collection(nameEn="Hall"), {"eba"})
    assert loaded == ((Shelter(id="hall", name="公民館", name_en="Hall", location=(136.2, 36.0), capacity=80,
                               districts=("eba",), pets=True),), ())  # fmt: skip


def test_the_standard_open_data_set_is_read_as_it_is() -> None:
    first, second = parse_shelters("\ufeff" + STANDARD, {"eba"}).shelters
    assert (first.id, first.name, first.capacity, first.power) == ("S-1", "江波小学校体育館", 250, True)
    assert first.location == (136.2, 36.0)
    assert (second.capacity, second.power) == (0, False)
    warnings = parse_shelters(STANDARD, {"eba"}).warnings
    assert [
        "原目公民館 (S-2) has no capacity" in one or "1 districts have no shelter: eba" in one for one in warnings
    ] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("document", "field", "why"),
    [
        ({"features": []}, "features", "at least one feature"),
        (collection(name=""), "features[0].properties", "needs an `id`"),
        (collection(capacity=-1), "capacity", "0 to 100000 people"),
        (collection(capacity="many"), "features[0]", "Expected `int`"),
        (collection(districts=["nowhere"]), "districts", "there is no district 'nowhere'"),
        ({"features": [{"properties": {}, "geometry": {"type": "Polygon"}}]}, "features[0].geometry", "a Point"),
        ({"features": collection()["features"] * 2}, "id", "there twice"),
        ("name\nx\n", "id", "id or ID or NO"),
        ("id,name,latitude,longitude\n", "id", "no line below"),
        ("id,name,latitude,longitude\na,b,north,136\n", "latitude", "line 2: latitude is 'north'"),
        ("id,name,latitude,longitude\na,b,136.2,36.0\n", "line 2", "latitude written before longitude"),
        ("id,name,latitude,longitude,pets\na,b,36.0,136.2,perhaps\n", "pets", "有 or 無"),
    ],
)
def test_what_is_wrong_is_named(document: Any, field: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_shelters(document, {"eba"})
    assert why in str(refused.value)
    assert refused.value.field == field or field.startswith("line")


def test_opening_counting_and_closing() -> None:
    opened = changed(HALL, Standing(), Change(seen=0, state=Opening.OPEN, note=" 裏口から "), NOW)
    assert opened == Standing(state=Opening.OPEN, note="裏口から", revision=1)
    counted = changed(HALL, opened, Change(seen=1, count=12), NOW)
    assert (counted.state, counted.count, counted.counted_at) == (Opening.OPEN, 12, NOW)
    closed = changed(HALL, counted, Change(seen=2, state=Opening.CLOSED), NOW)
    assert (closed.count, closed.note, closed.revision) == (0, "裏口から", 3), "who is in a closed shelter has left"


def test_two_keepers_do_not_cross() -> None:
    with pytest.raises(Conflict, match="先に変更しました"):
        changed(HALL, Standing(revision=3), Change(seen=2, count=1), NOW)
    for wrong in (Change(seen=0, count=-1), Change(seen=0, note="x" * 201)):
        with pytest.raises(Invalid):
            changed(HALL, Standing(), wrong, NOW)


def test_who_passes_the_door_is_counted_from_the_last_count_by_hand() -> None:
    counted = Standing(state=Opening.OPEN, count=10, counted_at=NOW)
    came = Passing(id="1", people=3, at=NOW + timedelta(minutes=1))
    assert passed(counted, came).count == 13
    assert passed(counted, msgspec.structs.replace(came, at=NOW)) == counted, "they are in the count by hand"
    assert passed(counted, msgspec.structs.replace(came, people=-20)).count == 0
    assert passed(Standing(), came).count == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"people": 0}, "people"),
        ({"people": 1001}, "people"),
        ({"at": NOW + timedelta(hours=1)}, "at"),
        ({"at": datetime(2024, 7, 1)}, "at"),  # noqa: DTZ001
    ],
)
def test_a_count_that_no_door_could_make_is_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_passing(msgspec.structs.replace(Passing(id="1", people=1, at=NOW), **change), NOW)
    assert refused.value.field == field


def test_the_demonstrations_shelters_can_be_loaded() -> None:
    districts = json.loads((DEMO / "districts.geojson").read_text("utf-8"))["features"]
    loaded = parse_shelters((DEMO / "shelters.csv").read_text("utf-8"), {one["properties"]["id"] for one in districts})
    assert (len(loaded.shelters), loaded.warnings) == (len(districts), ())
