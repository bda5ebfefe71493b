"""What waits to be delivered and may not be told any more is not: the gate is asked again at each attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from access.evidence import sign_statement
from access.keys import KeyRing, new_key
from broker.consent.gate import Gate
from broker.consent.register import ConsentBook, Wish, add_person
from broker.delivery.asking import UNWANTED, WITHDRAWN
from broker.delivery.notice import Notice
from broker.delivery.personal import leave, reach, tell_persons
from schemas.clock import utc_now
from schemas.river import Mode
from services.presence.telling import Worn, tell_family
from tests.conftest import CityDatabase
from tests.integration.notify.receivers import HttpReceiver
from tests.integration.notify.test_notifier import SECRET, Outbox

ELDER, DAUGHTER = "fukui.elder", "fukui.daughter"
WORDS = {"kind": "tags.event", "mode": Mode.ACTUAL, "subject": "見守りタグのお知らせ", "body": {}, "private": True}


def said(text: str, guardian: str) -> Notice:
    return Notice(id=f"{text}:{guardian}", text=text, about={"guardian": guardian}, **WORDS)  # type: ignore[arg-type]


class Family:
    """A grown wearer who lets a daughter be told, at a webhook of hers which fails."""

    def __init__(self, database: CityDatabase) -> None:
        self.system, self.outbox = database.system, Outbox(database)
        self.book = ConsentBook(partial(sign_statement, KeyRing([new_key()])))

    @asynccontextmanager
    async def failing(self) -> AsyncIterator[HttpReceiver]:
        """The receiver, once it has refused what it was told first."""
        async with HttpReceiver() as receiver:
            receiver.status = 503
            until = utc_now() + timedelta(days=9)
            wish = Wish(recipient=DAUGHTER, category="location", purpose="family-watch", until=until)
            async with self.system.transaction() as tx:
                for person in (ELDER, DAUGHTER):
                    await add_person(tx, "fukui", person, utc_now())
                self.consent = await self.book.grant(tx, "fukui", ELDER, wish, ELDER, utc_now())
                place = ("webhook", receiver.url, ["tags", "points"])
                self.way = await reach(tx, "fukui", DAUGHTER, *place, utc_now(), secret=SECRET)
            await self.tell("arrived")
            async with self.outbox.notifier(attempts=1000):
                await receiver.wait_for(1)
            yield receiver

    async def tell(self, text: str) -> None:
        async with self.system.transaction() as tx:
            city = await tx.fetchval("select id from tenant where name = 'fukui'")
            worn = Worn("fukui", city, "tag-1", ELDER)
            await tell_family(tx, Gate(self.system), worn, partial(said, text), utc_now())

    async def ends(self) -> list[tuple[str, str, str | None]]:
        async with self.system.transaction() as tx:
            rows = await tx.fetch("select notice_id, state, last_error from delivery order by id")
        return [tuple(row.values()) for row in rows]

    async def booked(self) -> list[bool]:
        async with self.system.transaction() as tx:
            rows = await tx.fetch("select allowed from disclosure where person = $1 order by id", ELDER)
        return [row["allowed"] for row in rows]


async def test_a_retry_after_the_withdrawal_of_the_consent_is_not_sent(database: CityDatabase) -> None:
    family = Family(database)
    async with family.failing() as receiver:
        sent = len(receiver.got)
        assert await family.booked() == [True]
        async with family.system.transaction() as tx:
            await family.book.withdraw(tx, "fukui", family.consent.id, ELDER, utc_now())
            await tell_persons(tx, "fukui", "points", [(DAUGHTER, said("expiry", DAUGHTER))], at=utc_now())
        receiver.status = 200
        async with family.outbox.notifier(attempts=1000):
            await family.outbox.until("done", 1)
    assert [body["id"] for body in receiver.bodies()[sent:]] == [f"expiry:{DAUGHTER}"], "only what is not the wearer's"
    assert await family.ends() == [
        (f"arrived:{DAUGHTER}", "refused", WITHDRAWN),
        (f"expiry:{DAUGHTER}", "done", None),
    ]
    assert await family.booked() == [True, False], "the refusal stands in the register, once"


async def test_a_retry_is_sent_while_the_consent_stands(database: CityDatabase) -> None:
    family = Family(database)
    async with family.failing() as receiver:
        receiver.status = 200
        async with family.outbox.notifier(attempts=1000):
            await family.outbox.until("done", 1)
    assert await family.booked() == [True], "a repetition is no further disclosure"


async def test_what_waits_for_somebody_who_wants_no_more_of_it_is_not_sent(database: CityDatabase) -> None:
    family = Family(database)
    async with family.failing() as receiver:
        sent = len(receiver.got)
        async with family.system.transaction() as tx:
            await leave(tx, "fukui", DAUGHTER, family.way, "tags")
        receiver.status = 200
        async with family.outbox.notifier(attempts=1000):
            await family.outbox.until("refused", 1)
        assert len(receiver.got) == sent
    assert [end[1:] for end in await family.ends()] == [("refused", UNWANTED)]
