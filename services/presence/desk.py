"""What a family and an officer do with tags: each look passes the gate of consent, each row is the city's alone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from access.consent import Disclosure, Ground
from broker.consent.gate import Gate
from broker.consent.register import demand_right_to_act, link, unlink
from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from broker.veil import Veil
from schemas.clock import JST, Clock, iso
from services.presence import store
from services.presence.codes import LONGEST, SHORTEST, read_code
from services.presence.exchange import agreed, public_key
from services.presence.keying import row_of
from services.presence.places import Fences, read_polygon
from services.presence.rules import Rule
from services.presence.settings import TagsSettings
from services.presence.store import PLACE, TAG, SealedPlace, Watched, Wearer, as_family, decode_state, encode
from services.presence.telling import CATEGORY, PURPOSE
from services.presence.track import Cell, State, Watch, fold, standing

SERVICE = "presence"
"""The name in links of persons: the reference is the tag's handle, never its code nor the name of its rows."""
MISSING = "missing-person"
_RESOLVER = "eid-resolver"
"""The use of the secret with which the city agrees on keys with tags."""
_SQL = load("services.presence", "family")
_MOST_PLACES, _MOST_RULES = 20, 50
_DAY = timedelta(days=1)
_NONE = "there is no such tag in your care"


class Asker(NamedTuple):
    """Who asks, in whose city, for what: a guardian for themself, or `by` somebody for another `recipient`.

    `vendor` is the app that they use: it sees the tags that it registered, and no others. The family's own page and
    the officers see all.
    """

    tenant: str
    id: str
    purpose: str = PURPOSE
    by: str = ""
    recipient: str = ""
    vendor: str | None = None


