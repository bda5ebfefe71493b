"""`cityos parked`: records whose handling failed by a fault of ours: to look at, to handle again, to give up."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import typer

from broker.ingest.discarding import discard as give_up
from broker.store import parked
from cityos.commands.common import console, operator, print_kept, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now

app = typer.Typer(help="処理できず脇に置いた記録 / records set aside", no_args_is_help=True)

Consumer = Annotated[str, typer.Option(help="only of this consumer, such as writer or alerting")]
_LOOK_EVERY_SECONDS = 0.2


@app.command("list")
def list_(
    consumer: Consumer = "",
    limit: int = 50,
    discarded: Annotated[bool, typer.Option("--discarded", help="those that were given up, by whom and why")] = False,
) -> None:
    """List the newest, with the error of each. / 新しい順に、失敗の内容とともに一覧する"""
    which = parked.list_discarded if discarded else parked.list_parked

    async def read(_settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await which(tx, consumer or None, limit=limit)

    print_table(with_parts(read), empty="nothing was given up" if discarded else "nothing is set aside")


@app.command()
def show(
    number: int, raw: Annotated[bool, typer.Option("--raw", help="only the bytes of the record, as they are")] = False
) -> None:
    """Show one with its bytes (which may hold personal data). / 1件を元のバイト列とともに表示する"""

    async def read(_settings: Settings, parts: Parts) -> dict[str, Any]:
        async with parts.database.transaction() as tx:
            return await parked.show_parked(tx, number)

    print_kept(with_parts(read), "value", raw=raw)


@app.command()
def replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="which; all where none is given")] = None,
    consumer: Consumer = "",
    wait: Annotated[float, typer.Option(min=0, help="seconds to wait for what becomes of them")] = 30.0,
) -> None:
    """Have them handled again, after the program was mended. / 直った版に更新したあと、もう一度処理させる"""

    async def again(_settings: Settings, parts: Parts) -> parked.Again:
        async with parts.database.transaction() as tx:
            asked = await parked.ask(tx, consumer or None, numbers or None)
        until = time.monotonic() + wait
        while True:
            async with parts.database.transaction() as tx:
                found = await parked.outcome(tx, asked)
            if not found.waiting or time.monotonic() >= until:
                return found
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    became = with_parts(again)
    console.print(f"{became.handled} handled, {became.failed} failed again, {became.waiting} wait for their role")
    raise typer.Exit(1 if became.failed or became.waiting else 0)


@app.command()
def discard(
    numbers: Annotated[list[int], typer.Argument(help="which, as `cityos parked list` numbers them")],
    reason: Annotated[str, typer.Option(help="why nobody will need them: kept for good, with who and when")],
) -> None:
    """Give some up for good; they are kept, and stand in the books as discarded. / あきらめる(帳簿と理由は残る)"""

    async def end(_settings: Settings, parts: Parts) -> int:
        async with parts.database.transaction() as tx:
            return await give_up(tx, numbers, reason, operator(), utc_now())

    console.print(f"{with_parts(end)} discarded")
