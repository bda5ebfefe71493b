"""`cityos buses`: demand-responsive buses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cityos.commands.common import console, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

if TYPE_CHECKING:
    from cityos.bus_day import Tally
    from services.dispatch.figures import Figures

app = typer.Typer(help="デマンドバス / demand-responsive buses", no_args_is_help=True)


@app.command("compile")
def compile_planner() -> None:
    """Compile the planner, so that the first caller does not wait for it. / 計画の計算部を先に組み立てる"""
    from services.dispatch.ready import compile_engine

    compile_engine()
    console.print("準備できました / the planner is compiled")


@app.command()
def demo(
    requests: Annotated[int, typer.Option(min=1, max=2000, help="how many rides are asked for")] = 300,
    vehicles: Annotated[int, typer.Option(min=1, max=50, help="how many buses drive")] = 6,
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
) -> None:
    """Play a town's day of 13 July 2023: a breakdown, and stops that the flood closes. / 町の一日を再生する"""
    from cityos.bus_day import DAY, BusDay

    async def play(settings: Settings, parts: Parts) -> tuple[Tally, Figures]:
        name = tenant or settings.city.tenant
        day = BusDay(parts.database, parts.outlet, name, requests=requests, vehicles=vehicles)
        figures = await day.play(lambda line: console.print(line, soft_wrap=True))
        return day.tally, figures

    tally, figures = with_parts(play)
    console.print(
        f"依頼 {tally.asked} 件、乗車 {figures.ridden}、満席 {len(tally.refused)}、無断キャンセル {figures.no_show}、"
        f"運休 {figures.broken}",
        soft_wrap=True,
    )
    console.print(
        f"約束を守った割合 {_percent(figures.kept)}、待ち 平均 {figures.waiting or 0:.1f} 分、"
        f"乗車時間比 {figures.ride_ratio or 0:.2f}、相乗り {_percent(figures.shared)}、"
        f"空車 {figures.empty_kilometres:.0f}/{figures.kilometres:.0f} km",
        soft_wrap=True,
    )
    console.print(f"画面 / pages: bus-dispatch.html?day={DAY}, bus-report.html?from={DAY}&to={DAY}", soft_wrap=True)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.1f}%"
