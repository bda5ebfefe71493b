"""`cityos points`: the points' books, proved, sealed and closed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import yaml

from broker.errors import Invalid
from cityos.commands.common import console, parse_time, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now
from services.points.closing import Closing, close
from services.points.dry_run import Outcome
from services.points.dry_run import dry_run as try_rules
from services.points.ledger import Ledger
from services.points.rulebook import load_rules
from services.points.town import Town
from services.points.verify import Proof, verify

app = typer.Typer(help="地域ポイントの台帳 / the points' books", no_args_is_help=True)
Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]


@app.command("verify")
def verify_books(
    tenant: Tenant = "",
    anchor: Annotated[str | None, typer.Option(help="a digest published earlier, which must be in the chain")] = None,
) -> None:
    """Prove balance, seals and lots from the journal alone. / 台帳を検証する"""

    async def run(settings: Settings, parts: Parts) -> Proof:
        return await verify(parts.database, tenant or settings.city.tenant, anchor)

    proof = with_parts(run)
    for fault in proof.faults:
        console.print(f"異常 / fault: {fault}", soft_wrap=True)
    console.print(
        f"取引 {proof.transfers:,} 件、ロット {proof.lots:,}、封印 {proof.seals}（未封印 {proof.unsealed} 件）\n"
        f"最新の封印 / head: {proof.head}",
        soft_wrap=True,
    )
    if proof.faults:
        raise typer.Exit(1)
    console.print("帳簿は一致しています / the books are whole")


@app.command("rules")
def put_rules(
    file: Annotated[Path, typer.Argument(help="the campaigns, as YAML")],
    tenant: Tenant = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="try them on the past; keep nothing")] = False,
    start: Annotated[str, typer.Option("--from", help="first time of the dry run")] = "2000-01-01",
    end: Annotated[str, typer.Option("--to", help="time of the dry run to stop before")] = "2100-01-01",
    budget: Annotated[int, typer.Option(help="points in each campaign's fund in the dry run")] = 1_000_000,
) -> None:
    """Put earning rules in force, or try them. / 付与の規則を入れる、試す"""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error}", field="file") from error
    wanted = load_rules(text)

    async def run(settings: Settings, parts: Parts) -> tuple[int, dict[str, Outcome]]:
        name = tenant or settings.city.tenant
        town = Town(parts.database, Ledger(parts.database, settings.points))
        if not dry_run:
            await town.open_books(name)
            return await town.put_rules(name, yaml.safe_load(text), "cityos points rules"), {}
        past = await town.occasions(name, parse_time(start), parse_time(end))
        return 0, try_rules(wanted, past, {campaign.id: budget for campaign in wanted.campaigns})

    version, outcomes = with_parts(run)
    if not dry_run:
        console.print(f"第{version}版として有効になりました / in force as version {version}")
        return
    rows = [{"campaign": name, **msgspec.structs.asdict(outcome)} for name, outcome in outcomes.items()]
    print_table(rows, empty="事業はありません / no campaigns")


@app.command("close")
def close_day(
    day: Annotated[str, typer.Argument(help="the day of Japan to close, as 2026-04-01")], tenant: Tenant = ""
) -> None:
    """Close a day, or show the closing it has. / 日次締め"""
    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise Invalid(f"{day!r} is not a day; write it as 2026-04-01", field="day") from error

    async def run(settings: Settings, parts: Parts) -> Closing:
        return await close(parts.database, tenant or settings.city.tenant, wanted, utc_now())

    made = with_parts(run)
    print_table([row._asdict() for row in made.outstanding], empty="未使用残高はありません / nothing outstanding")
    console.print(f"{made.day} 未使用残高 {made.unused:,} ポイント、封印 {made.seal}: {made.head}", soft_wrap=True)


@app.command()
def demo(
    residents: Annotated[int, typer.Option(min=10, max=2000, help="how many people live there")] = 90,
    sales: Annotated[int, typer.Option(min=10, max=1000, help="how many sales a day")] = 40,
    tenant: Tenant = "",
) -> None:
    """Play eight weeks of a small town, up to now. / 小さな町の8週間を再生する"""
    from cityos.points_town import PointsTown

    async def play(settings: Settings, parts: Parts) -> None:
        town = PointsTown(parts.database, tenant or settings.city.tenant, residents=residents, sales_a_day=sales)
        await town.play(lambda line: console.print(line, soft_wrap=True))

    with_parts(play)
    console.print(
        "画面 / pages: points-manager.html, points-treasury.html, points-till.html, points.html", soft_wrap=True
    )
