"""Strangers' JSON becomes a normalized entity, or an error that names the member."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.entities.parse import parse_entity, parse_time
from broker.errors import Invalid

ID = "urn:ngsi-ld:WaterObserved:1"


def same(name: str) -> str:
    return name


def entity(**members: Any) -> dict[str, Any]:
    return {"id": ID, "type": "WaterObserved", **members}


def attribute(member: Any) -> Any:
    return parse_entity(entity(a=member), same).attributes["a"]


def test_normalized_stays_as_it_is() -> None:
    members = {
        "level": {"type": "Property", "value": 1.5, "unitCode": "MTR", "observedAt": "2024-07-01T00:00:00Z"},
        "place": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}},
        "of": {"type": "Relationship", "object": "urn:ngsi-ld:Device:1", "since": {"type": "Property", "value": 1}},
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "原目", "en": "Harame"}},
        "kind": {"type": "VocabProperty", "vocab": "river"},
        "raw": {"type": "JsonProperty", "json": {"a": [None]}},
        "list": {"type": "ListProperty", "valueList": [1, 2]},
    }
    assert parse_entity(entity(**members), same) == (ID, ("WaterObserved",), members)


@pytest.mark.parametrize(
    ("concise", "normalized"),
    [
        (1.5, {"type": "Property", "value": 1.5}),
        (["a", "b"], {"type": "Property", "value": ["a", "b"]}),
        ({"value": 2, "unitCode": "MTR"}, {"type": "Property", "value": 2, "unitCode": "MTR"}),
        ({"object": "urn:a:b"}, {"type": "Relationship", "object": "urn:a:b"}),
        ({"languageMap": {"ja": "川"}}, {"type": "LanguageProperty", "languageMap": {"ja": "川"}}),
        ({"vocab": "river"}, {"type": "VocabProperty", "vocab": "river"}),
        (
            {"type": "Point", "coordinates": [1, 2]},
            {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
        ),
        (
            {"value": {"type": "Point", "coordinates": [1, 2]}},
            {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
        ),
        (
            {"value": 1, "accuracy": 0.1},
            {"type": "Property", "value": 1, "accuracy": {"type": "Property", "value": 0.1}},
        ),
    ],
)
def test_concise_becomes_normalized(concise: Any, normalized: Any) -> None:
    assert attribute(concise) == normalized


def test_times_become_utc() -> None:
    assert attribute({"value": 1, "observedAt": "2024-07-01T09:00:00+09:00"})["observedAt"] == "2024-07-01T00:00:00Z"
    assert parse_time("2024-07-01T00:00:00.5Z", "t") == "2024-07-01T00:00:00.500000Z"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def ring(*positions: list[float]) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [list(positions)]}}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "$"),
        (None, "$"),
        ({"type": "T"}, "id"),
        ({"id": "no uri", "type": "T"}, "id"),
        ({"id": 5, "type": "T"}, "id"),
        ({"id": ID}, "type"),
        ({"id": ID, "type": []}, "type"),
        ({"id": ID, "type": [5]}, "type"),
        ({"id": ID, "type": "with space"}, "type"),
        (entity(**{"1st": 1}), "1st"),
        (entity(**{"a b": 1}), "a b"),
        (entity(a=None), "a"),
        (entity(a="urn:ngsi-ld:null"), "a"),
        (entity(a={}), "a"),
        (entity(a={"type": "Text", "value": "v2"}), "a.type"),
        (entity(a={"type": "Property"}), "a.value"),
        (entity(a={"type": "Property", "value": None}), "a.value"),
        (entity(a={"type": "Relationship", "object": "no uri"}), "a.object"),
        (entity(a={"type": "Relationship", "object": []}), "a.object"),
        (entity(a={"type": "LanguageProperty", "languageMap": {"ja": 1}}), "a.languageMap"),
        (entity(a={"type": "ListProperty", "valueList": 1}), "a.valueList"),
        (entity(a={"value": 1, "observedAt": "2024-07-01"}), "a.observedAt"),
        (entity(a={"value": 1, "observedAt": "2024-07-01T00:00:00"}), "a.observedAt"),
        (entity(a={"value": 1, "observedAt": "2024-02-30T00:00:00Z"}), "a.observedAt"),
        (entity(a={"value": 1, "observedAt": 1719792000}), "a.observedAt"),
        (entity(a={"value": 1, "observedAt": "0001-01-01T00:00:00+09:00"}), "a.observedAt"),
        (entity(a={"value": 1, "unitCode": 5}), "a.unitCode"),
        (entity(a={"object": "urn:a:b", "unitCode": "MTR"}), "a.unitCode"),
        (entity(a={"value": 1, "datasetId": "x"}), "a.datasetId"),
        (entity(a=[{"value": 1, "datasetId": "urn:a:b"}, {"value": 2, "datasetId": "urn:a:b"}]), "a"),
        (entity(a=ring([0, 0], [2, 2], [2, 0], [0, 2], [0, 0])), "a.value"),
        (entity(a=ring([0, 0], [1, 1], [0, 0], [0, 0])), "a.value"),
        (entity(a={"type": "Point", "coordinates": []}), "a.coordinates"),
        (entity(a={"type": "Point", "coordinates": ["1", 2]}), "a.coordinates"),
        (entity(a={"type": "Point", "coordinates": [True, 2]}), "a.coordinates"),
        (entity(a={"type": "Point", "coordinates": [36.0, 136.2]}), "a.coordinates"),
        (entity(a={"type": "GeoProperty", "value": {"type": "Circle"}}), "a.value"),
        (entity(a={"type": "LineString", "coordinates": [[1, 2]]}), "a.coordinates"),
        (entity(a=ring([0, 0], [0, 1], [1, 1], [1, 0])), "a.value.coordinates[0]"),
        (entity(a="with \x00"), "a"),
        (entity(a=float("inf")), "a"),
        (entity(scope="/a b"), "scope"),
    ],
)
def test_what_is_wrong_is_named(document: Any, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_entity(document, same)
    assert raised.value.field == field
    assert len(str(raised.value)) > 10


def test_nesting_has_an_end() -> None:
    assert attribute(nested(20))["value"] == nested(20)
    with pytest.raises(Invalid, match="nested deeper"):
        attribute(nested(30))
    sub: Any = {"value": 1}
    for _ in range(30):
        sub = {"value": 1, "a": sub}
    with pytest.raises(Invalid, match="nested deeper"):
        attribute(sub)


json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(["Property", "Point", ID]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "type", "value", "object", "coordinates", "observedAt", "unitCode", "a"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(document=json, member=json)
def test_any_json_is_taken_or_named(document: Any, member: Any) -> None:
    for tried in (document, entity(a=member)):
        try:
            parsed = parse_entity(tried, same)
        except Invalid as error:
            field = error.field
        else:
            field = "none"
            again = parse_entity({"id": parsed.id, "type": list(parsed.type), **parsed.attributes}, same)
            assert again == parsed
        assert field is not None
