"""Entities as rows: one column for each attribute, for spreadsheets and for the properties of GeoJSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from broker.entities.patch import instances

_LIKE = {"‖": "∥", "−": "-", "～": "〜", "–": "-", "—": "―"}
_MISSING = "〓"
"""The printers' sign for a letter that the type case lacks."""


def columns(attributes: Iterable[str]) -> list[str]:
    """The table's columns: id and type, the place, then of each attribute its value, its time and its unit."""
    named = sorted(set(attributes) - {"location"})
    return ["id", "type", "longitude", "latitude", *(f"{n}{part}" for n in named for part in ("", ".at", ".unit"))]


def properties(document: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """The entity's attributes as plain values, by column; of several instances the one without datasetId, else the
    first. What `hidden` names is left out."""
    flat: dict[str, Any] = {}
    for name, attribute in document.items():
        if name in hidden or name in ("id", "type", "scope", "location", "@context"):
            continue
        found = instances(attribute)
        chosen = next((one for one in found if "datasetId" not in one), found[0])
        flat[name] = _value(chosen)
        for member, part in (("observedAt", ".at"), ("unitCode", ".unit")):
            if member in chosen:
                flat[name + part] = chosen[member]
    return flat


def geometry(document: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any] | None:
    """The entity's place as GeoJSON, None where it has none or it may not be seen."""
    if "location" in hidden or "location" not in document:
        return None
    found = instances(document["location"])[0].get("value")
    return found if isinstance(found, dict) else None


def row(id_: str, types: Iterable[str], document: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """One line of the table, by column."""
    place = geometry(document, hidden)
    point = place["coordinates"] if place and place.get("type") == "Point" else (None, None)
    return {
        "id": id_,
        "type": " ".join(types),
        "longitude": point[0],
        "latitude": point[1],
        **{name: _cell(value) for name, value in properties(document, hidden).items()},
    }


def shielded(text: str) -> str:
    """Text that a spreadsheet would take for a formula, made harmless: much of it was chosen by strangers."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def encoded(text: str, encoding: str) -> bytes:
    """UTF-8, or CP932 for old spreadsheets: what that lacks is written as what looks alike, else as 〓."""
    if encoding == "utf-8":
        return text.encode()
    try:
        return text.encode("cp932")
    except UnicodeEncodeError:
        return b"".join(_letter(letter) for letter in text)


def _letter(letter: str) -> bytes:
    for candidate in (letter, _LIKE.get(letter, _MISSING), _MISSING):
        try:
            return candidate.encode("cp932")
        except UnicodeEncodeError:
            continue
    raise AssertionError("the sign for a missing letter is in CP932")


def _value(instance: Mapping[str, Any]) -> Any:
    for member in ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList"):
        if member in instance:
            return instance[member]
    return None


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return shielded(value)
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
