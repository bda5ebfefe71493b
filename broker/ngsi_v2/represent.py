"""Stored entities in the representations of NGSIv2: normalized, keyValues, values and unique. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from broker.entities.patch import instances
from broker.entities.represent import Times
from broker.errors import Invalid
from broker.ngsi_v2.entities import shown_attribute, shown_id

NORMALIZED, KEY_VALUES, VALUES, UNIQUE = "normalized", "keyValues", "values", "unique"
FORMS = (NORMALIZED, KEY_VALUES, VALUES, UNIQUE)
_TIMES = ("dateCreated", "dateModified")


class View(NamedTuple):
    """What is shown of an entity: `attrs` and `metadata` None mean all but the built-in times."""

    form: str = NORMALIZED
    attrs: tuple[str, ...] | None = None
    metadata: tuple[str, ...] | None = None


def view_of(options: Sequence[str], attrs: Sequence[str] | None, metadata: Sequence[str] | None) -> View:
    """The view that the parameters ask for. Raises `Invalid`."""
    for field, names in (("attrs", attrs), ("metadata", metadata)):
        if names is not None and (not isinstance(names, list) or not all(isinstance(name, str) for name in names)):
            raise Invalid("a list of names is needed", field=field)
    forms = [word for word in options if word in FORMS]
    if len(forms) > 1:
        raise Invalid("keyValues, values and unique exclude each other", field="options")
    return View(
        forms[0] if forms else NORMALIZED, tuple(attrs) if attrs else None, tuple(metadata) if metadata else None
    )


def shown_attributes(entity: Mapping[str, Any], times: Times, view: View, hidden: frozenset[str]) -> dict[str, Any]:
    """The attributes, each as `{"type", "value", "metadata"}`, in the order of `attrs` where that is given."""
    there = {name: value for name, value in entity.items() if name not in ("id", "type", "scope", *hidden)}
    wanted = view.attrs or ("*",)
    names = [name for w in wanted for name in (there if w == "*" else (w,) if w in there or w in _TIMES else ())]
    shown: dict[str, Any] = {}
    for name in dict.fromkeys(names):
        if name in _TIMES:
            at = times.created if name == "dateCreated" else times.modified
            shown[name] = {"type": "DateTime", "value": at, "metadata": {}}
        else:
            shown[name] = _with_metadata(shown_attribute(there[name]), name, times, view.metadata)
    return shown


def _with_metadata(
    attribute: dict[str, Any], name: str, times: Times, wanted: tuple[str, ...] | None
) -> dict[str, Any]:
    if wanted is None:
        return attribute
    created = times.stamps.get(f"c:{name}", times.created)
    own = {
        "dateCreated": {"type": "DateTime", "value": created},
        "dateModified": {"type": "DateTime", "value": times.stamps.get(f"m:{name}", created)},
    }
    metadata = (
        attribute["metadata"]
        if "*" in wanted
        else {k: attribute["metadata"][k] for k in wanted if k in attribute["metadata"]}
    )
    return {**attribute, "metadata": metadata | {k: v for k, v in own.items() if k in wanted}}


def shown_type(entity: Mapping[str, Any]) -> str:
    """The type; of several the first, because NGSIv2 knows one."""
    said = entity["type"]
    return str(said if isinstance(said, str) else said[0])


def v2_entity(entity: Mapping[str, Any], times: Times, view: View, hidden: frozenset[str] = frozenset()) -> Any:
    """The entity in its view."""
    attributes = shown_attributes(entity, times, view, hidden)
    return formed({"id": shown_id(entity["id"]), "type": shown_type(entity)}, attributes, view.form)


def formed(core: Mapping[str, Any], attributes: Mapping[str, Any], form: str) -> Any:
    """The attributes in a form, after `core` where the form has members."""
    if form == NORMALIZED:
        return {**core, **attributes}
    values = {name: attribute["value"] for name, attribute in attributes.items()}
    if form == KEY_VALUES:
        return {**core, **values}
    listed = list(values.values())
    return listed if form == VALUES else [v for i, v in enumerate(listed) if v not in listed[:i]]


def kinds_of(entity: Mapping[str, Any]) -> dict[str, set[str]]:
    """The types of each attribute, for the description of an entity type."""
    return {
        name: {str(shown_attribute(instance)["type"]) for instance in instances(value)}
        for name, value in entity.items()
        if name not in ("id", "type", "scope")
    }