class FamilyDesk:
    """In the caller's transaction, which is set to the asker's tenant and is the application's."""

    def __init__(self, veil: Veil, settings: TagsSettings, clock: Clock) -> None:
        self._veil, self._settings, self._clock = veil, settings, clock
        self._template = Watch(Fences({}), settings.window_s, settings.unseen_after_s, settings.dwell_s)

    async def register(self, tx: Transaction, asker: Asker, person: str, code: str, name: str) -> str:
        """The tag with this code is worn by `person`, in the asker's care, from now on. Returns its handle.

        Raises `Invalid` naming the field, `NotFound` for a person not in the asker's care, `Conflict` for a tag that is
        registered already.
        """
        now = self._clock()
        known = read_code(agreed(code, self._veil.secret(asker.tenant, _RESOLVER)), now)
        if not 1 <= len(name) <= 60 or "\x00" in name:
            raise Invalid("the name has 1 to 60 characters", field="name")
        await demand_right_to_act(tx, asker.tenant, asker.id, person, now)
        handle = secrets.token_hex(8)
        row = row_of(self._veil, asker.tenant, handle)
        sealed = self._seal(asker.tenant, TAG, Wearer(code=known.text, person=person, name=name, handle=handle))
        blind = (self._veil.blind(asker.tenant, "code", known.same), self._veil.blind(asker.tenant, "person", person))
        async with as_family(tx):
            if await tx.fetchval(_SQL["add"], row, asker.vendor or "", *blind, sealed, now) is None:
                raise Conflict("a tag with this code is registered already")
            await tx.execute(_SQL["add_aliases"], row, *store.aliases(self._veil, asker.tenant, known.text, now, now))
            if known.rotation is not None:
                await tx.execute(_SQL["named_until"], row, now + store.NAMED_AHEAD)
        await link(tx, asker.tenant, person, SERVICE, handle, asker.id, now)
        return handle

    def resolver(self, tenant: str) -> dict[str, Any]:
        """What a tag that exchanges keys is given (Eddystone-EID): the city's public key, and the exponents taken."""
        key = public_key(self._veil.secret(tenant, _RESOLVER))
        return {"publicKey": key.hex(), "leastExponent": SHORTEST, "mostExponent": LONGEST}

    async def tags_of(self, tx: Transaction, asker: Asker, person: str) -> list[dict[str, Any]]:
        """The tags that a person in the asker's care wears. Raises `NotFound`."""
        await demand_right_to_act(tx, asker.tenant, asker.id, person, self._clock())
        return await self._tags(tx, asker, person)

    async def shared_with(self, tx: Transaction, gate: Gate, asker: Asker) -> list[dict[str, Any]]:
        """The tags of grown persons who consented to the asker's seeing where they are."""
        asked = Disclosure(
            tenant=asker.tenant,
            person="",
            recipient=asker.id,
            category=CATEGORY,
            purpose=asker.purpose,
            at=self._clock(),
        )
        permitted = await gate.permitted_among(tx, asked)
        persons = sorted(person for person, decision in permitted.items() if decision.ground is Ground.CONSENT)
        return [tag for person in persons for tag in await self._tags(tx, asker, person)]

    async def _tags(self, tx: Transaction, asker: Asker, person: str) -> list[dict[str, Any]]:
        async with as_family(tx):
            rows = await tx.fetch(_SQL["of_person"], self._veil.blind(asker.tenant, "person", person))
        worn = [(row, self._wearer(asker.tenant, row["sealed"])) for row in rows]
        return [
            {"id": wearer.handle or row["id"], "name": wearer.name, "since": iso(row["registered_at"])}
            for row, wearer in worn
            if asker.vendor in (None, row["vendor"])
        ]

    async def presence(self, tx: Transaction, gate: Gate, asker: Asker, tag: str) -> dict[str, Any]:
        """Where the wearer is, as said of it now. Booked. Raises `Forbidden`, `NotFound`."""
        watched = await self._disclosed(tx, gate, asker, tag)
        async with as_family(tx):
            text = await tx.fetchval(_SQL["current"], watched.id)
            search = await tx.fetchrow(_SQL["search_of"], watched.id)
        state = decode_state(text) if text else State()
        now = self._clock()
        stand = standing(state, now, watched.watch)
        return {
            "id": tag,
            "name": watched.wearer.name,
            "status": stand.status,
            "since": iso(stand.since) if stand.since else None,
            "places": [{"id": id, "name": watched.places[id].name} for id in stand.places if id in watched.places],
            "seenAt": iso(state.at) if state.at else None,
            "location": {"type": "Point", "coordinates": list(state.place)} if state.place else None,
            "accuracy": state.accuracy if state.place else None,
            "battery": state.battery,
            "doubtAt": iso(state.doubt) if state.doubt and now - state.doubt < _DAY else None,
            "search": {k: iso(v) if isinstance(v, datetime) else v for k, v in dict(search).items()}
            if search
            else None,
        }

    async def history(self, tx: Transaction, gate: Gate, asker: Asker, tag: str, day: date) -> dict[str, Any]:
        """The path and the events of one local day (Japan). Booked. Raises `Forbidden`, `NotFound`."""
        return await self._day(tx, await self._disclosed(tx, gate, asker, tag), day)

    async def _day(self, tx: Transaction, watched: Watched, day: date) -> dict[str, Any]:
        tag = watched.id
        begin = datetime.combine(day, datetime.min.time(), JST).astimezone(UTC)
        async with as_family(tx):
            checkpoint = await tx.fetchrow(_SQL["checkpoint"], tag, begin.date())
            rows = await tx.fetch(
                _SQL["cells"], tag, datetime.combine(begin.date(), datetime.min.time(), UTC), begin + _DAY
            )
            events = await tx.fetch(_SQL["events"], tag, begin, begin + _DAY)
        cells = [msgspec.json.decode(row["body"], type=Cell) for row in rows]
        steps = fold(decode_state(checkpoint["state"]) if checkpoint else State(), cells, watched.watch)
        fixes = [step.state for step in steps if step.state.at is not None and step.state.at >= begin]
        return {
            "day": day.isoformat(),
            "path": [
                {"at": iso(one.at), "location": list(one.place), "accuracy": one.accuracy}
                for one in _changes(fixes)
                if one.at is not None and one.place is not None
            ],
            "events": [
                {
                    "kind": row["kind"],
                    "place": watched.places[row["place"]].name if row["place"] in watched.places else "",
                    "at": iso(row["at"]),
                    "withdrawn": row["withdrawn_at"] is not None,
                }
                for row in events
            ],
        }

    async def add_place(self, tx: Transaction, asker: Asker, tag: str, name: str, polygon: Any) -> str:
        """A place of the wearer's. Returns its id. Raises `Invalid`, `NotFound`, `Conflict` beyond twenty."""
        if not 1 <= len(name) <= 60 or "\x00" in name:
            raise Invalid("the name has 1 to 60 characters", field="name")
        read_polygon(polygon)
        watched = await self._own(tx, asker, tag)
        id = secrets.token_hex(6)
        async with as_family(tx):
            if await tx.fetchval(_SQL["count_places"], watched.id) >= _MOST_PLACES:
                raise Conflict(f"a tag has at most {_MOST_PLACES} places; remove one first")
            sealed = self._seal(asker.tenant, PLACE, SealedPlace(name=name, polygon=dict(polygon)))
            await tx.execute(_SQL["add_place"], id, watched.id, sealed)
        return id

    async def remove_place(self, tx: Transaction, asker: Asker, tag: str, place: str) -> None:
        """Forget a place, with the rules about it. Raises `NotFound`."""
        watched = await self._own(tx, asker, tag)
        async with as_family(tx):
            if await tx.fetchval(_SQL["remove_place"], watched.id, place) is None:
                raise NotFound("there is no such place")
            await tx.execute(_SQL["forget_rules_of_place"], watched.id, place)

    async def settings(self, tx: Transaction, asker: Asker, tag: str) -> dict[str, Any]:
        """The places and rules of a tag in the asker's care. Raises `NotFound`."""
        watched = await self._own(tx, asker, tag)
        places = [{"id": id, "name": one.name, "polygon": one.polygon} for id, one in sorted(watched.places.items())]
        return {"name": watched.wearer.name, "places": places, "rules": msgspec.to_builtins(list(watched.rules))}

    async def set_rules(self, tx: Transaction, asker: Asker, tag: str, rules: Sequence[Rule]) -> None:
        """Of what the family is told, whole. Raises `Invalid` for a place that is none of the tag's, `NotFound`."""
        watched = await self._own(tx, asker, tag)
        if len(rules) > _MOST_RULES or len({rule.id for rule in rules}) != len(rules):
            raise Invalid(f"at most {_MOST_RULES} rules, each with an id of its own", field="rules")
        for index, rule in enumerate(rules):
            if rule.kind in ("enter", "leave", "not-arrived", "outside") and rule.place not in watched.places:
                raise Invalid(f"{rule.kind} needs the id of one of the tag's places", field=f"rules[{index}].place")
        async with as_family(tx):
            row = watched.id
            await tx.execute(_SQL["clear_rules"], row)
            ids = [f"{row}.{rule.id}" for rule in rules]
            await tx.execute(_SQL["add_rules"], row, ids, [encode(rule) for rule in rules])

    async def forget(self, tx: Transaction, asker: Asker, tag: str) -> None:
        """End a tag: everything about it goes at once. Raises `NotFound`."""
        watched = await self._own(tx, asker, tag)
        await self.erase(tx, asker.tenant, watched.wearer.person, tag)

    async def erase(self, tx: Transaction, tenant: str, person: str, tag: str) -> None:
        """Delete a tag's link, names, places, rules, presence, events and detections."""
        await unlink(tx, tenant, person, SERVICE, tag)
        async with as_family(tx):
            # The handle too: of a tag from before whose rows have not been given their name yet.
            for row in (row_of(self._veil, tenant, tag), tag):
                for statement in ("forget_searches", "forget_cells", "forget"):
                    await tx.execute(_SQL[statement], row)

    async def demand(self, tx: Transaction, asker: Asker, tag: str) -> str:
        """The name of the tag's rows, if its wearer is in the asker's care. Raises `NotFound`."""
        return (await self._own(tx, asker, tag)).id

    async def of_row(self, tx: Transaction, tenant: str, row: str) -> Watched:
        """The tag of which rows bear this name. Raises `NotFound`."""
        async with as_family(tx):
            number = await tx.fetchval(_SQL["number"])
            found = await store.load_watched(tx, self._veil, tenant, number, [row], self._template)
        if row not in found:
            raise NotFound(_NONE)
        return found[row]

    async def record(self, tx: Transaction, tenant: str, tag: str) -> dict[str, Any] | None:
        """All that is kept of a tag, for its wearer to carry away; None where it is kept no more."""
        try:
            watched = await self._watched(tx, tenant, tag)
        except NotFound:
            return None
        async with as_family(tx):
            days = [row["day"] for row in await tx.fetch(_SQL["days"], watched.id)]
        return {
            "tag": tag,
            "name": watched.wearer.name,
            "places": [{"name": one.name, "polygon": one.polygon} for one in watched.places.values()],
            "rules": msgspec.to_builtins(list(watched.rules)),
            "days": [await self._day(tx, watched, day) for day in days],
        }

    async def _own(self, tx: Transaction, asker: Asker, tag: str) -> Watched:
        """The tag, if its wearer is in the asker's care."""
        watched = await self._visible(tx, asker, tag)
        await demand_right_to_act(tx, asker.tenant, asker.id, watched.wearer.person, self._clock())
        return watched

    async def _disclosed(self, tx: Transaction, gate: Gate, asker: Asker, tag: str) -> Watched:
        watched = await self._visible(tx, asker, tag)
        asked = Disclosure(
            tenant=asker.tenant,
            person=watched.wearer.person,
            recipient=asker.recipient or asker.id,
            category=CATEGORY,
            purpose=asker.purpose,
            at=self._clock(),
            by=asker.by,
            reference=tag,
        )
        await gate.disclose(tx, asked)
        return watched

    async def _visible(self, tx: Transaction, asker: Asker, tag: str) -> Watched:
        """The tag, if the app that is used registered it: one vendor's customers are nothing to another."""
        watched = await self._watched(tx, asker.tenant, tag)
        if asker.vendor not in (None, watched.vendor):
            raise NotFound(_NONE)
        return watched

    async def _watched(self, tx: Transaction, tenant: str, tag: str) -> Watched:
        return await self.of_row(tx, tenant, row_of(self._veil, tenant, tag))

    def _seal(self, tenant: str, use: str, value: msgspec.Struct) -> bytes:
        return self._veil.seal(tenant, use, msgspec.json.encode(value))

    def _wearer(self, tenant: str, sealed: bytes) -> Wearer:
        return msgspec.json.decode(self._veil.open(tenant, TAG, sealed), type=Wearer)


def _changes(fixes: Sequence[State]) -> list[State]:
    """A path without the repetitions of somebody who stays."""
    return [one for index, one in enumerate(fixes) if index == 0 or one.place != fixes[index - 1].place]
