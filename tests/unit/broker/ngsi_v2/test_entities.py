"""NGSIv2's entities to and from the store's: nothing is lost on the way there and back."""

from __future__ import annotations

from typing import Any

import pytest

from broker.entities.represent import Times
from broker.errors import Invalid
from broker.ngsi_v2.entities import parse_v2_entity, shown_id, stored_id
from broker.ngsi_v2.query import parse_v2_expression, v2_geo_query
from broker.ngsi_v2.represent import UNIQUE, VALUES, View, v2_entity

TIMES = Times("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z", {})
ROOM: dict[str, Any] = {
    "id": "Room1",
    "type": "Room",
    "temperature": {
        "value": 21.5,
        "type": "Number",
        "metadata": {
            "unitCode": {"type": "Text", "value": "CEL"},
            "TimeInstant": {"type": "DateTime", "value": "2026-07-01T00:00:00Z"},
            "accuracy": {"type": "Number", "value": 0.5},
        },
    },
    "open": {"value": False, "type": "Boolean", "metadata": {}},
    "until": {"value": "2026-07-01T00:00:00Z", "type": "DateTime", "metadata": {}},
    "owner": {"value": "Owner1", "type": "Relationship", "metadata": {}},
    "seats": {"value": [1, 1, 2], "type": "StructuredValue", "metadata": {}},
    "fault": {"value": None, "type": "None", "metadata": {}},
    "location": {"value": {"type": "Point", "coordinates": [136.2, 36.0]}, "type": "geo:json", "metadata": {}},
}


def test_an_entity_comes_back_as_it_went_in() -> None:
    stored = parse_v2_entity(ROOM)
    assert stored["id"] == "urn:ngsi-v2:Room1"
    assert stored["temperature"]["unitCode"] == "CEL"
    assert stored["owner"] == {"type": "Relationship", "object": "urn:ngsi-v2:Owner1"}
    assert v2_entity(stored, TIMES, View()) == ROOM


def test_the_forms_without_names() -> None:
    stored = parse_v2_entity({"id": "a", "type": "T", "x": 1, "y": 1, "z": 2}, key_values=True)
    assert v2_entity(stored, TIMES, View(VALUES, ("z", "x", "y"))) == [2, 1, 1]
    assert v2_entity(stored, TIMES, View(UNIQUE)) == [1, 2]


def test_built_in_times_are_shown_where_they_are_asked_for() -> None:
    stored = parse_v2_entity({"id": "a", "x": {"value": 1}})
    shown = v2_entity(stored, TIMES, View(attrs=("x", "dateCreated"), metadata=("dateModified",)))
    assert shown["type"] == "Thing"
    assert shown["dateCreated"]["value"] == TIMES.created
    assert shown["x"]["metadata"]["dateModified"]["value"] == TIMES.created


@pytest.mark.parametrize("id_", ["Room1", "部屋1", "50%", "a|b", "urn:ngsi-ld:Room:1", "x:y"])
def test_an_id_is_known_again(id_: str) -> None:
    assert shown_id(stored_id(id_)) == id_


def test_simple_locations_have_latitude_first() -> None:
    stored = parse_v2_entity({"id": "a", "p": {"type": "geo:point", "value": "36.0, 136.2"},
                              "b": {"type": "geo:box", "value": ["36, 136", "37, 137"]}})  # fmt: skip
    assert stored["p"]["value"] == {"type": "Point", "coordinates": [136.2, 36.0]}
    assert stored["b"]["value"]["coordinates"][0][2] == [137.0, 37.0]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": "a b"}, "id"),
        ({"id": "a", "x": 1}, "x"),
        ({"id": "a", "x": {"value": 1, "unit": "m"}}, "x.unit"),
        ({"id": "a", "x": {"value": 1, "metadata": {"m": 1}}}, "x.metadata.m"),
        ({"id": "a", "p": {"type": "geo:point", "value": "here"}}, "p.value"),
        ({"id": "a", "x": {"value": 1, "metadata": {"TimeInstant": {"value": "noon"}}}}, "x.metadata.TimeInstant"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_v2_entity(wrong)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"q": "temperature>20"}, ['$."temperature".* ? (@ > 20)']),
        ({"q": "color:'red;dark',blue"}, ['@ == "red;dark" || @ == "blue"']),
        ({"q": "address.city==Fukui"}, ['@.value."city" ? (@ == "Fukui")']),
        ({"q": "level==1..5"}, ["@ >= 1 && @ <= 5"]),
        ({"mq": "level.accuracy<0.9"}, ['$."level"."accuracy"']),
        ({"q": "!gone", "mq": "level.TimeInstant"}, ['$."gone"', '$."level"."observedAt"']),
    ],
)
def test_the_query_language_says_the_same_in_the_store(given: dict[str, str], paths: list[str]) -> None:
    query = parse_v2_expression(given)
    assert query is not None
    assert all(any(part in path for path in query.paths) for part in paths), query.paths


@pytest.mark.parametrize("q", ["", "a=", "a b==1", "==1", "a[0]==1"])
def test_a_query_that_is_none_is_refused(q: str) -> None:
    with pytest.raises(Invalid):
        parse_v2_expression({"q": q})


def test_near_has_its_distances() -> None:
    near = v2_geo_query("near;maxDistance:1000;minDistance:10", "point", "36.0,136.2")
    assert near is not None
    assert (near.most, near.least) == (1000, 10)
    assert v2_geo_query("coveredBy", "polygon", "36,136;37,136;37,137;36,136") is not None
    with pytest.raises(Invalid):
        v2_geo_query("inside", "point", "1,2")
