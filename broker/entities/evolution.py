"""The temporal representations of an entity (ETSI GS CIM 009, 4.5.6 to 4.5.9, 4.5.19, 5.2.20). Pure.

Reading: instances of attributes, as history has them, to the representation asked for. Writing: from a stranger's
EntityTemporal to attributes that are lists of instances at many times. Our own times stay datetimes until the answer
is written: a history has thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.entities.parse import NULL, Expand, ParsedEntity, check_name, is_uri, parse_attribute, parse_fragment
from broker.entities.patch import dataset
from broker.entities.represent import NORMALIZED, Shape, attribute_as, in_language
from broker.errors import Invalid

TEMPORAL_VALUES, AGGREGATED_VALUES = "temporalValues", "aggregatedValues"

Compact = Callable[[str], str]

_PAIRED = {
    "Relationship": ("object", "objects"), "LanguageProperty": ("languageMap", "languageMaps"),
    "VocabProperty": ("vocab", "vocabs"), "JsonProperty": ("json", "jsons"),
    "ListProperty": ("valueList", "valueLists"), "ListRelationship": ("objectList", "objectLists"),
}  # fmt: skip
_WRAPPED = {"LanguageProperty", "VocabProperty", "JsonProperty"}


class Instance(NamedTuple):
    """One instance of an attribute as stored, and the time it was asked by."""

    attribute: str
    value: dict[str, Any]
    told: datetime


class Series(NamedTuple):
    """The aggregates of one series: `values` by method, each [value, start, end] (4.5.19)."""

    attribute: str
    kind: str
    dataset_id: str
    unit_code: str
    values: dict[str, list[list[Any]]]


def deleted(kind: str, attribute: str, dataset_id: str, at: datetime) -> dict[str, Any]:
    """What stands for an instance that was deleted (4.5.0, 5.2.20): null, and when."""
    if attribute == "scope":
        return {"type": "Property", "value": [], "deletedAt": at}
    main = _PAIRED.get(kind, ("value", ""))[0]
    null: Any = {"@none": NULL} if kind == "LanguageProperty" else NULL
    return {"type": kind, main: null, "deletedAt": at, **({"datasetId": dataset_id} if dataset_id else {})}


def core_members(doc: Mapping[str, Any], times: Mapping[str, datetime], shape: Shape) -> dict[str, Any]:
    """id, type, scope and, where asked for, the entity's own times."""
    types = [doc["type"]] if isinstance(doc["type"], str) else doc["type"]
    names = [shape.context.compact(name) for name in types]
    core = {"id": doc["id"], "type": names[0] if len(names) == 1 else names}
    if "scope" in doc and shape.attrs is None:
        core["scope"] = doc["scope"]
    return {name: value for name, value in core.items() if shown(name, shape)} | (
        dict(times) if shape.sys_attrs else {}
    )


def shown(name: str, shape: Shape) -> bool:
    """Whether pick and omit leave the member (4.21)."""
    return name not in shape.omit and (shape.pick is None or name in shape.pick)


def evolution(instances: Iterable[Instance], shape: Shape, form: str) -> dict[str, Any]:
    """The attributes with their instances in time: each a list, or for temporalValues pairs of value and time."""
    compact = shape.context.compact
    by_name: defaultdict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        if shown(instance.attribute, shape):
            if shape.lang is not None:
                instance = instance._replace(value=in_language(instance.value, shape.lang))
            by_name[instance.attribute].append(instance)
    if form == TEMPORAL_VALUES:
        return {compact(name): _one_or_all(list(_pairs(found, compact))) for name, found in by_name.items()}
    return {
        compact(name): [attribute_as(instance.value, form or NORMALIZED, compact) for instance in found]
        for name, found in by_name.items()
    }


def nothing(form: str) -> Any:
    """An attribute that has instances in the time asked for, but none in this part of the answer."""
    return {"type": "Property", "values": []} if form == TEMPORAL_VALUES else []


def _pairs(found: Sequence[Instance], compact: Compact) -> Iterable[dict[str, Any]]:
    """The simplified temporal representation (4.5.9), one for each datasetId."""
    groups: defaultdict[tuple[str, str], list[Instance]] = defaultdict(list)
    for instance in found:
        groups[dataset(instance.value), instance.value["type"]].append(instance)
    for (dataset_id, kind), members in sorted(groups.items()):
        one, many = _PAIRED.get(kind, ("value", "values"))
        values = [m.value.get(one) for m in members]
        if kind in _WRAPPED:
            values = [{one: attribute_as(m.value, NORMALIZED, compact)[one]} for m in members]
        pairs = [[value, m.told] for value, m in zip(values, members, strict=True)]
        yield {"type": kind, **({"datasetId": dataset_id} if dataset_id else {}), many: pairs}


def aggregated(series: Iterable[Series], shape: Shape) -> dict[str, Any]:
    """The aggregated temporal representation (4.5.19). Values in different units are not mixed."""
    by_name: defaultdict[str, list[Series]] = defaultdict(list)
    for one in series:
        if shown(one.attribute, shape):
            by_name[one.attribute].append(one)
    answer = {}
    for name, found in by_name.items():
        units = len({(one.dataset_id, one.unit_code) for one in found}) > len({one.dataset_id for one in found})
        answer[shape.context.compact(name)] = _one_or_all(
            [
                {
                    "type": one.kind,
                    **({"datasetId": one.dataset_id} if one.dataset_id else {}),
                    **({"unitCode": one.unit_code} if units and one.unit_code else {}),
                    **one.values,
                }
                for one in found
            ]
        )
    return answer


def _one_or_all(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else found


def parse_evolution(document: object, expand: Expand) -> ParsedEntity:
    """The EntityTemporal that `document` describes (5.2.20). Raises `Invalid` with the path of what is wrong."""
    if not isinstance(document, Mapping):
        raise Invalid("a temporal representation is a JSON object with id and type", field="$")
    entity_id = document.get("id")
    if not is_uri(entity_id):
        raise Invalid("id must be a URI, such as urn:ngsi-ld:WaterObserved:1", field="id")
    if "type" not in document:
        raise Invalid("type must be a type's name or a list of names", field="type")
    core = parse_fragment({k: document[k] for k in ("type", "scope") if k in document}, expand, nulls=False)
    return ParsedEntity(str(entity_id), core.type, {**core.attributes, **parse_instances(document, expand)})


def parse_instances(document: Mapping[str, Any], expand: Expand) -> dict[str, list[dict[str, Any]]]:
    """The attributes of a temporal representation, each as the list of its instances. Raises `Invalid`."""
    attributes: dict[str, list[dict[str, Any]]] = {}
    for term, member in document.items():
        if term in ("id", "type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt"):
            continue
        name = expand(check_name(term, term))
        members = member if isinstance(member, list) else [member]
        if not members:
            raise Invalid("an attribute needs at least one instance", field=term)
        paths = [f"{term}[{index}]" for index in range(len(members))] if isinstance(member, list) else [term]
        attributes[name] = [parse_instance(one, path, expand) for one, path in zip(members, paths, strict=True)]
    return attributes


def parse_instance(member: object, path: str, expand: Expand) -> dict[str, Any]:
    """One instance of an attribute. Its instanceId is ours to give and is passed over. Raises `Invalid`."""
    if not isinstance(member, Mapping):
        raise Invalid("an instance is an object with a value and observedAt", field=path)
    return parse_attribute({k: v for k, v in member.items() if k != "instanceId"}, path, expand=expand)
