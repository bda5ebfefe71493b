"""The Simple Query Language of NGSIv2 (`q`, `mq`) and its geographical queries, as those of NGSI-LD. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from broker.errors import Invalid
from broker.ngsi_v2.geometry import positions_of, shape_of
from broker.query.geo import GeoQuery, geo_query
from broker.query.q import Query, parse_q

_MOST = 4096
_STATEMENT = re.compile(r"(?P<left>(?:'[^']*'|[^'=<>~!:])+?)(?P<op>==|!=|>=|<=|~=|=|>|<|:)(?P<right>.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_RELATIONS = {"coveredBy": "within", "intersects": "intersects", "equals": "equals", "disjoint": "disjoint"}


def parse_v2_expression(given: Mapping[str, Any]) -> Query | None:
    """The query that the members `q` and `mq` state together. Raises `Invalid` saying which statement is none.

    In `q` the steps after the attribute go into its value, in `mq` the first of them is a metadatum.
    """
    statements = [part for field in ("q", "mq") if field in given for part in _statements(str(given[field]), field)]
    return parse_q(";".join(statements), str) if statements else None


def _statements(text: str, field: str) -> list[str]:
    if not text or len(text) > _MOST or "\x00" in text:
        raise Invalid(f"{field} is 1 to {_MOST} characters", field=field)
    return [_statement(part, field) for part in _parts(text, ";")]


def _statement(text: str, field: str) -> str:
    if match := _STATEMENT.fullmatch(text):
        operator = "==" if match["op"] in (":", "=") else match["op"]
        left = _target(match["left"], field)
        if operator == "~=":
            return f"{left}~={json.dumps(match['right'])}"
        return f"{left}{operator}{_values(match['right'], field)}"
    negated = text.startswith("!")
    return ("!" if negated else "") + _target(text[negated:], field)


def _target(text: str, field: str) -> str:
    names = [part.strip("'") for part in _parts(text.strip(), ".")]
    if not names or not all(re.fullmatch(r"[^\s\[\]\"&|(),;<>=~!']+", name) for name in names):
        raise Invalid(f"{text!r} names no attribute", field=field)
    attribute, *rest = names
    if field == "mq":
        if not rest:
            raise Invalid("mq names a metadatum, as in temperature.accuracy<0.9", field=field)
        attribute, rest = f"{attribute}.{_metadatum(rest[0])}", rest[1:]
    return attribute + (f"[{'.'.join(rest)}]" if rest else "")


def _metadatum(name: str) -> str:
    return "observedAt" if name == "TimeInstant" else name


def _values(text: str, field: str) -> str:
    if not text:
        raise Invalid("a comparison needs a value", field=field)
    return ",".join("..".join(_value(end) for end in _ends(part)) for part in _parts(text, ","))


def _ends(text: str) -> list[str]:
    return text.split("..", 1) if not text.startswith("'") else [text]


def _value(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return json.dumps(text[1:-1])
    return text if _NUMBER.fullmatch(text) or text in ("true", "false") else json.dumps(text)


def _parts(text: str, mark: str) -> list[str]:
    """The text divided at the marks that are not between quotes."""
    return re.findall(rf"(?:'[^']*'|[^{mark}'])+", text)


def v2_geo_query(georel: str | None, geometry: str | None, coords: str | None) -> GeoQuery | None:
    """`georel`, `geometry` and `coords`, or None where none is given. Raises `Invalid` naming what is wrong."""
    given = {"georel": georel, "geometry": geometry, "coords": coords}
    if not any(given.values()):
        return None
    if missing := [name for name, value in given.items() if not value]:
        raise Invalid("a geographical query needs georel, geometry and coords", field=missing[0])
    relation, *limits = str(georel).split(";")
    if relation == "near":
        said = ";".join([relation, *(limit.replace(":", "==", 1) for limit in limits)])
    elif relation in _RELATIONS and not limits:
        said = _RELATIONS[relation]
    else:
        raise Invalid("georel is near;maxDistance:…, coveredBy, intersects, equals or disjoint", field="georel")
    place = shape_of(str(geometry), positions_of(str(coords), "coords"), "coords")
    return geo_query(said, place["type"], place["coordinates"], "location")
