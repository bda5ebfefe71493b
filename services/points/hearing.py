"""The consumer of `changes`: rides taken and midday charging may earn points; fares booked in points are paid."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, NamedTuple

import msgspec

from access.personal import about_of, person_in
from broker.errors import Conflict, NotFound
from broker.ports import Record, Transaction
from schemas.change import Change, decode_change
from schemas.clock import JST
from services.points.earning import Occasion
from services.points.fares import Fare, take
from services.points.membership import account_of
from services.points.town import Town

GROUP = "points"
RIDE = "バスの乗車"
"""The rules' word for a ride that was made: a `RideBooking` with the status completed."""
MIDDAY_CHARGING = "昼間の充電"
"""The rules' word for charging at midday: an `EVChargingSession` that is COMPLETED and began at midday."""
MIDDAY = (time(10), time(15))
"""From until before when it is midday in Japan: when the sun gives more power than is used."""
_log = logging.getLogger(__name__)


class Happening(NamedTuple):
    """Something that a person did, as the log tells it. `id` is the entity's: it happened once."""

    tenant: str
    person: str
    event: str
    id: str
    at: datetime


def happening(change: Change) -> Happening | None:
    """What a change says that a person has done, None where that is nothing. Pure."""
    about = about_of(change.type)
    if about is None or change.op == "delete":
        return None
    entity = _entity(change)
    person = person_in(entity, about)
    event = _event(change.type, entity)
    return Happening(change.tenant, person, event, change.entity, change.at) if person and event else None


def fare(change: Change) -> Fare | None:
    """The fare that a change says is due in points, None where none is; also of a rider who is not known. Pure."""
    about = about_of(change.type)
    if about is None or change.op == "delete":
        return None
    entity = _entity(change)
    yen = _value(entity, "fare")
    due = _event(change.type, entity) == RIDE and _value(entity, "payment") == "points"
    if not due or type(yen) is not int or yen <= 0:
        return None
    return Fare(change.tenant, person_in(entity, about), change.entity, yen, change.at)


def _entity(change: Change) -> Mapping[str, Any]:
    found: Mapping[str, Any] = msgspec.json.decode(change.state.doc) if change.state is not None else change.attributes
    return found


def _event(types: Sequence[str], entity: Mapping[str, Any]) -> str | None:
    status = _value(entity, "status")
    if "RideBooking" in types and status == "completed":
        return RIDE
    if "EVChargingSession" in types and status == "COMPLETED" and _at_midday(entity):
        return MIDDAY_CHARGING
    return None


def _at_midday(entity: Mapping[str, Any]) -> bool:
    start, energy = _value(entity, "startDateTime"), _value(entity, "kwh")
    try:
        began = datetime.fromisoformat(start).astimezone(JST).time()
    except (TypeError, ValueError):
        return False
    return isinstance(energy, int | float) and energy > 0 and MIDDAY[0] <= began < MIDDAY[1]


def _value(entity: Mapping[str, Any], name: str) -> Any:
    member = entity.get(name)
    return member.get("value") if isinstance(member, Mapping) else None


class Ears:
    """`handle` is a `broker.consume.Handle`. What it moves is a transaction of its own under an id made of the
    entity's, so a batch that is handled again after a crash gives and takes nothing twice."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def handle(self, _: Transaction, records: Sequence[Record]) -> None:
        """Take the fares and give the rewards that the records tell of."""
        for record in records:
            change = decode_change(record.value)
            heard, due = happening(change), fare(change)
            try:
                if due is not None and (why := await take(self._town, due)) is not None:
                    _log.warning("the fare of %s of %s is not paid: %s", due.ride, due.tenant, why)
                if heard is not None:
                    await self._reward(heard)
            except (Conflict, NotFound) as error:
                _log.warning("%s of %s: %s", change.entity, change.tenant, error)

    async def _account(self, tenant: str, person: str) -> str | None:
        async with self._town.database.transaction(tenant) as tx:
            return await account_of(tx, tenant, person)

    async def _reward(self, heard: Happening) -> None:
        town, tenant = self._town, heard.tenant
        account = await self._account(tenant, heard.person)
        if account is None:
            return  # who has no points account earns nothing
        occasion = Occasion(
            id=f"log/{_short(heard.id)}",
            person=await town.person(tenant, account),
            at=heard.at,
            event=heard.event,
            event_id=heard.id,
        )
        await town.earn(tenant, occasion)


def _short(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:40]
