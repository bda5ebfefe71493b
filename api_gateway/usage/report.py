"""The yearly report that a municipality owes its ministry (利用状況報告): figures, targets and revenue."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from broker.catalogue import store
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import JST

_SQL = load("api_gateway.usage", "usage")

MEASURES: dict[str, tuple[str, str, str]] = {
    "services": ("接続サービス数(実利用)", "Connected services in actual use", "件"),
    "data_assets": ("接続データアセット数", "Connected data assets", "件"),
    "api_calls": ("API利用回数(一括は1回)", "API calls (a batch is one)", "回"),
    "active_users": ("月間利用者数(月平均)", "Monthly active users (mean of the months)", "人"),
    "freshness": ("データの鮮度(期待どおり新しい割合)", "Freshness (share as new as expected)", "%"),
    "availability": ("稼働率(分単位)", "Availability (by the minute)", "%"),
    "success": ("正常応答率", "Answers without a fault of ours", "%"),
    "revenue": ("収入", "Revenue", "円"),
}
"""What is reported, in order: Japanese, English, unit."""


class Year(NamedTuple):
    """A 年度, April to March. Its ends as days, as usage is counted, and as moments in Japan's time."""

    number: int

    @property
    def first(self) -> date:
        return date(self.number, 4, 1)

    @property
    def end(self) -> date:
        return date(self.number + 1, 4, 1)

    @property
    def moments(self) -> tuple[datetime, datetime]:
        return tuple(datetime(d.year, d.month, d.day, tzinfo=JST) for d in (self.first, self.end))  # type: ignore[return-value]


def year_of(now: datetime) -> int:
    """The 年度 of a moment."""
    local = now.astimezone(JST)
    return local.year if local.month >= 4 else local.year - 1


async def yearly(tx: Transaction, year: Year, tenant: str, portal: str, now: datetime) -> dict[str, Any]:
    """The whole report as plain data: `measures` with target and actual, `months`, `services` and `revenue`.

    `portal` is the portal's own client id: its pages are no connected service. Freshness is that of `now`: what it was
    on other days is not kept.
    """
    months = [dict(row) for row in await tx.fetch(_SQL["months"], year.first, year.end, portal)]
    people = {row["month"]: row["people"] for row in await tx.fetch(_SQL["active_anywhere"], year.first, year.end)}
    services = await _services(tx, year, portal)
    revenue = [dict(row) for row in await tx.fetch(_SQL["revenue"], year.number)]
    actual = {
        "services": len(services),
        "api_calls": sum(month["calls"] - month["refused"] for month in months),
        "active_users": round(sum(people.values()) / len(people), 1) if people else 0,
        "success": _share(sum(m["calls"] - m["failed"] for m in months), sum(m["calls"] for m in months)),
        "revenue": sum(line["yen"] for line in revenue),
        "availability": await _availability(tx, year, now),
        **await _assets(tx, tenant, now),
    }
    targets = {row["measure"]: row["target"] for row in await tx.fetch(_SQL["targets"], year.number)}
    return {
        "year": year.number,
        "measures": [
            {"measure": name, "title": title, "titleEn": title_en, "unit": unit, "actual": actual[name],
             "target": targets.get(name)}
            for name, (title, title_en, unit) in MEASURES.items()
        ],
        "months": [{**m, "month": f"{m['month']:%Y-%m}", "activeUsers": people.get(m["month"], 0)} for m in months],
        "services": services,
        "revenue": revenue,
    }  # fmt: skip


async def put_target(tx: Transaction, year: int, measure: str, target: float) -> None:
    """Set what a measure should reach in a year."""
    await tx.execute(_SQL["put_target"], year, measure, target)


async def put_revenue(tx: Transaction, year: int, source: str, yen: int, by: str, now: datetime) -> None:
    """Enter what a year brought in from one source; replaces what was entered before."""
    await tx.execute(_SQL["put_revenue"], year, source, yen, by, now)


def sheet(report: dict[str, Any]) -> list[list[Any]]:
    """The report as the lines of one sheet."""
    lines: list[list[Any]] = [["年度", report["year"]], [], ["項目", "単位", "目標", "実績"]]
    lines += [[m["title"], m["unit"], m["target"], m["actual"]] for m in report["measures"]]
    lines += [[], ["月", "呼び出し", "拒否", "障害", "実利用サービス", "利用者"]]
    keys = ("month", "calls", "refused", "failed", "services", "activeUsers")
    lines += [[month[key] for key in keys] for month in report["months"]]
    lines += [[], ["サービス", "番号", "呼び出し", "月間利用者(最大)", "データ"]]
    lines += [
        [s["name"], s["client"], s["calls"], s["mostActiveUsers"], " ".join(s["dataSets"])] for s in report["services"]
    ]
    lines += [[], ["収入の内訳", "円"], *([r["source"], r["yen"]] for r in report["revenue"])]
    return lines


async def _services(tx: Transaction, year: Year, portal: str) -> list[dict[str, Any]]:
    most: dict[str, int] = {}
    for row in await tx.fetch(_SQL["active"], year.first, year.end):
        most[row["client"]] = max(most.get(row["client"], 0), row["people"])
    found = await tx.fetch(_SQL["services"], year.first, year.end, portal)
    return [{**row, "mostActiveUsers": most.get(row["client"], 0)} for row in found]


async def _assets(tx: Transaction, tenant: str, now: datetime) -> dict[str, Any]:
    sets = [one for one in await store.data_sets(tx, await store.city_of(tx, tenant), now) if one.figures.entities]
    expected = [one for one in sets if one.described.interval_s is not None]
    fresh, all_ = sum(one.figures.fresh for one in expected), sum(one.figures.entities for one in expected)
    return {"data_assets": len(sets), "freshness": _share(fresh, all_)}


async def _availability(tx: Transaction, year: Year, now: datetime) -> float | None:
    """Minutes with a gateway, of those since the first that was noted in the year."""
    start, end = year.moments
    row = await tx.fetchrow(_SQL["up_minutes"], start, end)
    if row["first"] is None:
        return None
    minutes = (min(now.astimezone(UTC), end) - max(start, row["first"])).total_seconds() / 60
    return _share(min(row["minutes"], minutes), minutes)


def _share(part: float, whole: float) -> float | None:
    """Per cent, to two places; None of nothing."""
    return round(100 * part / whole, 2) if whole > 0 else None
