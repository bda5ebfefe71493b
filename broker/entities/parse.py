"""From a stranger's JSON to a normalized NGSI-LD entity, or an error that names the member and what would be right.

Normalized (ETSI GS CIM 009, 4.5.1) and concise (4.5.4) representations are told apart attribute by attribute,
as the standard allows them to be mixed. Pure. Names pass through `expand` before they are kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from broker.entities.geojson import check_place, is_geometry_type
from broker.errors import Invalid
from schemas.clock import iso

MAX_DEPTH = 24
"""How deep a value may nest; more is refused (nothing a city measures comes near)."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f\s<>\"{}|\\^`]+")
_NAME = re.compile(r"[^\W\d][\w.-]{0,255}")
_VALUE_MEMBER = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
_TYPE_OF_MEMBER = {member: kind for kind, member in _VALUE_MEMBER.items() if kind != "GeoProperty"}
_TIMES = ("observedAt", "createdAt", "modifiedAt")
_OURS = frozenset({"createdAt", "modifiedAt", "deletedAt"})
_SCOPE = re.compile(r"/?[\w\-]+(/[\w\-]+)*")
NULL = "urn:ngsi-ld:null"
"""Stands for null where JSON-LD would drop it: delete this (4.5.0)."""

Expand = Callable[[str], str]
"""From a term in the request to the name that the store keeps."""


class ParsedEntity(NamedTuple):
    """An entity as the store keeps it: id, types, and its attributes, normalized.

    Several instances of one attribute (`datasetId`, 4.5.5) are a list. The member `scope` stands among the attributes.
    """

    id: str
    type: tuple[str, ...]
    attributes: dict[str, Any]


class Fragment(NamedTuple):
    """What an update says: types (none where it names none) and attributes, with `urn:ngsi-ld:null` where allowed."""

    type: tuple[str, ...]
    attributes: dict[str, Any]


def is_uri(text: object) -> bool:
    """Whether `text` is an absolute URI, as ids and relationship objects must be (4.5.1)."""
    return isinstance(text, str) and len(text) <= 2048 and _URI.fullmatch(text) is not None


def parse_entity(document: object, expand: Expand) -> ParsedEntity:
    """The entity that `document` describes. Raises `Invalid` with the path of what is wrong in `field`."""
    if not isinstance(document, Mapping):
        raise Invalid("an entity is a JSON object with id and type", field="$")
    entity_id = document.get("id")
    if not is_uri(entity_id):
        raise Invalid("id must be a URI, such as urn:ngsi-ld:WaterObserved:1", field="id")
    types = _types(document.get("type"), expand)
    return ParsedEntity(str(entity_id), types, _attributes(document, expand, nulls=False))


def parse_fragment(document: object, expand: Expand, *, nulls: bool) -> Fragment:
    """The update that `document` describes; with `nulls`, null for a value deletes (4.5.0). Raises `Invalid`."""
    if not isinstance(document, Mapping):
        raise Invalid("an entity fragment is a JSON object of attributes", field="$")
    types = _types(document["type"], expand) if "type" in document else ()
    return Fragment(types, _attributes(document, expand, nulls=nulls))


def refuse_dropped(document: object) -> None:
    """Raise `Invalid` where an attribute's value is null in JSON-LD, whose expansion drops that (4.5.0)."""
    for name, member in document.items() if isinstance(document, Mapping) else ():
        for key in _TYPE_OF_MEMBER if isinstance(member, Mapping) else ():
            if key in member and member[key] is None:
                raise Invalid(f"JSON-LD drops null; {NULL} deletes the attribute", field=f"{name}.{key}")


def _attributes(document: Mapping[str, Any], expand: Expand, *, nulls: bool) -> dict[str, Any]:
    attributes = {}
    for name, member in document.items():
        if name in ("id", "type", "@context") or name in _OURS:
            continue
        if name == "scope":
            attributes["scope"] = NULL if nulls and member in (None, NULL) else _scope(member)
            continue
        attributes[expand(check_name(name, name))] = parse_member(member, name, expand, nulls=nulls)
    return attributes


