"""People, shops and tills around the ledger: paying, earning, refunding, handing points on."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from broker.errors import Conflict, Forbidden, Invalid, NotFound
from broker.ports import Database, Transaction
from schemas.clock import Clock, utc_now
from services.points.credentials import SQL, Presented, Refusal, recognise
from services.points.earning import Occasion, Person, awards, transfers
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Result, Transfer
from services.points.refusals import Declined, demand
from services.points.rulebook import Rules, check_rules


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """A member shop. `purpose` is what spending there counts as, for points that are good for one purpose only.

    `monthly_fee` is in yen a month, `fee_per_point` in yen for each point issued at the shop. `leaving` (the city sets
    it): it takes no payments any more.
    """

    id: str
    name: str
    area: str = ""
    category: str = ""
    purpose: str = "retail"
    monthly_fee: int = 3000
    fee_per_point: int = 1
    leaving: bool = False

    @property
    def account(self) -> str:
        """The shop's account."""
        return f"shop/{self.id}"


class Checkout(NamedTuple):
    """A purchase at a till: `yen` in all, of which `points` are paid with points. `id` is the till's own.

    `shown` is what the resident showed there; None where the resident pays by themself (`Town.pay`).
    """

    id: str
    shown: Presented | None
    yen: int
    points: int
    till_clock: datetime | None = None


class Earned(NamedTuple):
    """One award of a receipt. `why` explains it."""

    campaign: str
    points: int
    why: str


class Receipt(NamedTuple):
    """What the till prints. `payment` is the transfer to name in a refund; None where nothing was paid in points."""

    id: str
    payment: str | None
    yen: int
    points: int
    balance: int
    earned: list[Earned]
    at: datetime


