"""Whom a registration or a subscription concerns (ETSI GS CIM 009, 5.12). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from broker.ngsi_v2.entities import shown_id
from broker.query.condition import found
from broker.query.scope import WORDS, types_hold


class Asked(NamedTuple):
    """What somebody asks about: each None means anything."""

    types: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    id_pattern: str | None = None
    attributes: Sequence[str] | None = None


def registration_for(doc: Mapping[str, Any], asked: Asked) -> dict[str, Any] | None:
    """The registration with the parts of its information that fit, None where none does (5.12)."""
    parts = [part for part in doc["information"] if _fits(part, asked)]
    return {**doc, "information": parts} if parts else None


def _fits(part: Mapping[str, Any], asked: Asked) -> bool:
    entities = part.get("entities")
    if entities and not any(selects(entity, asked) for entity in entities):
        return False
    names = [*part.get("propertyNames", ()), *part.get("relationshipNames", ())]
    return asked.attributes is None or not names or bool(set(names) & set(asked.attributes))


def selects(entity: Mapping[str, Any], asked: Asked) -> bool:
    """Whether an EntityInfo (5.2.8) or an EntitySelector (5.2.33) can be about what is asked."""
    if asked.types is not None and not _of_type(entity["type"], asked.types):
        return False
    said = entity.get("id")
    ids = [said] if isinstance(said, str) else list(said or ())
    if asked.ids is not None:
        if ids:
            return bool(set(ids) & set(asked.ids))
        pattern = entity.get("idPattern")
        # An id that came through NGSIv2 is known by its name there, too.
        return pattern is None or any(found(pattern, one) or found(pattern, shown_id(one)) for one in asked.ids)
    if asked.id_pattern is not None and ids:
        return any(found(asked.id_pattern, one) for one in ids)
    return True


def _of_type(said: Any, types: Sequence[str]) -> bool:
    """Whether a type, a list of them or a selection such as (A,B);C chooses one of the types (4.17)."""
    if isinstance(said, str) and ";" in said:
        return types_hold(said, types)
    wanted = types_of({"type": said})
    return "*" in wanted or not set(wanted).isdisjoint(types)


def types_of(entity: Mapping[str, Any]) -> list[str]:
    """The types that a selector names."""
    said = entity.get("type")
    return list(said) if isinstance(said, list) else WORDS.findall(str(said))
