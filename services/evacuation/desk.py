"""The officer's desk: decide, issue, correct, lift, withdraw. Each in one transaction with its line of the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from broker.delivery.cap import cap_time
from broker.delivery.personal import count_listening, tell_everybody
from broker.delivery.queue import audience, enqueue
from broker.errors import Conflict, Forbidden, Invalid, NotFound
from broker.ports import Transaction
from broker.store.entities import EntityWriter
from schemas.clock import JST, Clock, utc_now
from schemas.river import Mode
from services.evacuation import store
from services.evacuation.areas import District, Loaded, parse_districts, with_figures
from services.evacuation.cap import Part, Source, cap_of
from services.evacuation.levels import Levels, national_levels
from services.evacuation.orders import (
    KIND_NAMES,
    Kind,
    Officer,
    Order,
    Standing,
    State,
    Wish,
    before_of,
    check_seen,
    check_wish,
    next_standing,
)
from services.evacuation.proposals import Proposal
from services.evacuation.replaced import left_of, replaced_by
from services.evacuation.settings import EvacuationSettings
from services.evacuation.store import SQL, Event, Times
from services.evacuation.telling import (
    MATTER,
    confirmation_notice,
    district_alert,
    identifier_of,
    notice_of,
    resident_notice,
)
from services.evacuation.wording import Place, Told, Words, words_of

Present = Callable[[Transaction], Awaitable[datetime | None]]
"""The city's present where it is not this machine's: in a replay."""


class EvacuationDesk:
    """One per gateway. `mode` is what everything issued here is; only `actual` ever reaches the public."""

    def __init__(
        self,
        settings: EvacuationSettings,
        mode: Mode,
        writer: EntityWriter,
        *,
        levels: Levels | None = None,
        public_url: str = "",
        present: Present | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.settings, self.mode = settings, mode
        self.levels = levels or national_levels()
        self.writer, self._url = writer, public_url.rstrip("/")
        self._present, self._clock = present, clock

    async def times(self, tx: Transaction) -> Times:
        """Now, twice."""
        wall = self._clock()
        return Times(wall, (await self._present(tx) if self._present else None) or wall)

    async def load(self, tx: Transaction, officer: Officer, document: Any) -> Loaded:
        """Replace the districts by those of a GeoJSON document, or their figures by those of a CSV text."""
        loaded = await self.read(tx, document)
        gone = [name for name, standing in (await store.load_standing(tx, self.mode)).items() if standing.level]
        lost = sorted(set(gone) - {district.id for district in loaded.districts})
        if lost:
            raise Conflict(f"a notice is in force in {', '.join(lost)}: lift it before the district is taken away")
        await store.save_districts(tx, loaded.districts)
        text = f"地区を読み込みました（{len(loaded.districts)}地区）"
        await self.note(tx, Event("districts", officer, [], text, {"warnings": loaded.warnings}))
        return loaded

    async def read(self, tx: Transaction, document: Any) -> Loaded:
        """The districts as `load` would store them."""
        known = [row["entity_id"] for row in await tx.fetch(SQL["gauges"])]
        if isinstance(document, str):
            return with_figures(await store.load_districts(tx), document, known)
        return parse_districts(document, known, [row["entity_id"] for row in await tx.fetch(SQL["sources"])])

    async def note(self, tx: Transaction, event: Event) -> None:
        """A line in the record, now."""
        await store.note(tx, await self.times(tx), self.mode, event)

    async def preview(self, tx: Transaction, tenant: str, wish: Wish) -> dict[str, Any]:
        """The words, who lives there and how many would be told over which channel. Nothing is stored."""
        check_wish(wish)
        districts = await self._named(tx, wish.seen)
        now = await store.load_standing(tx, self.mode)
        held = {name: now.get(name, Standing()) for name in wish.seen}
        about = await self._about(tx, wish)
        draft = await self._drafted(tx, wish, about, held, Officer(id="", name=""))
        words = self._words(draft, districts, held, next_standing(wish, held, about))
        channels = Counter(await audience(tx, tenant, notice_of(draft, words, districts, self._url)))
        if self.mode is Mode.ACTUAL:
            channels.update(await count_listening(tx, tenant, MATTER))
        return {
            "words": words._asdict(),
            "mode": self.mode,
            "households": sum(district.households for district in districts),
            "people": sum(district.people for district in districts),
            "needHelp": sum(district.need_help for district in districts),
            "channels": channels,
            "web": self.mode is Mode.ACTUAL,
            "secondPerson": self.settings.second_person,
        }

    async def ask(self, tx: Transaction, tenant: str, officer: Officer, wish: Wish) -> Order:
        """Issue what the officer wishes, or put it before a second person. The same wish again gives what it gave.

        Raises `Invalid` with the field, and `Conflict` when a district has changed since the officer looked.
        """
        check_wish(wish)
        await tx.execute(SQL["lock_orders"])
        known = await store.load_order(tx, wish.id)
        if known is not None:
            if known[1] != wish or known[0].asked_by.id != officer.id:
                raise Conflict("this id was used for another notice; take a new one")
            return known[0]
        districts = await self._named(tx, wish.seen)
        held = await store.lock_standing(tx, wish.seen, self.mode)
        check_seen(wish, held, {district.id: district.name for district in districts})
        about = await self._about(tx, wish)
        levels = next_standing(wish, held, about)
        order = await self._drafted(tx, wish, about, held, officer)
        if not self.settings.second_person:
            return await self._issue(tx, tenant, order, wish, districts, held, officer)
        words = self._words(order, districts, held, levels)
        await store.save_order(tx, order, wish, await self._evidence(tx, wish.seen), words)
        await enqueue(tx, tenant, [confirmation_notice(order, words)], at=(await self.times(tx)).wall)
        # Who asks has seen the proposals: from here on it is the confirmation that waits for somebody.
        await tx.fetch(SQL["answer"], list(order.districts), self.mode, officer.id, (await self.times(tx)).wall)
        text = f"{self._what(order, districts)}の確認を求めました。理由: {wish.reason}"
        await self.note(tx, Event("asked", officer, order.districts, text, {"order": order.id}))
        return order

    async def decide(self, tx: Transaction, tenant: str, officer: Officer, order_id: str, *, allow: bool) -> Order:
        """The second person's word. Raises `Forbidden` for who asked, `Conflict` when it is decided already."""
        await tx.execute(SQL["lock_orders"])
        found = await store.load_order(tx, order_id, lock=True)
        if found is None:
            raise NotFound(f"there is no notice {order_id!r}")
        order, wish = found
        if order.state is not State.WAITING:
            raise Conflict(f"this notice is {order.state} already")
        if allow and order.asked_by.id == officer.id:
            raise Forbidden("a second person confirms: not the one who asked")
        districts = await self._named(tx, wish.seen)
        held = await store.lock_standing(tx, wish.seen, self.mode)
        if allow:
            check_seen(wish, held, {district.id: district.name for district in districts})
            next_standing(wish, held, await self._about(tx, wish))
            return await self._issue(tx, tenant, order, wish, districts, held, officer)
        refused = msgspec.structs.replace(order, state=State.REFUSED, decided_by=officer)
        await store.save_order(tx, refused, wish, await self._evidence(tx, wish.seen))
        text = f"{self._what(order, districts)}を認めませんでした"
        await self.note(tx, Event("refused", officer, order.districts, text, {"order": order.id}))
        return refused

    async def answer(self, tx: Transaction, officer: Officer, districts: Sequence[str]) -> list[str]:
        """Somebody has seen the proposals of these districts. Returns those that had waited for it."""
        now = await self.times(tx)
        rows = await tx.fetch(SQL["answer"], list(districts), self.mode, officer.id, now.wall)
        answered = [row["district_id"] for row in rows]
        if answered:
            names = {district.id: district.name for district in await store.load_districts(tx)}
            text = f"提案を確認しました: {'、'.join(names.get(name, name) for name in answered)}"
            await store.note(tx, now, self.mode, Event("answered", officer, answered, text))
        return answered

    async def _issue(
        self,
        tx: Transaction,
        tenant: str,
        order: Order,
        wish: Wish,
        districts: Sequence[District],
        held: Mapping[str, Standing],
        officer: Officer,
    ) -> Order:
        """Everything that issuing means, in one transaction: it holds, it is on record, and it is on its way."""
        now = await self.times(tx)
        about = await self._about(tx, wish)
        order = msgspec.structs.replace(
            order, state=State.ISSUED, decided_by=officer, issued_at=now.city, before=before_of(wish, held, about)
        )
        levels = next_standing(wish, held, about)
        words = self._words(order, districts, held, levels)
        for name in sorted(levels):
            restored = about.before[name].order if wish.kind is Kind.WITHDRAW and about else order.id
            await tx.execute(SQL["set_standing"], name, self.mode, levels[name], restored if levels[name] else None)
        document = await self._document(tx, Part(order, words, districts), wish, about, held)
        evidence = await self._evidence(tx, wish.seen)
        await store.save_order(tx, order, wish, evidence, words, document)
        text = f"{self._what(order, districts)}。理由: {wish.reason}"
        await store.note(
            tx,
            now,
            self.mode,
            Event(order.kind, officer, order.districts, text, {"order": order.id, "evidence": evidence}),
        )
        await tx.fetch(SQL["answer"], list(order.districts), self.mode, officer.id, now.wall)
        await enqueue(tx, tenant, [notice_of(order, words, districts, self._url)], at=now.wall)
        if self.mode is Mode.ACTUAL:
            await tell_everybody(tx, tenant, MATTER, resident_notice(order, words, self._url), at=now.wall)
            updates = [district_alert(order, words, district, levels[district.id]) for district in districts]
            await self.writer.write(tx, tenant, updates, at=now.wall)
        return order

    async def _named(self, tx: Transaction, names: Mapping[str, int]) -> list[District]:
        known = {district.id: district for district in await store.load_districts(tx)}
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise Invalid(f"there is no district {unknown!r}", field="seen")
        return [district for name, district in known.items() if name in names]

    async def _about(self, tx: Transaction, wish: Wish) -> Order | None:
        found = await store.load_order(tx, wish.about) if wish.about else None
        return found[0] if found and found[0].mode is self.mode else None

    async def _drafted(
        self, tx: Transaction, wish: Wish, about: Order | None, held: Mapping[str, Standing], officer: Officer
    ) -> Order:
        level = wish.level or max((held[name].level for name in wish.seen), default=0) or (about.level if about else 0)
        return Order(
            id=wish.id,
            number=await tx.fetchval(SQL["next_number"], self.mode),
            kind=wish.kind,
            state=State.WAITING,
            mode=self.mode,
            level=level,
            districts=tuple(sorted(wish.seen)),
            reason=wish.reason.strip(),
            note=wish.note.strip(),
            about=wish.about,
            asked_by=officer,
            asked_at=(await self.times(tx)).city,
        )

    def words_in_force(self, order: Order, districts: Sequence[District]) -> Words:
        """An issued or corrected notice as it is to be told of those of its districts where it still holds."""
        levels = {district.id: order.level for district in districts}
        return self._words(order, districts, {}, levels)

    def _words(
        self, order: Order, districts: Sequence[District], held: Mapping[str, Standing], levels: Mapping[str, int]
    ) -> Words:
        places = [Place(d.name, d.name_en, held.get(d.id, Standing()).level, levels[d.id]) for d in districts]
        at = order.issued_at or order.asked_at
        issuer = (self.settings.issuer, self.settings.issuer_en)
        told = Told(order.kind, order.level, order.mode, places, at, order.note, issuer)
        return words_of(told, self.levels.on(at.astimezone(JST).date()))

    async def _evidence(self, tx: Transaction, names: Mapping[str, int]) -> dict[str, Proposal]:
        rows = await tx.fetch(SQL["proposals"], self.mode)
        return {
            row["district_id"]: msgspec.json.decode(row["body"], type=Proposal)
            for row in rows
            if row["district_id"] in names
        }

    async def _source(self, tx: Transaction) -> Source:
        row = await tx.fetchrow(SQL["tenant"])
        names = (f"{row['title']}{self.settings.issuer}", f"{self.settings.issuer_en} ({row['title'] or row['name']})")
        return Source(self.settings.sender, names, row["local_government_code"] or "")

    async def _document(
        self, tx: Transaction, part: Part, wish: Wish, about: Order | None, held: Mapping[str, Standing]
    ) -> str:
        replaced = await replaced_by(tx, wish.kind, about, held)
        left = await left_of(tx, self.mode, replaced, wish.seen)
        rest = [Part(order, self.words_in_force(order, where), where) for order, where in left]
        earlier = [
            f"{self.settings.sender},{identifier_of(order)},{cap_time(order.issued_at)}"
            for order in replaced
            if order.issued_at is not None
        ]
        return cap_of(part, identifier_of(part.order), await self._source(tx), earlier, rest)

    @staticmethod
    def _what(order: Order, districts: Sequence[District]) -> str:
        names = "、".join(district.name for district in districts)
        to = "に" if order.kind is Kind.ISSUE else "の"
        several = order.kind is Kind.LIFT and len({before.level for before in order.before.values()}) > 1
        return f"{names}{to}{'避難の情報' if several else f'警戒レベル{order.level}'}を{KIND_NAMES[order.kind]}"
