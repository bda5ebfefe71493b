"""Several waiting notifications of one subscription as one Notification (ETSI GS CIM 009, 5.3.1, 5.8.6). Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

MOST_ENTITIES = 100
MOST_BYTES = 65_536
"""Of one Notification that holds several: less than the limits that receivers and MQTT servers have by default."""
_OF_EACH = ("id", "notifiedAt", "data")


class Waiting(NamedTuple):
    """A notification in the queue. `bundle` is the id of the first of those that it was last sent with, if any;
    `revision` which state of the subscription it was made for."""

    id: int
    body: str
    attempts: int
    bundle: int | None
    revision: int | None


class Parcel(NamedTuple):
    """What is sent as one Notification, and what of the queue is in it."""

    ids: tuple[int, ...]
    body: str
    attempts: int

    @property
    def bundle(self) -> int | None:
        """What its notifications are to be found together by, should they have to be sent again."""
        return self.ids[0] if len(self.ids) > 1 else None


def singly(waiting: Iterable[Waiting]) -> list[Parcel]:
    """Each by itself."""
    return [Parcel((one.id,), one.body, one.attempts) for one in waiting]


def parcels(waiting: Sequence[Waiting], *, together: bool) -> list[Parcel]:
    """The queue, oldest first, as it is to be sent: each by itself or, `together`, as few Notifications as may be.

    What went together before does so again, as then: a receiver knows a repetition by its id. What failed before
    goes alone. No entity is in a Notification twice, so each change is told, and in order.
    """
    made: list[Parcel] = []
    rest = list(waiting)
    while rest:
        before = rest[0].bundle
        if before is not None:
            count = next((n for n, one in enumerate(rest) if one.bundle != before), len(rest))
        else:
            count = _fitting(rest) if together else 1
        made += [_bundled(rest[:count])] if count > 1 else singly(rest[:1])
        del rest[:count]
    return made


def _fitting(waiting: Sequence[Waiting]) -> int:
    """How many of the first can go as one; at least 1."""
    first: dict[str, Any] = orjson.loads(waiting[0].body)
    ids: list[str] = []
    size = 0
    for count, one in enumerate(waiting):
        body = orjson.loads(one.body)
        told = _entities(body)
        size += len(one.body.encode())
        if told is None or one.attempts or one.bundle is not None:
            return max(count, 1)
        # A subscription may change while some wait: what was made for two states of it has two forms.
        if one.revision != waiting[0].revision or not _alike(first, body):
            return max(count, 1)
        ids += told
        if len(set(ids)) < len(ids) or len(ids) > MOST_ENTITIES or size > MOST_BYTES:
            return max(count, 1)
    return len(waiting)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two differ in nothing but what they tell, and when."""
    rest = [{name: value for name, value in body.items() if name not in _OF_EACH} for body in (one, other)]
    return rest[0] == rest[1] and type(one["data"]) is type(other["data"])


def _entities(body: Mapping[str, Any]) -> list[str] | None:
    """The ids of the entities that it tells of; None where it does not name them all (`pick`, NGSIv2's values)."""
    told = _told(body.get("data", [None]))
    ids = [one["id"] for one in told if isinstance(one, Mapping) and isinstance(one.get("id"), str)]
    return ids if len(ids) == len(told) else None


def _told(data: Any) -> list[Any]:
    """The entities, or the features of a GeoJSON FeatureCollection."""
    found: list[Any] = data["features"] if isinstance(data, Mapping) else data
    return found


def _bundled(waiting: Sequence[Waiting]) -> Parcel:
    """All of them as one, with an id that those alone have together, of the time of the last."""
    bodies = [orjson.loads(one.body) for one in waiting]
    told = [entity for body in bodies for entity in _told(body["data"])]
    first, last = bodies[0], bodies[-1]
    body = {**first, "data": {**first["data"], "features": told} if isinstance(first["data"], Mapping) else told}
    if "id" in first:  # An NGSIv2 notification has neither.
        name = uuid.uuid5(uuid.NAMESPACE_URL, " ".join(one["id"] for one in bodies))
        body |= {"id": f"urn:ngsi-ld:Notification:{name}", "notifiedAt": last["notifiedAt"]}
    return Parcel(tuple(one.id for one in waiting), orjson.dumps(body).decode(), 0)
