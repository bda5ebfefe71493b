"""What the operations of NGSI-LD's provision mean (ETSI GS CIM 009, 5.6): pure, from entity and fragment to attributes.

An attribute is its one instance, or the list of its instances by `datasetId` (4.5.5). Results are for `EntityUpdate`:
the new value of each attribute that changes, None for one that goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from broker.entities.parse import NULL
from broker.errors import Invalid, NotFound

_MAIN = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
_ALWAYS = frozenset({"id", "type", "scope"})


class Outcome(NamedTuple):
    """New values (None: gone), the names that were taken, and why the others were not (5.2.18)."""

    attributes: dict[str, Any]
    updated: list[str]
    not_updated: dict[str, str]


def instances(attribute: Any) -> list[dict[str, Any]]:
    """The instances of an attribute, none where there is none."""
    if attribute is None:
        return []
    return attribute if isinstance(attribute, list) else [attribute]


def dataset(instance: Mapping[str, Any]) -> str:
    """The instance's datasetId, empty for the default instance."""
    return str(instance.get("datasetId", ""))


def append(doc: Mapping[str, Any], fragment: Mapping[str, Any], *, overwrite: bool) -> Outcome:
    """Append Entity Attributes (5.6.3): instances that are there are replaced, or kept with noOverwrite."""
    outcome = Outcome({}, [], {})
    for name, new in fragment.items():
        if name == "scope":
            _append_scope(doc, new, outcome, overwrite=overwrite)
            continue
        present = {dataset(i): i for i in instances(doc.get(name))}
        if not overwrite and any(dataset(i) in present for i in instances(new)):
            outcome.not_updated[name] = "it is there already, and overwriting was refused"
            continue
        _put(outcome, name, present | {dataset(i): i for i in instances(without_nulls(new))})
    return outcome


def _append_scope(doc: Mapping[str, Any], new: Any, outcome: Outcome, *, overwrite: bool) -> None:
    old = doc.get("scope")
    had = [] if old is None else [old] if isinstance(old, str) else list(old)
    added = [new] if isinstance(new, str) else list(new)
    merged = added if overwrite else [*had, *(s for s in added if s not in had)]
    outcome.attributes["scope"] = merged[0] if len(merged) == 1 else merged
    outcome.updated.append("scope")


def update(doc: Mapping[str, Any], fragment: Mapping[str, Any]) -> Outcome:
    """Update Attributes (5.6.2): instances that are there are replaced, others added; null deletes."""
    outcome = Outcome({}, [], {})
    for name, new in fragment.items():
        present = {} if name == "scope" else {dataset(i): i for i in instances(doc.get(name))}
        if (
            (name == "scope" and name not in doc)
            or (new == NULL and name not in doc)
            or any(
                _is_null(i) and dataset(i) not in present
                for i in (instances(new) if isinstance(new, dict | list) else ())
            )
        ):
            outcome.not_updated[name] = "there is no such attribute, or none with this datasetId, to delete"
        elif new == NULL or name == "scope":
            outcome.attributes[name] = None if new == NULL else new
            outcome.updated.append(name)
        else:
            for instance in instances(new):
                present[dataset(instance)] = without_nulls(instance)
            _put(outcome, name, {key: i for key, i in present.items() if not _was_null(new, key)})
    return outcome


def _was_null(new: Any, key: str) -> bool:
    return any(dataset(i) == key and _is_null(i) for i in instances(new))


def partial(doc: Mapping[str, Any], name: str, fragment: Mapping[str, Any]) -> Outcome:
    """Partial Attribute Update (5.6.4) of one instance. Raises `NotFound`, `Invalid` for another type of attribute."""
    present = {dataset(i): i for i in instances(doc.get(name))}
    chosen = str(fragment.get("datasetId", ""))
    if chosen not in present:
        raise NotFound(f"the entity has no attribute {name}" + (f" with datasetId {chosen}" if chosen else ""))
    old = present[chosen]
    if fragment.get("type", old["type"]) != old["type"]:
        raise Invalid(f"the attribute is a {old['type']}; a partial update keeps that", field="type")
    outcome = Outcome({}, [], {})
    if _is_null(fragment):
        present.pop(chosen)
    else:
        present[chosen] = {k: v for k, v in {**old, **fragment}.items() if v != NULL}
    _put(outcome, name, present)
    return outcome


def merge_entity(doc: Mapping[str, Any], fragment: Mapping[str, Any]) -> Outcome:
    """Merge Entity (5.6.17): what is given is merged into what is there, member by member; null deletes."""
    outcome = Outcome({}, [], {})
    for name, new in fragment.items():
        if new == NULL or name == "scope":
            if name in doc or new != NULL:
                outcome.attributes[name] = None if new == NULL else new
                outcome.updated.append(name)
            continue
        present = {dataset(i): i for i in instances(doc.get(name))}
        for instance in instances(new):
            key = dataset(instance)
            if _is_null(instance):
                present.pop(key, None)
            elif key in present:
                present[key] = merged(present[key], instance)
            else:
                present[key] = without_nulls(instance)
        _put(outcome, name, present)
    return outcome


def merged(old: Any, new: Any) -> Any:
    """JSON merge patch (RFC 7396) with NGSI-LD's null."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return without_nulls(new)
    if old.get("type") != new.get("type") and "type" in new and any(main in new for main in _MAIN):
        return without_nulls(new)
    result = dict(old)
    for key, value in new.items():
        if value in (NULL, None) or _is_null(value):
            result.pop(key, None)
        else:
            result[key] = merged(old.get(key), value)
    return result


def delete(doc: Mapping[str, Any], name: str, *, dataset_id: str = "", every: bool = False) -> Outcome:
    """Delete Entity Attribute (5.6.5): one instance, or every one. Raises `NotFound`."""
    if name == "scope" and name in doc:
        return Outcome({"scope": None}, ["scope"], {})
    present = {dataset(i): i for i in instances(doc.get(name))} if name not in ("id", "type", "scope") else {}
    if not present or (not every and dataset_id not in present):
        raise NotFound(f"the entity has no attribute {name}" + (f" with datasetId {dataset_id}" if dataset_id else ""))
    outcome = Outcome({}, [], {})
    _put(outcome, name, {} if every else {k: v for k, v in present.items() if k != dataset_id})
    return outcome


def replaced(doc: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What makes `doc` have these attributes and no others (5.6.18)."""
    gone = dict.fromkeys(sorted(doc.keys() - {"id", "type"} - attributes.keys()))
    return {**gone, **attributes}


def without_nulls(value: Any) -> Any:
    """`value` without the members that are null: where nothing was, null says nothing."""
    if isinstance(value, Mapping):
        return {k: without_nulls(v) for k, v in value.items() if v != NULL}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value


def _is_null(instance: Any) -> bool:
    if not isinstance(instance, Mapping):
        return False
    values = [instance[main] for main in _MAIN if main in instance]
    return NULL in (v for v in values if isinstance(v, str)) or any(
        isinstance(v, Mapping) and v.get("@none") == NULL for v in values
    )


def _put(outcome: Outcome, name: str, present: Mapping[str, Any]) -> None:
    kept = list(present.values())
    outcome.attributes[name] = None if not kept else kept[0] if len(kept) == 1 else kept
    outcome.updated.append(name)
