"""`cityos rejected`: what was not accepted: look at it, mend the cause, send it in again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.ingest.judge import Judge
from broker.ingest.replay import replay_log, replay_rejected
from broker.store.rejected import RejectedFilter, list_rejected, show_rejected
from cityos.commands.common import console, parse_time, print_kept, print_table, with_parts
from cityos.publishing import Publishing
from cityos.settings import Settings
from cityos.wiring import Parts, judge_of, open_registry
from schemas.clock import utc_now

app = typer.Typer(help="受け付けなかったデータ / what was not accepted", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]
Device = Annotated[str, typer.Option(help="only of this device")]
Reason = Annotated[str, typer.Option(help="only for this reason, such as not-json")]


@app.command("list")
def list_(tenant: Tenant = "", device: Device = "", reason: Reason = "", limit: int = 50) -> None:
    """List the newest. / 新しい順に一覧する"""

    async def read(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        which = RejectedFilter(tenant or settings.city.tenant, device or None, reason or None)
        async with parts.database.transaction() as tx:
            return await list_rejected(tx, which, limit=limit)

    print_table(with_parts(read), empty="nothing was rejected")


@app.command()
def show(
    number: int,
    tenant: Tenant = "",
    raw: Annotated[bool, typer.Option("--raw", help="only the bytes, as they came")] = False,
) -> None:
    """Show one with its bytes. / 1件を元のバイト列とともに表示する"""

    async def read(settings: Settings, parts: Parts) -> dict[str, Any]:
        async with parts.database.transaction() as tx:
            return await show_rejected(tx, tenant or settings.city.tenant, number)

    print_kept(with_parts(read), "payload", raw=raw)


@app.command()
def replay(tenant: Tenant = "", device: Device = "", reason: Reason = "") -> None:
    """Send them in again, after the cause is gone. / 原因を直したあと、もう一度取り込む"""

    async def again(settings: Settings, parts: Parts) -> int:
        which = RejectedFilter(tenant or settings.city.tenant, device or None, reason or None)
        return await replay_rejected(parts.database, parts.log, await _of_today(parts, settings), which, utc_now)

    console.print(f"{with_parts(again)} messages were sent in again")


def log_replay(
    family: Annotated[str, typer.Argument(help="the adapter whose decoder was mended, such as river_gauge")],
    start: Annotated[str, typer.Option("--from", help="first time of arrival (Japan's time if no offset is given)")],
    end: Annotated[str, typer.Option("--to", help="time of arrival to stop before")],
    tenant: Tenant = "",
) -> None:
    """Decode anew what the log keeps; differences become corrections. / ログの元データを復号し直す"""

    async def again(settings: Settings, parts: Parts) -> int:
        name = tenant or settings.city.tenant
        return await replay_log(
            parts.log, await _judge(parts, settings), name, family, parse_time(start), parse_time(end)
        )

    console.print(f"{with_parts(again)} messages were decoded again")


async def _of_today(parts: Parts, settings: Settings) -> Judge:
    """The judge by the policies in force too: what they forbid is not brought in by the back door."""
    registry = await open_registry(parts.database)
    publishing = Publishing(settings, parts.database, registry)
    await publishing.learn()
    return judge_of(registry, settings, publishing.may)


async def _judge(parts: Parts, settings: Settings) -> Judge:
    """The judge of what was admitted when it came: only its decoding is new."""
    return judge_of(await open_registry(parts.database), settings)
