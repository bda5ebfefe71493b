"""Telling a family: events noted, and a notice for each of them who asked for it and whom the gate lets know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

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

KIND = "tags.event"
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
        now = self._clock()
        told: list[tuple[str, Notice]] = []
        words = (number, tag.wearer.person, now, CATEGORY, PURPOSE)
        family = [row["relative"] for row in await tx.fetch(SQL["family"], *words)]
        for guardian in await listening(tx, tenant, MATTER, family, "guardian"):
            asked = Disclosure(
                tenant=tenant,
                person=tag.wearer.person,
                recipient=guardian,
                category=CATEGORY,
                purpose=PURPOSE,
                at=now,
                reference=tag.id,
            )
            if (await self._gate.tell(tx, asked)).allowed:
                told.append((guardian, _notice(tag, one, guardian)))
        await tell_persons(tx, tenant, MATTER, told, at=now)
        await enqueue(tx, tenant, [notice for _, notice in told], at=now)


def _notice(tag: Watched, one: Happening, guardian: str) -> Notice:
    """Neither a name nor a place stands in it: mail and webhooks pass through many hands, the page shows the rest."""
    local = f"{one.at.astimezone(JST):%H:%M}"
    return Notice(
        id=f"{KIND}:{tag.id}:{one.kind}:{one.place}:{int(one.at.timestamp())}:{guardian}",
        kind=KIND,
        mode=Mode.ACTUAL,
        subject="見守りタグのお知らせ",
        text=f"{local} {_SAID[one.kind]}。場所と経路は見守りのページでご確認ください。",
        body={"kind": one.kind, "tag": tag.id, "place": one.place, "at": one.at.isoformat()},
        about={"tag": tag.id, "guardian": guardian},
        private=True,
        page=f"{PAGE}?tag={tag.id}",
    )