def parse_member(member: object, path: str, expand: Expand, *, nulls: bool = False) -> Any:
    """One attribute of an entity, or the list of its instances. Raises `Invalid`."""
    if nulls and member in (None, NULL):
        return NULL
    if isinstance(member, list) and member and all(_is_instance(item) for item in member):
        instances = [
            parse_attribute(item, f"{path}[{index}]", expand=expand, nulls=nulls) for index, item in enumerate(member)
        ]
        named = [instance.get("datasetId", "") for instance in instances]
        if len(set(named)) < len(named):
            raise Invalid("instances of one attribute need different datasetIds, one at most without", field=path)
        return instances[0] if len(instances) == 1 else instances
    return parse_attribute(member, path, expand=expand, nulls=nulls)


def _is_instance(item: object) -> bool:
    if not isinstance(item, Mapping):
        return False
    said = item.get("type")
    return (isinstance(said, str) and said in _VALUE_MEMBER) or (
        said is None and not _TYPE_OF_MEMBER.keys().isdisjoint(item)
    )


def _scope(value: object) -> Any:
    scopes = [value] if isinstance(value, str) else value
    if (
        not isinstance(scopes, list)
        or not scopes
        or not all(isinstance(s, str) and _SCOPE.fullmatch(s) for s in scopes)
    ):
        raise Invalid("a scope is like /Madrid/Gardens, or a list of such", field="scope")
    return [s if s.startswith("/") else f"/{s}" for s in scopes] if len(scopes) > 1 else f"/{scopes[0].lstrip('/')}"


def check_name(name: object, path: str) -> str:
    """A term or an IRI, as attribute and type names are (4.6.2). Raises `Invalid`."""
    if isinstance(name, str) and (_NAME.fullmatch(name) or is_uri(name)):
        return name
    raise Invalid("a name is letters, digits, _ . - (a letter first), at most 256, or a full IRI", field=path)


def _types(value: object, expand: Expand) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise Invalid("type must be a type's name or a list of names", field="type")
    if "type" in names:
        raise Invalid("type is no name of a type", field="type")
    return tuple(dict.fromkeys(expand(check_name(name, "type")) for name in names))


def _same(name: str) -> str:
    return name


def parse_attribute(
    member: object, path: str, depth: int = 0, *, expand: Expand = _same, nulls: bool = False
) -> dict[str, Any]:
    """The normalized form of one attribute. Raises `Invalid`."""
    if depth > MAX_DEPTH:
        raise Invalid(f"nested deeper than {MAX_DEPTH} levels", field=path)
    if not isinstance(member, Mapping):
        return {"type": "Property", "value": _value(member, path, depth)}
    kind = _kind(member, path)
    key = _VALUE_MEMBER.get(kind)
    if key is None:
        return {"type": "GeoProperty", "value": check_place(member, path)}
    if key not in member:
        raise Invalid(f"a {kind} needs the member {key}", field=f"{path}.{key}")
    attribute: dict[str, Any] = {"type": kind}
    if nulls and member[key] in (None, NULL):
        attribute[key] = NULL
    else:
        attribute[key] = _checked(kind, member[key], f"{path}.{key}", depth, expand, nulls=nulls)
    for name, value in member.items():
        if name in ("type", key) or name in _OURS:
            continue
        if nulls and value in (None, NULL):
            attribute[expand(check_name(name, path))] = NULL
            continue
        attribute[expand(name)] = _sub_member(kind, name, value, f"{path}.{name}", depth, expand, nulls=nulls)
    return attribute


