"""Telling residents that points of theirs expire soon 失効予告: once for each lot, to those who asked to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from broker.delivery.notice import Notice
from broker.delivery.personal import listeners, tell_persons
from broker.ports import Database
from broker.sql import load
from schemas.river import Mode
from services.points.model import day_of
from services.points.personal import SERVICE

SQL = load("services.points", "announcing")
KIND = "points.expiry"
MATTER, PAGE = "points", "points.html"
"""As what residents ask to be told of it (`broker.delivery.personal`), and the page that shows the rest."""
_AT_ONCE = 200
"""Persons told in one transaction."""


async def announce(database: Database, tenant: str, now: datetime, days: int) -> int:
    """Tell everybody who asked for it of lots that expire within `days` and were not told of. How many notices.

    A notice and the mark that its lots were told of are one transaction, so each lot is told of once, in all the ways
    that the person has chosen (mail, browsers). Who asks later is told of what is still to come.
    """
    async with database.transaction(tenant) as tx:
        asking = await listeners(tx, tenant, MATTER)
    told = 0
    for start in range(0, len(asking), _AT_ONCE):
        some = asking[start : start + _AT_ONCE]
        async with database.transaction(tenant) as tx:
            await tx.execute(SQL["alone"])
            rows = await tx.fetch(SQL["expiring"], tenant, SERVICE, some, now, now + timedelta(days=days))
            await tx.execute(SQL["announced"], [lot for row in rows for lot in row["lots"]], now)
            await tell_persons(tx, tenant, MATTER, [_notice(row) for row in rows], at=now)
        told += len(rows)
    return told


def _notice(row: Any) -> tuple[str, Notice]:
    """Neither a name nor a balance stands in it: mail passes through many hands, the page shows the rest."""
    lots: Sequence[int] = row["lots"]
    last = day_of(row["expires_at"] - timedelta(microseconds=1))
    notice = Notice(
        id=f"{KIND}:{min(lots)}:{max(lots)}:{last}",
        kind=KIND,
        mode=Mode.ACTUAL,
        subject="ポイントの期限のお知らせ",
        text=f"{row['points']:,}ポイントの期限が{last.year}年{last.month}月{last.day}日までです。",
        body={"points": row["points"], "expirationDate": last.isoformat()},
        about={"person": row["person"]},
        private=True,
        page=PAGE,
    )
    return row["person"], notice