class Town:
    """One city's points as its tills, residents and staff use them. `database` sees one tenant at a time.

    `fare_shop` is the member shop that bus fares go to, "" where the buses take no points.
    """

    def __init__(self, database: Database, ledger: Ledger, clock: Clock = utc_now, *, fare_shop: str = "") -> None:
        self.database = database
        self.ledger = ledger
        self.clock = clock
        self.fare_shop = fare_shop

    async def open_books(self, tenant: str) -> None:
        """Open the city's own accounts. May be called again."""
        for id, overdraft in (("issuer", None), ("breakage", 0), ("fees", 0), ("donation", 0)):
            await self.ledger.open_account(tenant, id, id, overdraft=overdraft)

    async def enrol(self, tenant: str, id: str, person: dict[str, Any] | None = None) -> str:
        """Open a resident's account and keep what rules may ask about them. Returns the account's name."""
        account, known = f"resident/{id}", person or {}
        await self.ledger.open_account(tenant, account, "resident")
        async with self.database.transaction(tenant) as tx:
            values = [known.get(name) for name in ("household", "born", "residence", "family")]
            await tx.execute(SQL["set_person"], account, *values)
        return account

    async def open_shop(self, tenant: str, shop: Shop, *, refund_float: int = 100_000) -> None:
        """Take a shop in. Its account may fall below zero by `refund_float` points: refunds after a settlement."""
        await self.ledger.open_account(tenant, shop.account, "shop", title=shop.name, overdraft=refund_float)
        async with self.database.transaction(tenant) as tx:
            await tx.execute(
                SQL["add_shop"],
                *(shop.id, shop.name, shop.area, shop.category, shop.purpose, shop.monthly_fee, shop.fee_per_point),
                self.clock(),
            )

    async def add_till(self, tenant: str, shop: str, client_id: str, name: str) -> None:
        """Let the API client `client_id` act for a shop."""
        async with self.database.transaction(tenant) as tx:
            await self._shop(tx, shop)
            await tx.execute(SQL["add_till"], client_id, shop, name)

    async def shop_of(self, tenant: str, client_id: str) -> Shop:
        """The shop that the client acts for. Raises `Forbidden` where it acts for none."""
        async with self.database.transaction(tenant) as tx:
            id = await tx.fetchval(SQL["till"], client_id)
            if id is None:
                raise Forbidden("this client is no till of a member shop; staff register it for one")
            return await self._shop(tx, id)

    async def _shop(self, tx: Transaction, id: str) -> Shop:
        found = await self.find_shop(tx, id)
        if found is None:
            raise NotFound(f"there is no member shop {id!r}")
        return found

    async def find_shop(self, tx: Transaction, id: str, *, closed: bool = False) -> Shop | None:
        """The member shop of that id, or None; `closed`: also one that has left."""
        row = await tx.fetchrow(SQL["shop"], id)
        if row is None or (row["closed_at"] is not None and not closed):
            return None
        return Shop(**{name: row[name] for name in Shop.__struct_fields__})

    async def put_rules(self, tenant: str, document: Any, by: str) -> int:
        """Make `document` the rules in force and open the campaigns' funds. Returns the version. Raises `Invalid`."""
        rules = check_rules(document)
        for campaign in rules.campaigns:
            await self.ledger.open_account(tenant, campaign.fund, "campaign", title=campaign.title)
        async with self.database.transaction(tenant) as tx:
            row = await tx.fetchrow(SQL["rules"], None)
            version = (row["version"] if row else 0) + 1
            await tx.execute(SQL["add_rules"], version, json.dumps(document, default=str), by, self.clock())
        return version

    async def rules(self, tenant: str, version: int | None = None) -> tuple[int, Rules]:
        """The rules of that version, or those in force (version 0, none, where there are none)."""
        async with self.database.transaction(tenant) as tx:
            row = await tx.fetchrow(SQL["rules"], version)
        return (row["version"], check_rules(json.loads(row["document"]))) if row else (0, Rules())

    async def occasions(self, tenant: str, start: datetime, end: datetime) -> list[Occasion]:
        """What happened from `start` until before `end`, in order: what a dry run is made of."""
        async with self.database.transaction(tenant) as tx:
            rows = await tx.fetch(SQL["occasions"], start, end)
        return [msgspec.json.decode(row["document"], type=Occasion) for row in rows]

    async def fund(self, tenant: str, id: str, account: str, points: int) -> Result:
        """Put points of the city's own issue into a campaign's fund: its budget."""
        wish = Transfer(id=f"fund:{id}", code=Code.FUND, debit="issuer", credit=account, amount=points)
        return demand(await self.ledger.submit(tenant, [wish]))[0]

    async def sell(
        self, tenant: str, id: str, account: str, points: int, bonus: int, expires_at: datetime, programme: str
    ) -> None:
        """Premium points プレミアム付: `points` bought and `bonus` given, in lots apart, both or none."""

        def wish(part: str, code: Code, kind: Kind, amount: int, linked: bool) -> Transfer:
            terms = LotTerms(kind=kind, programme=programme, expires_at=expires_at)
            return Transfer(
                id=f"sale:{id}:{part}",
                code=code,
                debit="issuer",
                credit=account,
                amount=amount,
                lot=terms,
                linked=linked,
            )

        chain = [wish("bought", Code.SALE, Kind.BOUGHT, points, bonus > 0)]
        if bonus > 0:
            chain.append(wish("bonus", Code.GRANT, Kind.GIVEN, bonus, False))
        demand(await self.ledger.submit(tenant, chain))

    async def checkout(self, tenant: str, shop: Shop, asked: Checkout) -> Receipt:
        """Take the points of a purchase and give what it earns. Safe to repeat under the same id.

        The part paid with points earns nothing. The city's clock decides; the till's is only kept. Raises
        `Declined` (in words for the customer), `Invalid`, `Conflict` for an id used otherwise.
        """
        _check(asked)
        payment = f"pay:{shop.id}:{asked.id}"
        account = await recognise(self.database, tenant, asked.shown or Presented(), payment, self.clock())
        if isinstance(account, Refusal):
            raise Declined(account.why, account.explanation)
        return await self.pay(tenant, shop, account, asked)

    async def pay(self, tenant: str, shop: Shop, account: str, asked: Checkout) -> Receipt:
        """`checkout` for a resident who is known already."""
        _check(asked)
        key = f"{shop.id}:{asked.id}"
        payment = f"pay:{key}"
        if shop.leaving:
            await self._demand_known(tenant, shop, payment, key)
        if asked.points:
            wish = Transfer(
                id=payment,
                code=Code.SPEND,
                debit=account,
                credit=shop.account,
                amount=asked.points,
                purpose=shop.purpose,
                details={"shop": shop.id, "yen": asked.yen, "why": f"{shop.name}でのお支払い"},
                by=shop.account,
                event_at=asked.till_clock,
            )
            demand(await self.ledger.submit(tenant, [wish]))
        occasion, version = await self._record(tenant, await self._occasion(tenant, account, shop, key, asked))
        earned = await self._award(tenant, occasion, version)
        async with self.database.transaction(tenant) as tx:
            balance = (await tx.fetchrow(SQL["balance"], account))["balance"]
        paid = payment if asked.points else None
        return Receipt(asked.id, paid, asked.yen, asked.points, balance, earned, occasion.at)

    async def _demand_known(self, tenant: str, shop: Shop, payment: str, key: str) -> None:
        """A shop that leaves takes nothing new; what it has taken before is answered as before."""
        async with self.database.transaction(tenant) as tx:
            if not await tx.fetchval(SQL["taken"], payment, key):
                raise Declined("shop_leaving", f"{shop.name}ではポイントの取り扱いを終了しました")

    async def _occasion(self, tenant: str, account: str, shop: Shop, key: str, asked: Checkout) -> Occasion:
        return Occasion(
            id=key,
            person=await self.person(tenant, account),
            at=self.clock(),
            shop=shop.id,
            area=shop.area,
            category=shop.category,
            yen=asked.yen - asked.points,
        )

    async def person(self, tenant: str, account: str) -> Person:
        """What rules may ask about the holder of an account."""
        async with self.database.transaction(tenant) as tx:
            row = await tx.fetchrow(SQL["person"], account)
        if row is None:
            raise NotFound(f"there is no resident's account {account}")
        return Person(account=account, household=row["household"], born=row["born"], residence=row["residence"])

    async def earn(self, tenant: str, occasion: Occasion) -> list[Earned]:
        """Give what an occasion earns, under the rules that were in force when it first came. Safe to repeat."""
        return await self._award(tenant, *await self._record(tenant, occasion))

    async def _award(self, tenant: str, occasion: Occasion, version: int) -> list[Earned]:
        _, rules = await self.rules(tenant, version) if version else (0, Rules())
        found = awards(rules, version, occasion)
        results = await self.ledger.submit(tenant, transfers(found)) if found else []
        return [
            Earned(award.campaign, result.amount, award.why)
            for award, result in zip(found, results, strict=True)
            if result.status.fine
        ]

    async def _record(self, tenant: str, occasion: Occasion) -> tuple[Occasion, int]:
        """Keep the occasion with the rules in force, or find it as it was kept the first time."""
        async with self.database.transaction(tenant) as tx:
            rules = await tx.fetchrow(SQL["rules"], None)
            document = msgspec.json.encode(occasion).decode()
            version = rules["version"] if rules else 0
            await tx.execute(SQL["add_occasion"], occasion.id, occasion.person.account, version, document, occasion.at)
            row = await tx.fetchrow(SQL["occasion"], occasion.id)
        first = msgspec.json.decode(row["document"], type=Occasion)
        told = (first.person.account, first.shop, first.yen, first.event, first.event_id, first.campaign)
        if told != (
            occasion.person.account,
            occasion.shop,
            occasion.yen,
            occasion.event,
            occasion.event_id,
            occasion.campaign,
        ):
            raise Conflict("the id was used for another purchase or event; take a new id for a new one")
        return first, row["rules"]

    async def hand_on(self, tenant: str, id: str, sender: str, receiver: str, points: int) -> Result:
        """Hand points to a member of the same family. They keep their kind and expiry; limited ones stay."""
        async with self.database.transaction(tenant) as tx:
            one, other = await tx.fetchrow(SQL["person"], sender), await tx.fetchrow(SQL["person"], receiver)
        if one is None or other is None or one["family"] is None or one["family"] != other["family"]:
            raise Forbidden("points can be handed on only within a registered family")
        wish = Transfer(
            id=f"move:{sender}:{id}", code=Code.MOVE, debit=sender, credit=receiver, amount=points, purpose="family"
        )
        return demand(await self.ledger.submit(tenant, [wish]))[0]

    async def donate(self, tenant: str, id: str, sender: str, points: int) -> Result:
        """Give points to the city's donation account."""
        wish = Transfer(
            id=f"donate:{sender}:{id}",
            code=Code.DONATE,
            debit=sender,
            credit="donation",
            amount=points,
            purpose="donation",
        )
        return demand(await self.ledger.submit(tenant, [wish]))[0]


def _check(asked: Checkout) -> None:
    if not (0 <= asked.points <= asked.yen and 0 < asked.yen <= 100_000_000):
        raise Invalid("yen is 1 to 100,000,000 and points are at most as many", field="points")
