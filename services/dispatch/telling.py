"""Telling riders: reminders and delays found by looking at the day, and notices on their way to mail or telephone."""

from __future__ import annotations

from datetime import date
from typing import Any

from broker.delivery.notice import Filter, Notice
from broker.delivery.queue import enqueue, subscribe
from broker.errors import Conflict
from broker.ports import Database, Transaction
from schemas.river import Mode
from services.dispatch import people
from services.dispatch.crew import Board, Crew
from services.dispatch.days import Days
from services.dispatch.driven import Expected, late
from services.dispatch.values import Booking, BookingState

NEAR_MINUTES = 5.0
LATE_MINUTES = 3.0
LOST_MINUTES = 60.0
"""After that nobody waits any more: the driver has not reported, and saying so to the rider helps nobody."""
_BY_TELEPHONE = frozenset({"broken", "moved", "late"})
"""What somebody without mail is rung about; the rest they know or are told when they ring."""


class Teller:
    """One per role `dispatch`; several may work at once."""

    def __init__(self, database: Database, days: Days, crew: Crew, mode: Mode = Mode.ACTUAL) -> None:
        self._database, self._days, self._crew, self._mode = database, days, crew, mode

    async def look(self, tenant: str, day: date) -> None:
        """Note who is to be reminded, whose bus is near and whose is late, each once."""
        board = await self._crew.board(tenant, day)
        due = [
            (board.bookings[e.booking], kind)
            for stops in board.expected.values()
            for e in stops
            if (kind := self._kind(board, e)) is not None
        ]
        if not due:
            return
        async with self._database.transaction(tenant) as tx:
            for booking, kind in due:
                await people.tell(tx, booking, kind, board.day.town.stops, self._days.now())

    async def send(self) -> int:
        """Hand new notices on: to the queue of the rider's mail, or to the list of calls. How many."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch(people.SQL["news"])
            for row in rows:
                mailed = row["mail"] is not None and await self._mail(tx, row)
                state = "mailed" if mailed else "call" if row["kind"] in _BY_TELEPHONE else "done"
                await tx.execute(people.SQL["sent"], row["tenant"], row["id"], state)
        return len(rows)

    async def _mail(self, tx: Transaction, row: Any) -> bool:
        """False when the address takes other notices already, so that somebody must ring."""
        about = {"mail": row["mail"]}
        wants = Filter(kinds=(people.KIND,), modes=(self._mode,), about={"mail": (row["mail"],)})
        known = await tx.fetchval(people.SQL["has_mail"], row["tenant"], row["mail"])
        if not known:
            try:
                await subscribe(tx, row["tenant"], channel="mail", target=row["mail"], wants=wants, name="bus rider")
            except Conflict:
                return False
        notice = Notice(
            id=people.notice_id(row["id"]),
            kind=people.KIND,
            mode=self._mode,
            subject="デマンドバスのお知らせ",
            text=row["said"],
            body={"kind": row["kind"]},
            about=about,
            private=True,
        )
        return await enqueue(tx, row["tenant"], [notice], at=self._days.now()) > 0

    def _kind(self, board: Board, expected: Expected) -> str | None:
        booking: Booking = board.bookings[expected.booking]
        now, settings = self._days.minute(booking.ask.day), self._days.settings
        if booking.state is not BookingState.BOOKED or expected.done is not None or not expected.boards:
            return None
        if now > booking.promise.pickup_until + LOST_MINUTES:
            return None
        if late(expected, booking) >= LATE_MINUTES:
            return "late"
        if 0 <= expected.at - now <= NEAR_MINUTES:
            return "near"
        return "reminder" if 0 <= booking.promise.pickup_from - now <= settings.remind else None
