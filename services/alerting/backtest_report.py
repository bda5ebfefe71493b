"""A backtest's result for people and programs: a table, CSV and JSON; and its input from the store."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from broker.errors import NotFound
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.device import DeviceProfile
from schemas.river import STAGE_NAMES, Stage
from services.alerting.backtest import Report, Row, StageResult, backtest
from services.alerting.intake import reading_of
from services.alerting.rulebook import Rulebook
from services.alerting.store import profile_of

_SQL = load("services.alerting", "backtest")
_COLUMNS = tuple(name for name in StageResult.__struct_fields__ if name != "leads_min")
_TITLES = (
    "観測所",
    "名称",
    "河川",
    "基準",
    "水位 m",
    "超過",
    "警報",
    "誤報",
    "要確認",
    "見逃し",
    "遅れ 分",
    "先行 分",
)


class Past(NamedTuple):
    """A tenant's readings in order of arrival, and its gauges' profiles: what rules are tried on."""

    rows: Sequence[Row]
    profiles: Mapping[str, DeviceProfile]


async def load_past(tx: Transaction, tenant: int, start: datetime, end: datetime) -> Past:
    """What arrived of the tenant's gauges and was observed from `start` until before `end`."""
    gauges = await tx.fetch(_SQL["profiles"], tenant)
    rows = [
        Row(
            _station(row["entity_id"]),
            reading_of(
                *(row["at"].timestamp(), row["number"], row["version"], row["received_at"].timestamp()),
                by_hand=row["by_hand"],
            ),
        )
        for row in await tx.fetch(_SQL["readings"], tenant, start, end)
    ]
    return Past(rows, {_station(row["entity_id"]): profile_of(row["profile"], row["entity_id"]) for row in gauges})


async def backtest_store(database: Database, tenant: str, book: Rulebook, start: datetime, end: datetime) -> Report:
    """Run the tenant's history from `start` until before `end`, in order of arrival, through the rules."""
    async with database.transaction() as tx:
        number = await tx.fetchval("select id from tenant where name = $1", tenant)
        if number is None:
            raise NotFound(f"there is no tenant named {tenant!r}")
        past = await load_past(tx, number, start, end)
    return backtest(past.rows, past.profiles, book)


def _station(entity_id: str) -> str:
    return entity_id.rsplit(":", 1)[-1]


def as_table(report: Report, *, width: int = 140) -> str:
    """The stages that were reached or alarmed, and the sums."""
    table = Table(*_TITLES, title=f"ルール {report.rules}、{report.readings:,} 件", show_footer=False)
    for result in report.stages:
        table.add_row(*(_cell(name, getattr(result, name)) for name in _COLUMNS))
    sums = report.totals
    table.add_section()
    table.add_row("計", "", "", "", "", *(str(value) for value in sums.values()), "", "")
    text = io.StringIO()
    Console(file=text, width=width, no_color=True).print(table)
    return text.getvalue()


def as_csv(report: Report) -> str:
    """One line for each gauge and stage; `leads_min` separated by spaces."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, "leads_min"])
    for result in report.stages:
        leads = " ".join(str(lead) for lead in result.leads_min)
        writer.writerow([*(getattr(result, name) for name in _COLUMNS), leads])
    return text.getvalue()


def as_form(report: Report) -> dict[str, Any]:
    """Everything, with the sums, as plain values."""
    return {**msgspec.to_builtins(report), "totals": report.totals}


def as_json(report: Report) -> bytes:
    """Everything, with the sums."""
    return msgspec.json.encode(as_form(report))


def write_report(report: Report, folder: Path) -> Sequence[Path]:
    """Write `backtest.csv` (with a byte order mark, for spreadsheets) and `backtest.json`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table, data = folder / "backtest.csv", folder / "backtest.json"
    table.write_text(as_csv(report), "utf-8-sig")
    data.write_bytes(as_json(report))
    return table, data


def _cell(name: str, value: object) -> str:
    if value is None:
        return "-"
    return STAGE_NAMES[Stage(str(value))].ja if name == "stage" else str(value)
