"""An entity in the representations of NGSI-LD (ETSI GS CIM 009, 4.5): normalized to GeoJSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from broker.entities.patch import dataset, instances
from broker.jsonld.context import CORE, Context

NORMALIZED, CONCISE, SIMPLIFIED = "normalized", "concise", "simplified"

_MAIN = {"Relationship": "object", "LanguageProperty": "languageMap", "VocabProperty": "vocab", "JsonProperty": "json",
         "ListProperty": "valueList", "ListRelationship": "objectList"}  # fmt: skip
_BARE = {"Property", "GeoProperty", "Relationship", "ListProperty", "ListRelationship"}
_PLAIN_MEMBERS = {"type", "observedAt", "unitCode", "datasetId", "createdAt", "modifiedAt", "deletedAt", "instanceId",
                  "valueType", "lang", "entity", "entityList", "previousValue", "previousObject", "previousLanguageMap",
                  "previousVocab", "previousJson", "previousValueList", "previousObjectList"}  # fmt: skip
_CORE = ("id", "type", "scope")


class Members(NamedTuple):
    """Members that pick or omit names, and what it says about entities behind relationships: a{b,c{d}} (4.21)."""

    names: frozenset[str]
    inner: Mapping[str, Members]


_NOTHING: Mapping[str, Members] = {}


class Shape(NamedTuple):
    """How an answer should look."""

    form: str = NORMALIZED
    sys_attrs: bool = False
    attrs: frozenset[str] | None = None
    ld: bool = False
    context: Context = CORE
    pick: frozenset[str] | None = None
    omit: frozenset[str] = frozenset()
    lang: str | None = None
    geojson: bool = False
    geometry_property: str = "location"
    dataset_ids: frozenset[str] | None = None
    inner_context: bool = True
    inner_pick: Mapping[str, Members] = _NOTHING
    inner_omit: Mapping[str, Members] = _NOTHING

    @property
    def as_stored(self) -> bool:
        """Whether the stored text is the answer already."""
        return (
            self.form == NORMALIZED
            and not (self.sys_attrs or self.omit or self.geojson)
            and all(part is None for part in (self.attrs, self.pick, self.lang, self.dataset_ids))
            and self.context.is_core
        )


class Times(NamedTuple):
    """When an entity and its attributes came and changed, as DateTimes."""

    created: str
    modified: str
    stamps: Mapping[str, str]


def represent(entity: Mapping[str, Any], times: Times | None, shape: Shape, hidden: frozenset[str]) -> dict[str, Any]:
    """The stored entity as `shape` says, without the attributes in `hidden`."""
    compact = shape.context.compact
    answer = _core_members(entity, times, shape)
    features: dict[str, Any] = {}
    for name, attribute in entity.items():
        if name in _CORE or name in hidden or not is_shown(name, shape):
            continue
        chosen = [
            i for i in instances(attribute) if shape.dataset_ids is None or (dataset(i) or "@none") in shape.dataset_ids
        ]
        if not chosen:
            continue
        if shape.sys_attrs and times is not None:
            chosen = [{**instance, **_attribute_times(name, times)} for instance in chosen]
        if shape.lang is not None:
            chosen = [in_language(instance, shape.lang) for instance in chosen]
        features[compact(name)] = _instances_as(chosen, shape.form, compact)
    if shape.geojson:
        place = None if shape.geometry_property in hidden else entity.get(shape.geometry_property)
        return _feature(entity["id"], answer | features, place)
    return {**answer, **features}


def _core_members(entity: Mapping[str, Any], times: Times | None, shape: Shape) -> dict[str, Any]:
    compact = shape.context.compact
    types = entity["type"]
    answer: dict[str, Any] = {"id": entity["id"]}
    answer["type"] = compact(types) if isinstance(types, str) else [compact(name) for name in types]
    if "scope" in entity:
        answer["scope"] = entity["scope"]
    answer = {name: value for name, value in answer.items() if is_shown(name, shape, core=True)}
    if shape.sys_attrs and times is not None:
        answer |= {"createdAt": times.created, "modifiedAt": times.modified}
    return answer


def is_shown(name: str, shape: Shape, *, core: bool = False) -> bool:
    """Whether pick, omit and attrs leave a member (4.21)."""
    if name in shape.omit:
        return False
    if shape.pick is not None:
        return name in shape.pick
    return core or shape.attrs is None or name in shape.attrs


def _attribute_times(name: str, times: Times) -> dict[str, str]:
    created = times.stamps.get(f"c:{name}", times.created)
    return {"createdAt": created, "modifiedAt": times.stamps.get(f"m:{name}", created)}


def _instances_as(chosen: list[dict[str, Any]], form: str, compact: Callable[[str], str]) -> Any:
    if len(chosen) == 1:
        return attribute_as(chosen[0], form, compact)
    if form != SIMPLIFIED:
        return [attribute_as(instance, form, compact) for instance in chosen]
    return {"dataset": {dataset(i) or "@none": attribute_as(i, form, compact) for i in chosen}}


def _unchanged(name: str) -> str:
    return name


def attribute_as(attribute: Any, form: str, compact: Callable[[str], str] = _unchanged) -> Any:
    """One normalized attribute in another representation (4.5.2 to 4.5.4), its names compacted."""
    if not isinstance(attribute, Mapping):
        return attribute
    kind = str(attribute.get("type"))
    main = _MAIN.get(kind, "value")
    value = attribute.get(main)
    if kind == "VocabProperty":
        value = [compact(item) for item in value] if isinstance(value, list) else compact(str(value))
    if form == SIMPLIFIED:
        if kind == "Relationship" and "entity" in attribute:
            return attribute["entity"]
        if kind == "ListRelationship" and "entityList" in attribute:
            return attribute["entityList"]
        if kind == "ListRelationship" and isinstance(value, list):
            return [item.get("object") if isinstance(item, Mapping) else item for item in value]
        return value if kind in _BARE else {main: value}
    rest: dict[str, Any] = {}
    for name, member in attribute.items():
        if name == "type" and form == CONCISE:
            continue
        if name == main:
            rest[name] = value
        elif name == "objectType":
            rest[name] = compact(member) if isinstance(member, str) else [compact(item) for item in member]
        elif name in _PLAIN_MEMBERS:
            rest[name] = member
        else:
            rest[compact(name)] = attribute_as(member, form, compact)
    if form == NORMALIZED:
        return rest
    only_value = len(rest) == 1 and kind in ("Property", "GeoProperty")
    return value if only_value and not (kind == "Property" and isinstance(value, Mapping)) else rest


def in_language(instance: dict[str, Any], lang: str) -> dict[str, Any]:
    """A LanguageProperty as a Property in the best language there is (4.15)."""
    instance = {k: in_language(v, lang) if isinstance(v, dict) and k != "value" else v for k, v in instance.items()}
    if instance.get("type") != "LanguageProperty":
        return instance
    there: Mapping[str, Any] = instance["languageMap"]
    chosen = next((tag for tag in _preferred(lang, there) if tag in there), None) or _fallback(there)
    rest = {name: value for name, value in instance.items() if name not in ("type", "languageMap")}
    return {"type": "Property", "value": there[chosen], **({"lang": chosen} if chosen != "@none" else {}), **rest}


def _fallback(there: Mapping[str, Any]) -> str:
    return next((tag for tag in ("@none", "en") if tag in there), next(iter(there)))


def _preferred(lang: str, there: Mapping[str, Any]) -> list[str]:
    """Language ranges in order of their weight; `en` stands also for `en-GB`."""
    weighted = []
    for part in lang.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag.strip()))
        except ValueError:
            weighted.append((0.0, tag.strip()))
    found: list[str] = []
    for _, tag in sorted(weighted, key=lambda pair: pair[0]):
        if tag == "*":
            found += [_fallback(there)]
            continue
        found += [tag, *(t for t in there if t.lower() == tag.lower() or t.lower().startswith(f"{tag.lower()}-"))]
        found += [t for t in there if tag.lower().startswith(f"{t.lower()}-")]
    return found


def _feature(id_: str, members: dict[str, Any], place: Any) -> dict[str, Any]:
    """A GeoJSON feature (4.5.16): the geometry property's value as geometry, everything else as properties."""
    places = [i for i in instances(place) if i.get("type") == "GeoProperty"]
    return {
        "id": id_,
        "type": "Feature",
        "geometry": places[0]["value"] if places else None,
        "properties": {name: value for name, value in members.items() if name != "id"},
    }


def times_of(created: str, modified: str, stamps: str) -> Times:
    """The times as the store has them."""
    return Times(created, modified, orjson.loads(stamps))
