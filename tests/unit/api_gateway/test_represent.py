"""Representations, cursors, and what a problem looks like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api_gateway.errors import KINDS, Kind, kind_of, problem
from api_gateway.events import cursor
from api_gateway.ngsi_ld.context import CORE_CONTEXT, answers_ld
from api_gateway.ngsi_ld.represent import CONCISE, SIMPLIFIED, Shape, render
from broker.entities.parse import parse_attribute
from broker.entities.represent import attribute_as
from broker.errors import Invalid, Unavailable, UnknownTenant
from broker.jsonld.context import CORE
from broker.store.reading import Document

POINT = {"type": "Point", "coordinates": [136.2, 36.0]}


@pytest.mark.parametrize(
    ("normalized", "concise", "simplified"),
    [
        ({"type": "Property", "value": 1.5}, 1.5, 1.5),
        ({"type": "Property", "value": {"a": 1}}, {"value": {"a": 1}}, {"a": 1}),
        ({"type": "Property", "value": 1, "unitCode": "MTR"}, {"value": 1, "unitCode": "MTR"}, 1),
        ({"type": "GeoProperty", "value": POINT}, POINT, POINT),
        ({"type": "Relationship", "object": "urn:a:b"}, {"object": "urn:a:b"}, "urn:a:b"),
        ({"type": "LanguageProperty", "languageMap": {"ja": "川"}}, *[{"languageMap": {"ja": "川"}}] * 2),
        ({"type": "VocabProperty", "vocab": "river"}, {"vocab": "river"}, {"vocab": "river"}),
        ({"type": "JsonProperty", "json": {"a": 1}}, {"json": {"a": 1}}, {"json": {"a": 1}}),
        ({"type": "ListProperty", "valueList": [1, 2]}, {"valueList": [1, 2]}, [1, 2]),
        (
            {"type": "Property", "value": 1, "accuracy": {"type": "Property", "value": 2}},
            {"value": 1, "accuracy": 2},
            1,
        ),
    ],
)
def test_forms_of_an_attribute(normalized: dict[str, Any], concise: Any, simplified: Any) -> None:
    assert attribute_as(normalized, CONCISE) == concise
    assert attribute_as(normalized, SIMPLIFIED) == simplified
    assert parse_attribute(concise, "a") == normalized, "what we give out concise, we take back"


def document() -> Document:
    entity = {"id": "urn:a:b", "type": "T", "level": {"type": "Property", "value": 1}, "secret": 2}
    at = datetime(2024, 7, 1, tzinfo=UTC)
    return Document("urn:a:b", ["T"], orjson.dumps(entity).decode(), at, at)


def test_the_stored_text_is_the_answer_where_nothing_is_asked() -> None:
    assert render(document(), Shape()) == document().text.encode()
    assert orjson.loads(render(document(), Shape(ld=True))) == {
        "@context": CORE_CONTEXT,
        **orjson.loads(document().text),
    }


def test_what_is_hidden_is_in_no_form() -> None:
    for shape in (Shape(), Shape(CONCISE), Shape(SIMPLIFIED), Shape(attrs=frozenset({"secret"})), Shape(ld=True)):
        assert b"secret" not in render(document(), shape, frozenset({"secret"}))


def test_names_in_the_default_vocabulary_are_short() -> None:
    assert CORE.expand("https://uri.etsi.org/ngsi-ld/default-context/waterLevel") == "waterLevel"
    assert CORE.expand("https://example.org/x") == "https://example.org/x"
    assert CORE.compact(CORE.expand("waterLevel")) == "waterLevel"


@pytest.mark.parametrize(
    ("accept", "ld"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("application/ld+json", True),
        ("application/json;q=0.5, application/ld+json", True),
        ("application/json, application/ld+json", False),
        ("application/ld+json, application/json", True),
        ("text/html, application/*;q=0.1", False),
        ("application/ld+json;q=x, */*", False),
    ],
)
def test_accept(accept: str | None, ld: bool) -> None:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    assert answers_ld(Request({"type": "http", "headers": headers})) is ld


@given(st.dictionaries(st.integers(0, 99_999), st.integers(0, 10**18 - 1), min_size=1))
def test_a_cursor_comes_back(offsets: dict[int, int]) -> None:
    assert cursor.decode(cursor.encode(offsets)) == offsets


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        offsets = cursor.decode(text)
    except Invalid as error:
        offsets = {}
        refused = error.field
    else:
        refused = None
    assert offsets or refused == "Last-Event-ID"


def test_the_nearest_kind_of_an_error() -> None:
    assert kind_of(UnknownTenant("x")).ngsi_ld == "NonexistentTenant"
    assert kind_of(Unavailable("x")).status == 503
    assert all(isinstance(kind, Kind) and 400 <= kind.status < 600 for kind in KINDS.values())


def test_a_problem_has_ngsi_lds_type_only_there() -> None:
    error = Invalid("wrong", field="a.b")
    assert problem(error, "/ngsi-ld/v1/entities")["type"] == "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"
    assert problem(error, "/api/v1/config")["type"] == "urn:city-os:problem:invalid"
    assert problem(error, "/")["field"] == "a.b"