def _kind(member: Mapping[str, Any], path: str) -> str:
    """The attribute's type: said, or for the concise form seen from its members (4.5.4)."""
    said = member.get("type")
    if isinstance(said, str) and (said in _VALUE_MEMBER or is_geometry_type(said)):
        return said
    if said is not None:
        raise Invalid(f"type must be one of {', '.join(_VALUE_MEMBER)}", field=f"{path}.type")
    for name, kind in _TYPE_OF_MEMBER.items():
        if name in member:
            is_place = kind == "Property" and isinstance(member["value"], Mapping) and _is_geometry(member["value"])
            return "GeoProperty" if is_place else kind
    raise Invalid(f"an attribute needs one of {', '.join(_TYPE_OF_MEMBER)}", field=path)


def _is_geometry(value: Mapping[str, Any]) -> bool:
    return is_geometry_type(value.get("type")) and ("coordinates" in value or "geometries" in value)


def _checked(kind: str, value: Any, path: str, depth: int, expand: Expand, *, nulls: bool) -> Any:
    match kind:
        case "GeoProperty":
            return check_place(value, path)
        case "Relationship":
            objects = value if isinstance(value, list) and value else [value]
            if all(is_uri(item) for item in objects) and NULL not in objects:
                return value
            raise Invalid("a relationship's object must be a URI or a list of URIs", field=path)
        case "LanguageProperty":
            if (
                isinstance(value, Mapping)
                and value
                and all(_is_text(v) or (nulls and v is None) for v in value.values())
            ):
                return {tag: NULL if text is None else text for tag, text in value.items()}
            raise Invalid('languageMap must be like {"ja": "…", "en": "…"}', field=path)
        case "VocabProperty":
            if isinstance(value, str):
                return expand(value)
            if isinstance(value, list) and value and _is_text(value):
                return [expand(item) for item in value]
            raise Invalid("vocab must be a string or a list of strings", field=path)
        case "ListProperty" | "ListRelationship":
            if isinstance(value, list):
                return _value(value, path, depth)
            raise Invalid("the value must be a list", field=path)
        case "JsonProperty":
            return _plain(value, path, depth)
        case _:
            return _value(value, path, depth)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _value(value: Any, path: str, depth: int) -> Any:
    if value is None or value == NULL:
        raise Invalid("null is no value; delete the attribute instead", field=path)
    return _plain(value, path, depth)


def _plain(value: Any, path: str, depth: int) -> Any:
    """Any JSON that is not too deep, holds no NaN and no character that PostgreSQL cannot keep."""
    if depth > MAX_DEPTH:
        raise Invalid(f"nested deeper than {MAX_DEPTH} levels", field=path)
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid("a number must be finite", field=path)
    if isinstance(value, str) and "\x00" in value:
        raise Invalid("text must not hold the character U+0000", field=path)
    if isinstance(value, Mapping):
        return {_key(k, path): _plain(item, f"{path}.{k}", depth + 1) for k, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    return value


def _key(name: str, path: str) -> str:
    if "\x00" in name:
        raise Invalid("a name must not hold the character U+0000", field=path)
    return name


def _sub_member(kind: str, name: str, value: Any, path: str, depth: int, expand: Expand, *, nulls: bool) -> Any:
    if name in _TIMES:
        return parse_time(value, path)
    if name == "unitCode":
        if kind in ("Property", "ListProperty") and isinstance(value, str) and value:
            return value
        raise Invalid("unitCode is a UN/CEFACT common code (MTR, say), and only a Property has one", field=path)
    if name == "datasetId":
        if is_uri(value):
            return value
        raise Invalid("datasetId must be a URI", field=path)
    if name == "objectType":
        types = _types(value, expand)
        return types[0] if len(types) == 1 else list(types)
    if name in ("valueType", "lang"):
        return _plain(value, path, depth)
    check_name(name, path)
    return parse_attribute(value, path, depth + 1, expand=expand, nulls=nulls)


def parse_time(value: object, path: str) -> str:
    """NGSI-LD's DateTime in UTC (4.6.3). Another offset is converted; a time without one is refused."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is not None and at.tzinfo is not None:
            return iso(at.astimezone(UTC))
    except (ValueError, OverflowError):
        pass  # told below, with what would be right
    raise Invalid("a time must be like 2023-07-13T02:20:00Z, with its offset", field=path)
