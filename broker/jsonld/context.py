"""What a @context says about names. Pure: documents come in parsed, nothing is fetched here.

The store keeps a name of the core context or of its default vocabulary short, every other as its full IRI. So with
no context but the core one, an answer is what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from broker.errors import Invalid

CORE_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
DEFAULT_VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"

_CORE_VOCABULARY = "https://uri.etsi.org/ngsi-ld/"
_CORE_PREFIX = "ngsi-ld"
_CORE_URI = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(-v1\.\d{1,2}(\.\d{1,2})?)?\.jsonld")
_KEYWORD = re.compile(r"@[A-Za-z]+")
_PREFIX_ENDS = ("/", "#", ":", "?", "=", "&", "-", "_", ".")
_MAX_TERMS = 20_000
CORE_TERMS = frozenset(
    {"id", "type", "scope", "location", "observationSpace", "operationSpace", "observedAt", "createdAt", "modifiedAt",
     "deletedAt", "unitCode", "datasetId", "instanceId", "title", "description", "value", "object", "languageMap",
     "vocab", "json", "valueList", "objectList", "objectType", "valueType", "ngsildproof", "expiresAt"}
)  # fmt: skip
"""Terms that no other context can give another meaning (5.5.7)."""

Source = str | Mapping[str, Any]
"""A context as it is named or given: its URI, or its terms."""


class Context:
    """The terms of a chain of contexts, the core one last and strongest."""

    def __init__(self, uri: str, definitions: Iterable[Mapping[str, Any]] = (), given: Any = None) -> None:
        self.uri = uri
        self.given = given if given is not None else uri
        """What an answer's @context says."""
        self._terms = _iris(definitions)
        self._names: dict[str, str] = {}
        for term, iri in self._terms.items():
            if iri not in self._names or len(term) < len(self._names[iri]):
                self._names[iri] = term
        self._prefixes = sorted(
            ((iri, term) for term, iri in self._terms.items() if iri.endswith(_PREFIX_ENDS)), key=lambda p: -len(p[0])
        )
        self.size = len(self._terms)
        """How many terms it defines."""
        self.is_core = not self._terms
        self.expand = lru_cache(8192)(self._expand)
        self.compact = lru_cache(8192)(self._compact)

    def _expand(self, term: str) -> str:
        """The name in the store of a term, compact IRI or IRI."""
        if term in CORE_TERMS or term.startswith("@"):
            return term
        iri = self._terms.get(term)
        if iri is None:
            prefix, colon, rest = term.partition(":")
            if not colon:
                return term
            base = _CORE_VOCABULARY if prefix == _CORE_PREFIX else self._terms.get(prefix)
            iri = term if base is None or rest.startswith("//") else base + rest
        return stored_name(iri)

    def _compact(self, name: str) -> str:
        """The name in an answer."""
        if name in CORE_TERMS:
            return name
        if ":" not in name:
            if self._terms.get(name) in (None, DEFAULT_VOCABULARY + name):
                return self._names.get(DEFAULT_VOCABULARY + name, name)
            return f"{_CORE_PREFIX}:{DEFAULT_VOCABULARY[len(_CORE_VOCABULARY) :]}{name}"
        if (term := self._names.get(name)) is not None:
            return term
        for iri, prefix in self._prefixes:
            if name.startswith(iri) and len(name) > len(iri):
                return f"{prefix}:{name[len(iri) :]}"
        return name


def stored_name(iri: str) -> str:
    """The store's name for an IRI."""
    if iri.startswith(DEFAULT_VOCABULARY):
        return iri[len(DEFAULT_VOCABULARY) :]
    if iri.startswith(_CORE_VOCABULARY) and (term := iri[len(_CORE_VOCABULARY) :]) in CORE_TERMS:
        return term
    return iri


def full_name(name: str) -> str:
    """The IRI of a name as the store has it."""
    if ":" in name:
        return name
    return (_CORE_VOCABULARY if name in CORE_TERMS else DEFAULT_VOCABULARY) + name


def is_core(uri: str) -> bool:
    """Whether `uri` is a version of the core context, which is built in and never fetched."""
    return _CORE_URI.fullmatch(uri) is not None


def sources_of(document: Any) -> list[Source]:
    """The contexts that an @context value names or gives. Raises `Invalid`."""
    listed = document if isinstance(document, list) else [document]
    for source in listed:
        if not isinstance(source, str | Mapping):
            raise Invalid("@context is a URI, an object of terms, or a list of these", field="@context")
        if isinstance(source, str) and ":" not in source:
            raise Invalid(f"{source!r} is not a URI", field="@context")
    return list(listed)


def _iris(definitions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each term's IRI, later definitions before earlier ones. Raises `Invalid` for one that is circular."""
    raw: dict[str, str] = {}
    for definition in definitions:
        for term, meaning in definition.items():
            iri = meaning.get("@id") if isinstance(meaning, Mapping) else meaning
            if isinstance(iri, str) and not _KEYWORD.fullmatch(term) and not _KEYWORD.fullmatch(iri):
                raw[term] = iri
    if len(raw) > _MAX_TERMS:
        raise Invalid(f"a context of more than {_MAX_TERMS} terms is not taken", field="@context")
    return {term: _resolved(term, raw) for term in raw}


def _resolved(term: str, raw: Mapping[str, str]) -> str:
    iri = raw[term]
    for step in range(16):
        prefix, colon, rest = iri.partition(":")
        if not colon:
            return DEFAULT_VOCABULARY + iri if iri not in raw or iri == term else raw[iri]
        if rest.startswith("//") or prefix not in raw or (prefix == term and not step):
            return iri
        if prefix == term:
            break
        iri = raw[prefix] + rest
    raise Invalid(f"the term {term!r} is defined by itself", field="@context")


CORE = Context(CORE_CONTEXT)
"""The core context alone."""
