"""Conditions that strangers write: understood, or refused with the parameter that is wrong."""

from __future__ import annotations

import pytest

from broker.errors import Invalid
from broker.query.geo import geo_query
from broker.query.q import parse_q

SQUARE = "[[[0,0],[2,0],[2,2],[0,2],[0,0]]]"
CROSSED = "[[[0,0],[2,2],[2,0],[0,2],[0,0]]]"


def test_a_place_whose_inside_is_known_is_asked_for() -> None:
    query = geo_query("within", "Polygon", SQUARE, "location")
    assert query is not None
    assert query.geometry.area == 4


@pytest.mark.parametrize(
    ("geometry", "coordinates"),
    [
        ("Polygon", CROSSED),
        ("Polygon", "[[[0,0],[0,0],[0,0],[0,0]]]"),
        ("Point", "[" * 50_000),
        ("Point", f"[1{'0' * 400},1]"),
        ("Point", "[NaN,1]"),
        ("Point", "[Infinity,1]"),
        ("Point", "[true,1]"),
    ],
)
def test_a_place_that_is_none_is_refused(geometry: str, coordinates: str) -> None:
    with pytest.raises(Invalid) as error:
        geo_query("within", geometry, coordinates, "location")
    assert error.value.field is not None
    assert error.value.field.startswith("coordinates")


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("code==05", '"05"'),
        ("code==0", "@ == 0"),
        ("code==-1.5e3", "@ == -1500.0"),
        ("code==+7", "@ == 7"),
        ("code==1e999", '"1e999"'),
        ("code==182010", "@ == 182010"),
    ],
)
def test_a_number_is_what_json_calls_one(text: str, literal: str) -> None:
    assert literal in parse_q(text, str).paths[0]


@pytest.mark.parametrize("text", [".==1", ".", "..", "a==", "a~=(?=b)", "(" * 40 + "a" + ")" * 40])
def test_a_query_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_q(text, str)
    assert error.value.field == "q"
