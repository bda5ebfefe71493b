"""Telling a family: events noted, and a notice for each of them who asked for it and whom the gate lets know."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import msgspec

from access.consent import Disclosure
from broker.consent.gate import Gate
from broker.delivery.notice import Notice
from broker.delivery.personal import listening, tell_persons
from broker.delivery.queue import enqueue
from broker.ports import Transaction
from schemas.clock import JST, Clock
from schemas.river import Mode
from services.presence.rules import wanted
from services.presence.store import SQL, Noted, Watched
from services.presence.track import Happening

KIND, SEARCHED = "tags.event", "tags.search"
CATEGORY, PURPOSE = "location", "family-watch"
MATTER, PAGE = "tags", "tags.html"
"""As what guardians ask to be told of it (`broker.delivery.personal`), and the page that shows the rest."""
_NEWS = timedelta(minutes=30)
"""What happened longer ago is noted only: a vehicle that was out of reach brings no alarm of yesterday."""
_SAID = {
    "enter": "登録した場所に着きました",
    "leave": "登録した場所を離れました",
    "not-arrived": "時刻になっても、登録した場所に着いていません",
    "unseen": "しばらく検知されていません",
    "spoofed": "離れた二か所で同時に検知されました(タグの写しかもしれません)",
    "battery-low": "電池が残り少なくなっています",
}


class Worn(NamedTuple):
    """A tag (its handle) and who wears it, in which city (its name and number)."""

    tenant: str
    number: int
    tag: str
    person: str


class Teller:
    """Notes events and queues notices, in the caller's transaction (the system's)."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate, self._clock = gate, clock

    async def note(
        self, tx: Transaction, tenant: str, number: int, events: Sequence[Noted], watched: Mapping[str, Watched]
    ) -> None:
        """Note events; those that are new, wanted and not old are told to every guardian who asked and may know."""
        now = self._clock()
        columns = (list(column) for column in zip(*events, strict=True))
        rows = await tx.fetch(SQL["note"], number, *columns, now, None)
        for row in rows:
            if not row["new"] or now - row["at"] > _NEWS:
                continue
            one = Happening(kind=row["kind"], window=0, at=row["at"], place=row["place"])
            tag = watched[row["tag_id"]]
            if row["kind"] in ("unseen", "not-arrived") or wanted(tag.rules, one):
                lately = await tx.fetchval(SQL["told_lately"], number, tag.id, one.kind, one.place, one.at)
                if not lately:
                    await self._tell(tx, tenant, number, tag, one)

    async def _tell(self, tx: Transaction, tenant: str, number: int, tag: Watched, one: Happening) -> None:
        worn = Worn(tenant, number, tag.handle, tag.wearer.person)
        await tell_family(tx, self._gate, worn, partial(_notice, tag, one), self._clock())


async def tell_family(tx: Transaction, gate: Gate, worn: Worn, write: Callable[[str], Notice], now: datetime) -> None:
    """Queue the notice that `write` makes for each of the wearer's family who asked to be told and whom the gate lets
    know; each telling is booked."""
    told: list[tuple[str, Notice]] = []
    words = (worn.number, worn.person, now, CATEGORY, PURPOSE)
    family = [row["relative"] for row in await tx.fetch(SQL["family"], *words)]
    for guardian in await listening(tx, worn.tenant, MATTER, family, "guardian"):
        asked = Disclosure(
            tenant=worn.tenant,
            person=worn.person,
            recipient=guardian,
            category=CATEGORY,
            purpose=PURPOSE,
            at=now,
            reference=worn.tag,
        )
        if (await gate.tell(tx, asked)).allowed:
            told.append((guardian, msgspec.structs.replace(write(guardian), disclosure=asked)))
    await tell_persons(tx, worn.tenant, MATTER, told, at=now)
    await enqueue(tx, worn.tenant, [notice for _, notice in told], at=now)


def search_notice(tag: str, search: str, officer: str, until: datetime, at: datetime, guardian: str) -> Notice:
    """That an officer may look from now on, until when; who it is stands on the page."""
    return Notice(
        id=f"{SEARCHED}:{search}:{officer}:{int(at.timestamp())}:{guardian}",
        kind=SEARCHED,
        mode=Mode.ACTUAL,
        subject="見守りタグの捜索が始まりました",
        text=f"届け出を受けた職員が、{until.astimezone(JST):%m月%d日 %H:%M}まで位置を見られるようになりました。"
        "だれが何のために見るかは見守りのページでご確認ください。",
        body={"kind": "search-opened", "tag": tag, "search": search, "until": until.isoformat(), "at": at.isoformat()},
        about={"tag": tag, "guardian": guardian},
        private=True,
        page=f"{PAGE}?tag={tag}",
    )


def _notice(tag: Watched, one: Happening, guardian: str) -> Notice:
    """Neither a name nor a place stands in it: mail and webhooks pass through many hands, the page shows the rest."""
    local = f"{one.at.astimezone(JST):%H:%M}"
    return Notice(
        id=f"{KIND}:{tag.handle}:{_name(tag, one)}:{guardian}",
        kind=KIND,
        mode=Mode.ACTUAL,
        subject="見守りタグのお知らせ",
        text=f"{local} {_SAID[one.kind]}。場所と経路は見守りのページでご確認ください。",
        body={"kind": one.kind, "tag": tag.handle, "place": one.place, "at": one.at.isoformat()},
        about={"tag": tag.handle, "guardian": guardian},
        private=True,
        page=f"{PAGE}?tag={tag.handle}",
    )


def _name(tag: Watched, one: Happening) -> str:
    """One name for one event, which tells nothing: the delivery bears it for weeks, beside persons."""
    told = f"{one.kind}:{one.place}:{int(one.at.timestamp())}"
    return hmac.digest(tag.wearer.code.encode(), told.encode(), hashlib.sha256).hex()[:24]
