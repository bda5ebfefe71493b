"""Entities as NGSIv2 has them, to and from normalized NGSI-LD. What cannot be said there is in docs/ngsi-v2.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from broker.entities.parse import NULL, check_name, is_uri, parse_attribute, parse_time
from broker.entities.patch import instances
from broker.errors import Invalid
from broker.ngsi_v2.geometry import GEO_TYPES, geometry_of

OWN_ID = "urn:ngsi-v2:"
"""Stands before an id that is no URI, because every entity of the store is named by one."""
DEFAULT_TYPE = "Thing"
TIME_METADATA = "TimeInstant"
"""The metadata under which IoT agents say when a value was observed."""
_RESERVED = frozenset({"id", "type"})
_BUILTIN = frozenset({"dateCreated", "dateModified", "dateExpires"})
_MAIN = {"Relationship": "object", "LanguageProperty": "languageMap", "VocabProperty": "vocab", "JsonProperty": "json",
         "ListProperty": "valueList", "ListRelationship": "objectList"}  # fmt: skip
_NO_METADATA = frozenset({"type", "value", "unitCode", "observedAt", "datasetId", "valueType", "lang", "objectType",
                          "createdAt", "modifiedAt", "deletedAt", *_MAIN.values()})  # fmt: skip


def stored_id(id_: object) -> str:
    """The entity's URI. Raises `Invalid` for what is no id of NGSIv2 (1 to 256 visible characters)."""
    if not isinstance(id_, str) or not 0 < len(id_) <= 256 or any(ord(c) <= 32 or c in "&?/#<>\"'=;()" for c in id_):
        if isinstance(id_, str) and is_uri(id_):
            return id_
        raise Invalid("an id is 1 to 256 characters without blanks, &, ?, / and #", field="id")
    if is_uri(id_):
        return id_
    return OWN_ID + "".join(c if c != "%" and is_uri(OWN_ID + c) else quote(c, safe="") for c in id_)


def shown_id(id_: str) -> str:
    """The id as NGSIv2 knows it."""
    return unquote(id_.removeprefix(OWN_ID)) if id_.startswith(OWN_ID) else id_


def parse_v2_entity(document: object, *, key_values: bool = False) -> dict[str, Any]:
    """An entity document as a normalized one with `id`, `type` and attributes. Raises `Invalid`."""
    if not isinstance(document, Mapping):
        raise Invalid("an entity is a JSON object with an id", field="$")
    type_ = document.get("type", DEFAULT_TYPE)
    return {
        "id": stored_id(document.get("id")),
        "type": check_name(type_, "type"),
        **parse_v2_attributes(document, key_values=key_values),
    }


def parse_v2_attributes(document: object, *, key_values: bool = False) -> dict[str, Any]:
    """The attributes of a document, normalized. Raises `Invalid` naming the member that is wrong."""
    if not isinstance(document, Mapping):
        raise Invalid("a JSON object of attributes is needed", field="$")
    attributes = {}
    for name, member in document.items():
        if name in _RESERVED or name in _BUILTIN:
            continue
        check_name(name, name)
        attributes[name] = parse_v2_attribute({"value": member} if key_values else member, name)
    return attributes


def parse_v2_attribute(member: object, path: str) -> dict[str, Any]:
    """One attribute `{"value": …, "type": …, "metadata": {…}}`. Raises `Invalid`."""
    if not isinstance(member, Mapping):
        raise Invalid('an attribute is like {"value": 21.5, "type": "Number"}', field=path)
    if unknown := sorted(member.keys() - {"value", "type", "metadata"}):
        raise Invalid("an attribute has value, type and metadata only", field=f"{path}.{unknown[0]}")
    value = member.get("value")
    kind = member.get("type", _type_of(value))
    if not isinstance(kind, str) or not kind or len(kind) > 256:
        raise Invalid("type is a string of 1 to 256 characters", field=f"{path}.type")
    attribute = _main(kind, value, path)
    metadata = member.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise Invalid("metadata is an object", field=f"{path}.metadata")
    for name, item in metadata.items():
        attribute |= _metadatum(name, item, f"{path}.metadata.{name}")
    return parse_attribute(attribute, path)


def _main(kind: str, value: Any, path: str) -> dict[str, Any]:
    if kind in GEO_TYPES and value is not None:
        return {"type": "GeoProperty", "value": geometry_of(kind, value, f"{path}.value")}
    if kind == "Relationship" and value is not None:
        objects = [stored_id(one) for one in (value if isinstance(value, list) else [value])]
        return {"type": "Relationship", "object": objects if isinstance(value, list) else objects[0]}
    if value is None:
        return {"type": "JsonProperty", "json": None}
    said = {} if kind == _type_of(value) else {"valueType": kind}
    return {"type": "Property", "value": value, **said}


def _metadatum(name: str, item: Any, path: str) -> dict[str, Any]:
    if name in _BUILTIN or name in ("previousValue", "actionType"):
        return {}
    if not isinstance(item, Mapping) or "value" not in item:
        raise Invalid('metadata is like {"unitCode": {"value": "CEL"}}', field=path)
    value = item["value"]
    if name == "unitCode" and isinstance(value, str):
        return {"unitCode": value}
    if name == TIME_METADATA:
        return {"observedAt": parse_time(value, path)}
    return {check_name(name, path): _main(item.get("type", _type_of(value)), value, path)}


def _type_of(value: Any) -> str:
    """The type that NGSIv2 gives a value which comes without one."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    return "Text" if isinstance(value, str) else "StructuredValue"


def shown_attribute(attribute: Any) -> dict[str, Any]:
    """An attribute of the store as NGSIv2 has it: of several instances the one without datasetId, else the first."""
    chosen = instances(attribute)
    instance = next((i for i in chosen if "datasetId" not in i), chosen[0])
    metadata: dict[str, Any] = {}
    if "unitCode" in instance:
        metadata["unitCode"] = {"type": "Text", "value": instance["unitCode"]}
    if "observedAt" in instance:
        metadata[TIME_METADATA] = {"type": "DateTime", "value": instance["observedAt"]}
    for name, member in instance.items():
        if name not in _NO_METADATA and isinstance(member, Mapping):
            shown = shown_attribute(member)
            metadata[name] = {"type": shown["type"], "value": shown["value"]}
    value = shown_value(instance)
    return {"type": _shown_type(instance, value), "value": value, "metadata": metadata}


def shown_value(instance: Mapping[str, Any]) -> Any:
    """The attribute's value; an id in a relationship as NGSIv2 knows it, null for what was deleted."""
    value = instance.get(_MAIN.get(instance["type"], "value"))
    if value == NULL:
        return None
    if instance["type"] == "Relationship":
        return [shown_id(one) for one in value] if isinstance(value, list) else shown_id(str(value))
    return value


def _shown_type(instance: Mapping[str, Any], value: Any) -> str:
    if instance["type"] == "GeoProperty":
        return "geo:json"
    if instance["type"] in ("Relationship", "ListRelationship"):
        return str(instance["type"])
    return str(instance.get("valueType") or _type_of(value))
