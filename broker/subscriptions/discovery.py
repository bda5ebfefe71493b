"""Which registrations a discovery or a subscription to registrations is about (ETSI GS CIM 009, 5.10.2, 5.11, 5.12).
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from broker.query.geo import GeoQuery, geo_query
from broker.query.scope import scopes_hold
from broker.subscriptions.matching import Asked, registration_for, types_of

_INTERVALS = {"observedAt": "observationInterval", "createdAt": "managementInterval",
              "modifiedAt": "managementInterval"}  # fmt: skip


class When(NamedTuple):
    """A temporal query (4.11): the interval it means, open where it says nothing, and what of time it is about."""

    property: str
    start: datetime | None
    end: datetime | None


class Sought(NamedTuple):
    """What registrations are sought: any of `asked`; in the place, of the time, of the scopes where those are given."""

    asked: tuple[Asked, ...]
    when: When | None = None
    where: GeoQuery | None = None
    scope_q: str | None = None


def when_of(relation: str | None, at: str | None, end: str | None, property_: str) -> When | None:
    """The temporal query of these members, None without any. The times were checked before."""
    if relation is None or at is None:
        return None
    first = datetime.fromisoformat(at)
    if relation == "before":
        return When(property_, None, first)
    return When(property_, first, datetime.fromisoformat(end) if end is not None and relation == "between" else None)


def fitting(doc: Mapping[str, Any], sought: Sought) -> dict[str, Any] | None:
    """The registration with the parts of its information that are sought, None where none is.

    Without a temporal query only sources that give what is latest are meant: those without an interval.
    """
    if not _of_time(doc, sought.when) or not _in_place(doc, sought.where) or not _of_scope(doc, sought.scope_q):
        return None
    parts: dict[int, Any] = {}
    for asked in sought.asked:
        found = registration_for(doc, asked)
        parts |= {id(part): part for part in found["information"]} if found else {}
    chosen = [part for part in doc["information"] if id(part) in parts]
    return {**doc, "information": chosen} if chosen else None


def _of_time(doc: Mapping[str, Any], when: When | None) -> bool:
    if when is None:
        return not any(name in doc for name in _INTERVALS.values())
    interval = doc.get(_INTERVALS.get(when.property, "observationInterval"))
    if not isinstance(interval, Mapping) or "startAt" not in interval:
        return False
    start = datetime.fromisoformat(interval["startAt"])
    end = datetime.fromisoformat(interval["endAt"]) if "endAt" in interval else None
    return (when.end is None or start < when.end) and (when.start is None or end is None or end > when.start)


def _in_place(doc: Mapping[str, Any], where: GeoQuery | None) -> bool:
    if where is None:
        return True
    place = doc.get(where.property)
    if isinstance(place, Mapping) and place.get("type") == "GeoProperty":
        place = place.get("value")
    return isinstance(place, Mapping) and where.matches({"type": "GeoProperty", "value": place})


def _of_scope(doc: Mapping[str, Any], scope_q: str | None) -> bool:
    """Whether the registration's own scopes (5.2.9) are sought (4.19)."""
    said = doc.get("scope", [])
    return scope_q is None or scopes_hold(scope_q, [said] if isinstance(said, str) else said)


def sought_by(doc: Mapping[str, Any]) -> Sought:
    """What a subscription to registrations seeks."""
    names = [*doc.get("watchedAttributes", ()), *doc["notification"].get("attributes", ())] or None
    asked = tuple(_asked(entity, names) for entity in doc.get("entities", ())) or (Asked(attributes=names),)
    temporal, geo = doc.get("temporalQ"), doc.get("geoQ")
    when = where = None
    if isinstance(temporal, Mapping):
        relation, at, end = (temporal.get(name) for name in ("timerel", "timeAt", "endTimeAt"))
        when = when_of(relation, at, end, temporal.get("timeproperty", "observedAt"))
    if isinstance(geo, Mapping):
        place = geo.get("geoproperty", "location")
        where = geo_query(geo.get("georel"), geo.get("geometry"), geo.get("coordinates"), place)
    return Sought(asked, when, where, doc.get("scopeQ"))


def _asked(entity: Mapping[str, Any], names: Iterable[str] | None) -> Asked:
    types = types_of(entity)
    said = entity.get("id")
    ids = (said,) if isinstance(said, str) else None if said is None else tuple(said)
    return Asked(
        None if "*" in types else types,
        ids,
        None if ids is not None else entity.get("idPattern"),
        None if names is None else tuple(names),
    )
