"""A registered context source as requests are matched with it (ETSI GS CIM 009, 5.2.9, 5.12). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from broker.federation.operations import DEFAULT, operations_of
from broker.subscriptions.matching import Asked, types_of

EXCLUSIVE, REDIRECT, INCLUSIVE, AUXILIARY = "exclusive", "redirect", "inclusive", "auxiliary"
_NAMES = ("propertyNames", "relationshipNames")


class Selector(NamedTuple):
    """An EntityInfo (5.2.8): entities of these types, with these ids or ids that the pattern is found in."""

    types: frozenset[str]
    ids: frozenset[str]
    pattern: str | None


class Part(NamedTuple):
    """A RegistrationInfo (5.2.10). No selectors means any entity, no attributes any attribute."""

    selectors: tuple[Selector, ...]
    attributes: frozenset[str]


class Management(NamedTuple):
    """How the source wants to be asked (5.2.34), in seconds; None where it says nothing."""

    timeout: float | None = None
    cooldown: float | None = None
    cache: float | None = None
    local_only: bool = False


class Source(NamedTuple):
    """A registration in the form that is matched. `version` changes whenever the registration does."""

    id: str
    mode: str
    endpoint: str
    tenant: str | None
    alias: str | None
    operations: frozenset[str]
    parts: tuple[Part, ...]
    management: Management
    information: tuple[tuple[str, str], ...]
    expires: datetime | None
    latest: bool
    version: str

    def takes(self, *operations: str) -> bool:
        """Whether the source takes any of these operations.

        One that claims an entity exclusively without saying which attributes takes none: that cannot be (4.3.6.3).
        """
        if self.mode == EXCLUSIVE and any(not part.attributes for part in self.parts):
            return False
        return not self.operations.isdisjoint(operations)


class Share(NamedTuple):
    """What a source may know of what is asked: None means that nothing narrows it."""

    source: Source
    types: frozenset[str]
    ids: frozenset[str] | None
    attributes: frozenset[str] | None


def source_of(doc: Mapping[str, Any], version: str) -> Source:
    """The source that a stored registration describes."""
    management = doc.get("management", {})
    expires = doc.get("expiresAt")
    return Source(
        doc["id"],
        doc.get("mode", INCLUSIVE),
        doc["endpoint"],
        doc.get("tenant"),
        doc.get("contextSourceAlias"),
        operations_of(doc.get("operations", (DEFAULT,))),
        tuple(_part(part) for part in doc["information"]),
        Management(
            _seconds(management.get("timeout")),
            _seconds(management.get("cooldown")),
            duration(management["cacheDuration"]) if "cacheDuration" in management else None,
            bool(management.get("localOnly")),
        ),
        tuple((str(pair["key"]), str(pair["value"])) for pair in doc.get("contextSourceInfo", ())),
        None if expires is None else datetime.fromisoformat(expires),
        "observationInterval" not in doc and "managementInterval" not in doc,
        version,
    )


def _part(part: Mapping[str, Any]) -> Part:
    selectors = []
    for entity in part.get("entities", ()):
        said = entity.get("id", ())
        ids = frozenset([said] if isinstance(said, str) else said)
        selectors.append(Selector(frozenset(types_of(entity)), ids, entity.get("idPattern") if not ids else None))
    return Part(tuple(selectors), frozenset(name for kind in _NAMES for name in part.get(kind, ())))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


_DURATION = re2.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_UNITS = (31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1)


def duration(text: str) -> float:
    """The seconds of an ISO 8601 duration; a month counts thirty days. Raises `ValueError`."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no ISO 8601 duration, such as PT30S")
    return sum(float(number) * unit for number, unit in zip(match.groups(), _UNITS, strict=True) if number)


def share_of(source: Source, asked: Asked) -> Share | None:
    """What the source may know of what is asked, None where that is nothing (5.12)."""
    types: set[str] = set()
    ids: set[str] = set()
    attributes: set[str] = set()
    any_id = any_attribute = False
    for part in source.parts:
        if part.attributes and asked.attributes is not None and part.attributes.isdisjoint(asked.attributes):
            continue
        fitting = [selector for selector in part.selectors if selects(selector, asked)]
        if part.selectors and not fitting:
            continue
        any_attribute |= not part.attributes
        attributes |= part.attributes
        any_id |= not part.selectors or any(not selector.ids for selector in fitting)
        types |= {name for selector in fitting for name in selector.types}
        ids |= {one for selector in fitting for one in selector.ids if asked.ids is None or one in asked.ids}
    if not (any_attribute or attributes):
        return None
    return Share(
        source,
        frozenset(types),
        None if any_id else frozenset(ids),
        None if any_attribute else frozenset(attributes),
    )


def selects(selector: Selector, asked: Asked) -> bool:
    """Whether the selector can be about what is asked."""
    if asked.types is not None and selector.types.isdisjoint(asked.types) and "*" not in selector.types:
        return False
    if asked.ids is not None:
        if selector.ids:
            return not selector.ids.isdisjoint(asked.ids)
        return selector.pattern is None or any(found(selector.pattern, one) for one in asked.ids)
    if asked.id_pattern is not None and selector.ids:
        return any(found(asked.id_pattern, one) for one in selector.ids)
    return True


def shares_of(sources: Iterable[Source], asked: Asked, now: datetime, *, history: bool = False) -> list[Share]:
    """The shares of the sources in force that offer the latest information (5.12), in their order; of those of times
    gone by as well where `history` is asked."""
    fitting = (s for s in sources if (s.latest or history) and (s.expires is None or s.expires > now))
    return [share for source in fitting if (share := share_of(source, asked)) is not None]


@lru_cache(1024)
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern)
    except re2.error:
        return None


def found(pattern: str, text: str) -> bool:
    """Whether the pattern is found in an id, in linear time. A pattern that is none finds nothing."""
    compiled = _compiled(pattern)
    return compiled is not None and compiled.search(text) is not None


def narrowed(names: Sequence[str] | None, to: frozenset[str] | None) -> tuple[str, ...] | None:
    """What is both among `names` and in `to`, in the order of `names`; None stands for everything."""
    if to is None:
        return None if names is None else tuple(names)
    return tuple(sorted(to)) if names is None else tuple(name for name in names if name in to)
