"""A published model, and whether an entity keeps to it. Pure: nothing that a model refers to is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from broker.entities.parse import is_uri, parse_time
from broker.entities.represent import SIMPLIFIED, Shape, represent
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.query.condition import found, pattern

_NOTHING_HIDDEN: frozenset[str] = frozenset()


def _pattern(_validator: Any, said: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """`pattern`, with an engine whose time is linear: the text comes from strangers."""
    if isinstance(instance, str) and not found(said, instance):
        yield ValidationError(f"{instance!r} does not match {said!r}")


_Validator = validators.extend(Draft202012Validator, {"pattern": _pattern})
_formats = FormatChecker(formats=())
_formats.checks("date-time", raises=Invalid)(lambda value: not isinstance(value, str) or bool(parse_time(value, "$")))
_formats.checks("uri")(lambda value: not isinstance(value, str) or is_uri(value))


class Model:
    """The model of one entity type, as Smart Data Models publishes them: of the simplified representation (4.5.3).

    `refs` are the further schemas that it refers to, by their URIs; `context` gives attributes the model's names.
    Raises `Invalid` for a schema that is none, or refers to one that is not there.
    """

    def __init__(self, type_: str, schema: Mapping[str, Any], refs: Mapping[str, Any], context: Context) -> None:
        self.type = type_
        self._context = context
        every = {**refs, str(schema.get("$id", "")): schema}
        for part in every.values():
            _check_schema(part, refs)
        resources = [
            (uri, Resource.from_contents(part, default_specification=DRAFT202012)) for uri, part in every.items()
        ]
        registry: Any = Registry().with_resources(resources)
        self._validator = _Validator(schema, registry=registry, format_checker=_formats)

    def check(self, entity: Mapping[str, Any]) -> None:
        """Raise `Invalid` with the path of what is wrong in the normalized `entity`."""
        shown = represent(entity, None, Shape(SIMPLIFIED, context=self._context), _NOTHING_HIDDEN)
        name = self._context.compact(self.type)
        wrong = best_match(self._validator.iter_errors({**shown, "type": name}))
        if wrong is None:
            return
        path = ".".join(str(step) for step in wrong.absolute_path) or "$"
        raise Invalid(f"the model of {name} refuses this: {wrong.message[:500]}", field=path)

    def check_instances(self, attributes: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Raise `Invalid` where a value of a history could not be its attribute's in an entity of this type.

        Each is judged by itself: what the model says of other attributes, or that there must be some, is of the state.
        """
        name = self._context.compact(self.type)
        for attribute, instances in attributes.items():
            if attribute == "scope":
                continue
            term, judged = self._context.compact(attribute), set[bytes]()
            for place, instance in enumerate(instances):
                entity = {"id": "urn:ngsi-ld:history", "type": self.type, attribute: instance}
                shown = represent(entity, None, Shape(SIMPLIFIED, context=self._context), _NOTHING_HIDDEN)
                if (value := orjson.dumps(shown.get(term), option=orjson.OPT_SORT_KEYS)) in judged:
                    continue
                judged.add(value)
                found = self._validator.iter_errors({**shown, "type": name})
                wrong = best_match(error for error in found if list(error.absolute_path)[:1] == [term])
                if wrong is not None:
                    path = ".".join([f"{term}[{place}]", *(str(step) for step in list(wrong.absolute_path)[1:])])
                    raise Invalid(f"the model of {name} refuses this: {wrong.message[:500]}", field=path)


def _check_schema(schema: Any, refs: Mapping[str, Any]) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Invalid(f"the model is no JSON Schema: {error.message}", field="schema") from error
    for keyword, value in _keywords(schema):
        if keyword == "$ref" and (base := value.partition("#")[0]) and base not in {*refs, schema.get("$id")}:
            raise Invalid(f"the model refers to {base}; give that as well", field="refs")
        if keyword == "pattern" and pattern(value) is None:
            raise Invalid(f"the pattern {value!r} cannot be run in linear time", field="schema")


def _keywords(schema: Any) -> Iterator[tuple[str, str]]:
    """Every `$ref` and `pattern` in a schema."""
    if isinstance(schema, Mapping):
        for name, value in schema.items():
            if name in ("$ref", "pattern") and isinstance(value, str):
                yield name, value
            yield from _keywords(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _keywords(item)
