"""The consumer of `changes`: a ride taken on the buses, a car charged at midday. Each may earn what the rules say."""

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
    entity = msgspec.json.decode(change.state.doc) if change.state is not None else change.attributes
    person = person_in(entity, about)
    event = _event(change.type, entity)
    return Happening(change.tenant, person, event, change.entity, change.at) if person and event else None


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
    """`handle` is a `broker.consume.Handle`. An award is a transaction of its own under an id made of the entity's,
    so a batch that is handled again after a crash gives nothing twice."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def handle(self, _: Transaction, records: Sequence[Record]) -> None:
        """Reward what the records tell of."""
        for record in records:
            heard = happening(decode_change(record.value))
            if heard is not None:
                await self._reward(heard)

    async def _reward(self, heard: Happening) -> None:
        town, tenant = self._town, heard.tenant
        try:
            async with town.database.transaction(tenant) as tx:
                account = await account_of(tx, tenant, heard.person)
            if account is None:
                return  # who has no points account earns nothing
            occasion = Occasion(
                id=f"log/{hashlib.sha256(heard.id.encode()).hexdigest()[:40]}",
                person=await town.person(tenant, account),
                at=heard.at,
                event=heard.event,
                event_id=heard.id,
            )
            await town.earn(tenant, occasion)
        except (Conflict, NotFound) as error:
            _log.warning("%s of %s earns nothing: %s", heard.id, tenant, error)
