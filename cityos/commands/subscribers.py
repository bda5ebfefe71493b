"""`cityos subscriber`: who is told of what happens, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from broker.delivery.notice import Filter
from broker.delivery.queue import subscribe
from broker.delivery.subscribers import list_subscribers, remove_subscriber, revive_subscriber
from broker.errors import Invalid
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.river import Mode
from services.notify.signature import new_secret, shown
from services.notify.targets import CHANNELS, TOKENED, check_target

app = typer.Typer(help="通知の届け先 / who is notified", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]
Number = Annotated[int, typer.Argument(help="its number, which `cityos subscriber list` shows")]


@app.command()
def add(
    channel: Annotated[str, typer.Argument(help=f"one of {', '.join(CHANNELS)}")],
    target: Annotated[str, typer.Argument(help="https address, mail address, or level of MQTT topics")],
    name: Annotated[str, typer.Option(help="whom it belongs to")] = "",
    mode: Annotated[list[Mode] | None, typer.Option(help="also exercises, say; only actual if not given")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="only notices of this kind, such as flood.alert")] = None,
    about: Annotated[list[str] | None, typer.Option(help="only about this, such as river=天王川")] = None,
    grade: Annotated[int, typer.Option(min=0, help="only from this gravity on")] = 0,
    staff: Annotated[bool, typer.Option("--staff", help="also what only staff may know")] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="file with the access token (line, mastodon), the app's key and secret and the account's token and"
            " secret (x), or user:password (export)"
        ),
    ] = None,
    tenant: Tenant = "",
) -> None:
    """Notify somebody from now on; a webhook's secret is printed once. / 届け先を登録する（署名の鍵は1回だけ表示）"""
    wants = Filter(
        kinds=tuple(kind) if kind else None,
        modes=tuple(mode) if mode else (Mode.ACTUAL,),
        grade=grade,
        staff=staff,
        about=_labels(about or []),
    )
    secret = new_secret() if channel == "webhook" else _token(channel, token_file)

    async def write(settings: Settings, parts: Parts) -> int:
        check_target(channel, target, allow_private=settings.notify.allow_private_targets)
        place = tenant or settings.city.tenant
        async with parts.database.transaction() as tx:
            return await subscribe(tx, place, channel=channel, target=target, secret=secret, wants=wants, name=name)

    console.print(f"number: {with_parts(write)}", markup=False)
    if secret and channel == "webhook":
        console.print(f"secret: {shown(secret)}", markup=False, soft_wrap=True)


@app.command("list")
def list_(tenant: Tenant = "") -> None:
    """List them with what waits and what could not be delivered. / 一覧する"""

    async def read(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await list_subscribers(tx, tenant or settings.city.tenant)

    print_table(with_parts(read), empty="no subscribers")


@app.command()
def remove(number: Number, tenant: Tenant = "") -> None:
    """Notify it no more; what waits for it is dropped. / 届け先を消す（待っている通知も消える）"""

    async def write(settings: Settings, parts: Parts) -> tuple[str, str]:
        async with parts.database.transaction() as tx:
            return await remove_subscriber(tx, tenant or settings.city.tenant, number)

    channel, target = with_parts(write)
    console.print(f"{channel} {target} is removed", markup=False, soft_wrap=True)


@app.command()
def revive(number: Number, tenant: Tenant = "") -> None:
    """Try it again at once, with what could not be delivered. / 届かなかった通知をもう一度届ける"""

    async def write(settings: Settings, parts: Parts) -> int:
        async with parts.database.transaction() as tx:
            return await revive_subscriber(tx, tenant or settings.city.tenant, number)

    console.print(f"{with_parts(write)} notices are tried again", markup=False)


def _token(channel: str, file: Path | None) -> bytes | None:
    """What opens the account, from a file: a command's arguments can be read by others on the machine."""
    if file is None:
        if channel in TOKENED:
            raise Invalid("the account's access token is missing: name the file that holds it", field="token_file")
        return None
    try:
        token = file.read_bytes().strip()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error}", field="token_file") from error
    if not token or not token.isascii():
        raise Invalid(f"{file} holds no token", field="token_file")
    if channel == "x" and len(token.split()) not in (1, 4):
        raise Invalid(
            f"{file} holds {len(token.split())} words; four are expected: the app's key and secret, then the account's"
            " token and secret",
            field="token_file",
        )
    return token


def _labels(about: list[str]) -> dict[str, tuple[str, ...]]:
    """`river=天王川` and its like by label."""
    labels: dict[str, tuple[str, ...]] = {}
    for item in about:
        label, equals, value = item.partition("=")
        if not (label and equals and value):
            raise Invalid(f"{item!r} says nothing; write LABEL=VALUE, such as river=天王川", field="about")
        labels[label] = (*labels.get(label, ()), value)
    return labels
