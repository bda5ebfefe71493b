"""Temporal representations: from instances to JSON, and from a stranger's JSON to instances."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from broker.entities.evolution import (
    TEMPORAL_VALUES,
    Instance,
    Series,
    aggregated,
    deleted,
    evolution,
    parse_evolution,
)
from broker.entities.merge import newest
from broker.entities.parse import NULL
from broker.entities.represent import CONCISE, NORMALIZED, Shape
from broker.errors import Invalid

NOON, ONE = "2024-07-01T12:00:00Z", "2024-07-01T13:00:00Z"


T_NOON, T_ONE = (datetime.fromisoformat(text) for text in (NOON, ONE))


def level(value: float, at: str = NOON, **more: Any) -> Instance:
    return Instance("level", {"type": "Property", "value": value, "observedAt": at, **more}, datetime.fromisoformat(at))


def test_instances_are_a_list_in_order() -> None:
    found = evolution([level(1.0), level(2.0, ONE)], Shape(), NORMALIZED)
    assert found == {
        "level": [
            {"type": "Property", "value": 1.0, "observedAt": NOON},
            {"type": "Property", "value": 2.0, "observedAt": ONE},
        ]
    }
    assert evolution([level(1.0)], Shape(), CONCISE) == {"level": [{"value": 1.0, "observedAt": NOON}]}


def test_pairs_are_apart_by_dataset() -> None:
    found = evolution([level(1.0), level(5.0, ONE, datasetId="urn:x:b")], Shape(), TEMPORAL_VALUES)
    assert found == {
        "level": [
            {"type": "Property", "values": [[1.0, T_NOON]]},
            {"type": "Property", "datasetId": "urn:x:b", "values": [[5.0, T_ONE]]},
        ]
    }


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ({"type": "Relationship", "object": "urn:x:1"}, {"type": "Relationship", "objects": [["urn:x:1", T_NOON]]}),
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
            {"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"ja": "川"}}, T_NOON]]},
        ),
        ({"type": "JsonProperty", "json": {"a": 1}}, {"type": "JsonProperty", "jsons": [[{"json": {"a": 1}}, T_NOON]]}),
        (
            {"type": "VocabProperty", "vocab": "monument"},
            {"type": "VocabProperty", "vocabs": [[{"vocab": "monument"}, T_NOON]]},
        ),
        ({"type": "ListProperty", "valueList": [1]}, {"type": "ListProperty", "valueLists": [[[1], T_NOON]]}),
    ],
)
def test_pairs_of_every_kind(value: dict[str, Any], pairs: dict[str, Any]) -> None:
    assert evolution([Instance("a", value, T_NOON)], Shape(), TEMPORAL_VALUES) == {"a": pairs}


def test_a_language_is_chosen_before_pairs_are_made() -> None:
    value = {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}}
    found = evolution([Instance("name", value, T_NOON)], Shape(lang="en"), TEMPORAL_VALUES)
    assert found == {"name": {"type": "Property", "values": [["river", T_NOON]]}}


def test_what_was_deleted_is_null_of_its_kind() -> None:
    assert deleted("Property", "level", "", T_NOON) == {"type": "Property", "value": NULL, "deletedAt": T_NOON}
    assert deleted("Relationship", "by", "urn:x:d", T_NOON)["object"] == NULL
    assert deleted("LanguageProperty", "name", "", T_NOON)["languageMap"] == {"@none": NULL}
    assert deleted("Property", "scope", "", T_NOON)["value"] == []


def test_different_units_are_not_mixed() -> None:
    series = [Series("level", "Property", "", unit, {"avg": [[1.0, NOON, ONE]]}) for unit in ("MTR", "CMT")]
    found = aggregated(series, Shape())
    assert [one["unitCode"] for one in found["level"]] == ["MTR", "CMT"]
    assert aggregated(series[:1], Shape()) == {"level": {"type": "Property", "avg": [[1.0, NOON, ONE]]}}


def test_a_temporal_representation_is_read() -> None:
    document = {
        "id": "urn:x:1",
        "type": "River",
        "scope": "/fukui",
        "level": [{"value": 1, "observedAt": NOON, "instanceId": "urn:x:i"}, {"value": 2, "observedAt": ONE}],
        "name": {"type": "Property", "value": "足羽川"},
    }
    entity = parse_evolution(document, lambda name: name)
    assert entity.attributes["scope"] == "/fukui"
    assert [one["value"] for one in entity.attributes["level"]] == [1, 2]
    assert "instanceId" not in entity.attributes["level"][0]
    assert entity.attributes["name"] == [{"type": "Property", "value": "足羽川"}]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "x"}, "id"),
        ({"type": None}, "type"),
        ({"level": [1]}, "level[0]"),
        ({"level": []}, "level"),
        ({"level": [{"value": 1, "observedAt": NOON}, {"value": 1, "observedAt": "noon"}]}, "level[1].observedAt"),
        ({"le(vel": [{"value": 1}]}, "le(vel"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_evolution({"id": "urn:x:1", "type": "River", **change}, lambda name: name)
    assert refused.value.field == field


def test_the_newest_of_each_dataset_is_the_state() -> None:
    stored, older, newer = (
        {"value": n, "observedAt": at} for n, at in ((0, NOON), (1, "2020-01-01T00:00:00Z"), (2, ONE))
    )
    other = {"value": 9, "observedAt": NOON, "datasetId": "urn:x:b"}
    assert newest([stored, older]) == stored
    assert newest([stored, newer, older, other]) == [newer, other]
    timeless = {"value": 3}
    assert newest([timeless, newer]) == timeless
