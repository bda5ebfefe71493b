"""What the desk and the public see, as plain dicts with the API's names. In a tenant's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from broker.delivery.atom import Entry, atom_feed
from broker.errors import Invalid
from broker.ports import Transaction
from schemas.clock import JST, iso
from schemas.river import Mode
from services.evacuation import store
from services.evacuation.areas import District
from services.evacuation.desk import EvacuationDesk
from services.evacuation.levels import shown
from services.evacuation.orders import Order, Standing
from services.evacuation.past import past_of
from services.evacuation.proposals import Proposal, propose
from services.evacuation.store import SQL
from services.evacuation.telling import identifier_of, public_body
from services.evacuation.wording import Words

_ORDERS = 100
_LINES = 10_000
"""More lines than any night has; a longer record is carried away in parts."""


async def desk_view(tx: Transaction, desk: EvacuationDesk) -> dict[str, Any]:
    """Everything an officer decides by: districts with proposal and what holds, notices, the levels' names.

    Evidence is judged afresh from what the gauges say now; since when, and who answered, is what the role stored.
    """
    now = await desk.times(tx)
    districts = await store.load_districts(tx)
    signs = await store.load_signs(tx, (gauge for district in districts for gauge in district.gauges))
    around = await store.load_around(tx, districts, now.city, desk.mode)
    standing = await store.load_standing(tx, desk.mode)
    stored = {row["district_id"]: row for row in await tx.fetch(SQL["proposals"], desk.mode)}
    past = past_of(await store.load_proposed(tx, now.city), now.city)
    shown_districts = []
    for district in districts:
        beside = [around[source] for source in district.sources if source in around]
        fresh = propose([signs[gauge] for gauge in district.gauges], now.city, beside)
        held = standing.get(district.id, Standing())
        proposal = _proposal(fresh, stored.get(district.id))
        # Borders are asked for once, as open data: on a phone they would outweigh the rest every five seconds.
        told = {name: value for name, value in msgspec.to_builtins(district).items() if name != "polygon"}
        shown_districts.append(
            {
                **told,
                "proposal": {**proposal, "past": past.get((district.id, fresh.level))},
                "standing": msgspec.to_builtins(held),
            }
        )
    shown_districts.sort(key=lambda one: (-one["proposal"]["level"], -one["standing"]["level"]))
    return {
        "now": iso(now.city),
        "mode": desk.mode,
        "secondPerson": desk.settings.second_person,
        "levels": shown(desk.levels.on(now.city.astimezone(JST).date())),
        "districts": shown_districts,
        "orders": await orders(tx, desk.mode),
    }


def _proposal(fresh: Proposal, row: Mapping[str, Any] | None) -> dict[str, Any]:
    known = row is not None and row["level"] == fresh.level
    return {
        **msgspec.to_builtins(fresh),
        "since": iso(row["observed_at"]) if known and row and row["observed_at"] else None,
        "answeredAt": iso(row["answered_at"]) if known and row and row["answered_at"] else None,
        "escalatedAt": iso(row["escalated_at"]) if known and row and row["escalated_at"] else None,
        "raised": row["raised"] if known and row else 0,
    }


async def orders(tx: Transaction, mode: Mode) -> list[dict[str, Any]]:
    """The latest notices, newest first, with who decided."""
    return [
        {
            **order_form(msgspec.json.decode(row["body"], type=Order), _words(row["words"])),
            "raised": row["raised"],
            "raisedAt": iso(row["raised_at"]) if row["raised_at"] else None,
        }
        for row in await tx.fetch(SQL["orders"], mode, _ORDERS)
    ]


def order_form(order: Order, words: Words | None = None) -> dict[str, Any]:
    """A notice as officers see it."""
    form = msgspec.to_builtins(order)
    return {**form, "identifier": identifier_of(order), "words": words._asdict() if words else None}


async def progress(tx: Transaction, order: Order) -> list[dict[str, Any]]:
    """Per channel: how many deliveries are done, wait or were given up."""
    return [dict(row) for row in await tx.fetch(SQL["progress"], identifier_of(order))]


async def record(
    tx: Transaction, mode: Mode, start: datetime, end: datetime, newest: int | None = None
) -> list[dict[str, Any]]:
    """The lines of the record written from `start` until before `end`, newest first: the `newest`, or all. Raises
    `Invalid` where all are too many: a record must not end early without a word."""
    rows = await tx.fetch(SQL["record"], mode, start, end, newest or _LINES + 1)
    if len(rows) > _LINES:
        raise Invalid(f"more than {_LINES} lines were written in that time; ask for a shorter one", field="from")
    return [
        {
            "number": row["id"],
            "at": iso(row["at"]),
            "cityAt": iso(row["city_at"]),
            "kind": row["kind"],
            "actor": row["actor"],
            "actorName": row["actor_name"],
            "districts": row["districts"],
            "text": row["text"],
            "detail": msgspec.json.decode(row["detail"]),
        }
        for row in rows
    ]


async def public_view(tx: Transaction, desk: EvacuationDesk) -> dict[str, Any]:
    """What anybody may read: the notices in force, and what the levels are called and coloured now."""
    edition = desk.levels.on((await desk.times(tx)).city.astimezone(JST).date())
    return {"orders": [public_body(*one) for one in await in_force(tx, desk)], "levels": shown(edition)}


async def in_force(tx: Transaction, desk: EvacuationDesk) -> list[tuple[Order, Words, list[District]]]:
    """Actual notices that hold, the newest first, and where. Exercises are not among them: the query itself asks for
    actual.

    A notice that was lifted or overtaken in some of its districts names only the others.
    """
    districts = await store.load_districts(tx)
    standing = await store.load_standing(tx, Mode.ACTUAL)
    found = []
    for row in await tx.fetch(SQL["in_force"]):
        order = msgspec.json.decode(row["body"], type=Order)
        held = [d for d in districts if standing.get(d.id, Standing()).order == order.id]
        words = _words(row["words"])
        assert words is not None, "an issued notice has its words"
        whole = {district.id for district in held} == set(order.districts)
        found.append((order, words if whole else desk.words_in_force(order, held), held))
    return found


async def public_feed(tx: Transaction, url: str, now: datetime) -> bytes:
    """The latest actual notices as Atom."""
    entries = [
        Entry(f"evacuation/{order.number}", order.issued_at or order.asked_at, words.headline, words.text, order.mode)
        for order, words in await _public(tx)
    ]
    text = atom_feed(entries, title="避難情報", author="避難情報", url=url, updated=now, name="evacuation")
    return text.encode()


async def flash_text(tx: Transaction, desk: EvacuationDesk) -> str:
    """Lines that name every district under a notice, for the L-shaped text of cable television; empty where nothing
    holds."""
    return "".join(f"{line}\r\n" for _, words, _ in await in_force(tx, desk) for line in words.flash.splitlines())


async def public_cap(tx: Transaction, number: int) -> bytes | None:
    """An actual notice's CAP document as it was issued."""
    text = await tx.fetchval(SQL["cap"], number)
    return text.encode() if text is not None else None


async def _public(tx: Transaction) -> Iterable[tuple[Order, Words]]:
    rows = await tx.fetch(SQL["public_orders"])
    read = ((msgspec.json.decode(row["body"], type=Order), _words(row["words"])) for row in rows)
    return [(order, words) for order, words in read if words is not None]


def _words(text: str | None) -> Words | None:
    return Words(**msgspec.json.decode(text)) if text and text != "null" else None
