"""The tables of evacuation: loading and saving, in the caller's transaction, which is set to its tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from broker.ports import Transaction
from broker.sql import load
from schemas.river import Mode, Quality, Stage, Trend
from services.evacuation import past
from services.evacuation.afterwards import Night, Proposed, StageChange
from services.evacuation.areas import District
from services.evacuation.around import Around, around_of
from services.evacuation.orders import Officer, Order, Standing, Wish
from services.evacuation.proposals import Ahead, Proposal, Sign
from services.evacuation.wording import Words

SQL = load("services.evacuation", "store")
_MOST = 5000
SYSTEM = Officer(id="", name="都市OS")
"""Who acts where nobody does: the proposals and escalations in the record."""


class Event(NamedTuple):
    """One line of the record: what kind of thing, who, where, in words, and on what evidence."""

    kind: str
    officer: Officer
    districts: Sequence[str]
    text: str
    detail: Any = None


class Times(NamedTuple):
    """This machine's time and the city's present, which differ in a replay."""

    wall: datetime
    city: datetime


def encode(value: Any) -> str:
    """JSON as it is stored."""
    return msgspec.json.encode(value).decode()


async def load_districts(tx: Transaction) -> list[District]:
    """The tenant's districts in their order."""
    return [decode_district(row["body"]) for row in await tx.fetch(SQL["districts"])]


def decode_district(text: str) -> District:
    """A district as it is stored."""
    return msgspec.json.decode(text, type=District)


async def save_districts(tx: Transaction, districts: Sequence[District]) -> None:
    """These and no others. What was issued for districts that are gone stays in the record."""
    await tx.execute(SQL["forget_districts"], [district.id for district in districts])
    rows = [(d.id, position, [*d.gauges, *d.sources], encode(d)) for position, d in enumerate(districts)]
    await tx.executemany(SQL["save_district"], rows)


async def load_signs(tx: Transaction, gauges: Iterable[str]) -> dict[str, Sign]:
    """What is known of each gauge at present, from the entities that alerting keeps."""
    return {row["gauge"]: _sign(row) for row in await tx.fetch(SQL["signs"], sorted(set(gauges)))}


async def load_around(tx: Transaction, districts: Iterable[District], now: datetime, mode: Mode) -> dict[str, Around]:
    """The districts' rain, dams and notices as they stand, by entity. A source that has sent nothing is among them."""
    sources = sorted({source for district in districts for source in district.sources})
    rows = await tx.fetch(SQL["around"], sources) if sources else []
    return {row["id"]: around_of(row["id"], row["type"], msgspec.json.decode(row["doc"]), now, mode) for row in rows}


def _sign(row: Mapping[str, Any]) -> Sign:
    doc = msgspec.json.decode(row["assessed"]) if row["assessed"] else {}
    return Sign(
        gauge=row["gauge"],
        name=_value(doc, "name", str) or "",
        stage=_word(Stage, doc, "stage", Stage.UNKNOWN),
        trend=_word(Trend, doc, "trend", Trend.UNKNOWN),
        quality=_word(Quality, doc, "quality", Quality.MISSING),
        level=_number(row["level"]),
        observed_at=datetime.fromisoformat(row["observed_at"]) if row["observed_at"] else None,
        evacuation=_value(doc, "evacuationLevel", int | float),
        danger=_value(doc, "dangerLevel", int | float),
        ahead=_ahead(row["ahead"]),
    )


def _ahead(text: str | None) -> tuple[Ahead, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[Ahead, ...]) if text else ()
    except msgspec.DecodeError:
        return ()  # somebody else's entity of that name: no forecast of ours


def _value(doc: Mapping[str, Any], name: str, kind: Any) -> Any:
    attribute = doc.get(name)
    value = attribute.get("value") if isinstance(attribute, dict) else None
    return value if isinstance(value, kind) else None


