"""Entities are held to a published model, and the path of what is wrong is told."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from broker.entities.parse import parse_entity
from broker.errors import Invalid
from broker.jsonld.context import CORE, Context
from broker.models.model import Model

COMMON = {"$id": "https://models.example/common", "$defs": {"level": {"type": "number", "minimum": -5}}}
SCHEMA: dict[str, Any] = {
    "$id": "https://models.example/Gauge",
    "type": "object",
    "required": ["id", "type", "level"],
    "allOf": [
        {
            "properties": {
                "type": {"enum": ["Gauge"]},
                "level": {"$ref": "https://models.example/common#/$defs/level"},
                "code": {"type": "string", "pattern": "^(a+)+$"},
                "at": {"type": "string", "format": "date-time"},
                "address": {"type": "object", "properties": {"city": {"type": "string"}}},
            }
        }
    ],
}


def entity(**attributes: Any) -> dict[str, Any]:
    parsed = parse_entity({"id": "urn:g:1", "type": "Gauge", **attributes}, str)
    return {"id": parsed.id, "type": parsed.type[0], **parsed.attributes}


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ({"level": -6}, "level"),
        ({"level": "high"}, "level"),
        ({"code": "a"}, "$"),
        ({"level": 1, "code": "a" * 40 + "b"}, "code"),
        ({"level": 1, "at": "yesterday"}, "at"),
        ({"level": 1, "address": {"value": {"city": 5}}}, "address.city"),
    ],
)
def test_what_breaks_the_model_is_named(attributes: dict[str, Any], path: str) -> None:
    model = Model("Gauge", SCHEMA, {"https://models.example/common": COMMON}, CORE)
    model.check(entity(level=-4.5, code="aaa", at="2026-07-01T00:00:00Z"))
    with pytest.raises(Invalid) as caught:
        model.check(entity(**attributes))
    assert caught.value.field == path


def test_names_are_those_of_the_models_context() -> None:
    context = Context("https://models.example/context", [{"level": "https://models.example/level"}])
    model = Model("Gauge", SCHEMA, {"https://models.example/common": COMMON}, context)
    with pytest.raises(Invalid):
        model.check({**entity(level=1), "https://models.example/level": {"type": "Property", "value": -9}})


@pytest.mark.parametrize(
    ("schema", "refs", "field"),
    [
        (SCHEMA, {}, "refs"),
        ({"type": "nothing"}, {}, "schema"),
        ({"pattern": r"(a)\1"}, {}, "schema"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused(schema: Any, refs: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        Model("Gauge", schema, refs, CORE)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["PublicFacility", "EvacuationSite"])
def test_the_models_of_ours_take_what_they_are_for(name: str) -> None:
    model = Model(name, json.loads(files("schemas").joinpath("models", f"{name}.json").read_text("utf-8")), {}, CORE)
    good = {
        "localGovernmentCode": "182010",
        "identifier": "182010-1",
        "name": "中央公園",
        "nameKana": "チュウオウコウエン",
    }
    parsed = parse_entity({"id": "urn:x:1", "type": name, **good}, str)
    model.check({"id": parsed.id, "type": name, **parsed.attributes})
    wrong = parse_entity({"id": "urn:x:1", "type": name, **good, "localGovernmentCode": "18201"}, str)
    with pytest.raises(Invalid) as caught:
        model.check({"id": wrong.id, "type": name, **wrong.attributes})
    assert caught.value.field == "localGovernmentCode"