def _word(kind: Any, doc: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = _value(doc, name, str)
    return kind(value) if value in list(kind) else otherwise


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


async def lock_standing(tx: Transaction, districts: Iterable[str], mode: Mode) -> dict[str, Standing]:
    """What holds in each district; nobody else changes it until the transaction ends."""
    wanted = sorted(districts)
    await tx.execute(SQL["open_standing"], wanted, mode)
    return _standings(await tx.fetch(SQL["lock_standing"], wanted, mode))


async def load_standing(tx: Transaction, mode: Mode) -> dict[str, Standing]:
    """What holds, by district; a district that never had a notice is not in it."""
    return _standings(await tx.fetch(SQL["standing"], mode))


def _standings(rows: Iterable[Any]) -> dict[str, Standing]:
    return {row["district_id"]: Standing(row["level"], row["order_id"], row["revision"]) for row in rows}


async def load_order(tx: Transaction, order_id: str, *, lock: bool = False) -> tuple[Order, Wish] | None:
    """A notice and what was wished, or None."""
    row = await tx.fetchrow(SQL["lock_order" if lock else "order"], order_id)
    if row is None:
        return None
    return msgspec.json.decode(row["body"], type=Order), msgspec.json.decode(row["wish"], type=Wish)


async def save_order(
    tx: Transaction, order: Order, wish: Wish, evidence: Any, words: Words | None = None, cap: str | None = None
) -> None:
    """Store the notice as it stands."""
    head = (order.id, order.number, order.mode, order.state, encode(order), encode(wish), encode(evidence))
    said = encode(words._asdict()) if words else None
    await tx.execute(SQL["save_order"], *head, said, cap, order.asked_at, order.issued_at)


async def save_proposal(tx: Transaction, district: str, mode: Mode, proposal: Proposal, at: datetime) -> int:
    """Store what is proposed now; returns the level that was proposed before."""
    before: int | None = await tx.fetchval(SQL["proposal_level"], district, mode)
    observed = [found.sign.observed_at for found in proposal.evidence if found.sign.observed_at]
    newest = max(observed, default=None)
    await tx.execute(SQL["save_proposal"], district, mode, proposal.level, encode(proposal), newest, at)
    return before or 0


async def note(tx: Transaction, times: Times, mode: Mode, event: Event) -> None:
    """Write a line of the record, in the transaction of what it tells of."""
    who = (event.officer.id, event.officer.name)
    detail = encode(event.detail if event.detail is not None else {})
    await tx.execute(
        SQL["note"], times.wall, times.city, mode, event.kind, *who, list(event.districts), event.text, detail
    )


async def load_proposed(tx: Transaction, before: datetime) -> list[past.Proposed]:
    """What was proposed in every mode, the newest first."""
    rows = await tx.fetch(SQL["proposed_before"], before, _MOST)
    return [past.Proposed(name, row["city_at"], row["level"]) for row in rows for name in row["districts"]]


async def load_night(tx: Transaction, mode: Mode, start: datetime, end: datetime) -> Night:
    """What is known of the time from `start` until before `end`, in the city's time."""
    districts = await load_districts(tx)
    gauges = sorted({gauge for district in districts for gauge in district.gauges})
    assessed = [gauge.replace(":WaterObserved:", ":FloodMonitoring:") for gauge in gauges]
    stages: list[StageChange] = []
    before: dict[str, str] = {}
    for row in await tx.fetch(SQL["stages"], assessed, start, end):
        if row["stage"] in list(Stage) and before.get(row["gauge"]) != row["stage"]:
            before[row["gauge"]] = row["stage"]
            stages.append(StageChange(row["gauge"], row["at"], Stage(row["stage"])))
    proposed = [
        Proposed(name, row["city_at"], row["level"])
        for row in await tx.fetch(SQL["proposed_between"], mode, start, end, _MOST)
        for name in row["districts"]
    ]
    orders = await tx.fetch(SQL["orders_between"], mode, start, end, _MOST)
    names = {gauge: sign.name for gauge, sign in (await load_signs(tx, gauges)).items()}
    return Night(districts, stages, proposed, [msgspec.json.decode(row["body"], type=Order) for row in orders], names)
