"""`cityos provider`: outside OpenID providers with which people may log in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api_gateway.outside.logins import add_provider, list_providers, set_provider_status
from broker.errors import Invalid
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="外部ログイン / outside OpenID providers to log in with", no_args_is_help=True)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="a short name for addresses, such as kencho")],
    issuer: Annotated[str, typer.Argument(help="the provider's issuer, as its description names it")],
    client_id: Annotated[str, typer.Option(help="what the provider calls this city")],
    secret_file: Annotated[Path, typer.Option(help="a file with the client secret that the provider gave")],
    title: Annotated[str, typer.Option(help="what people read on the button")],
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
    opens_accounts: Annotated[
        bool, typer.Option("--opens-accounts", help="whoever the provider knows may have an account; it has no roles")
    ] = False,
    trusts_mfa: Annotated[
        bool, typer.Option("--trusts-mfa", help="take its word that a second factor was shown (amr: mfa)")
    ] = False,
) -> None:
    """Let people log in there. / 外部ログインを足す"""
    try:
        secret = secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{secret_file}: {error}", field="secret_file") from error
    if not secret:
        raise Invalid(f"{secret_file} is empty", field="secret_file")

    async def write(settings: Settings, parts: Parts) -> tuple[str, str]:
        async with parts.database.transaction() as tx:
            made = await add_provider(
                tx,
                tenant or settings.city.tenant,
                name,
                title=title,
                issuer=issuer,
                client_id=client_id,
                client_secret=secret,
                opens_accounts=opens_accounts,
                trusts_mfa=trusts_mfa,
            )
        return made, settings.gateway.issuer

    made, ours = with_parts(write)
    console.print(f"provider:                 {made}", markup=False)
    console.print("register at the provider:", markup=False)
    console.print(f"redirect_uri:             {ours}/account/outside/{made}/callback", markup=False, soft_wrap=True)
    console.print(f"post_logout_redirect_uri: {ours}/login.html", markup=False, soft_wrap=True)
    console.print(f"backchannel_logout_uri:   {ours}/account/outside/{made}/logout", markup=False, soft_wrap=True)


@app.command("list")
def show() -> None:
    """All of them, and how many people log in there. / 一覧"""

    async def read(_settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await list_providers(tx)

    print_table(with_parts(read), empty="no provider")


@app.command()
def suspend(provider: str) -> None:
    """Nobody logs in there any more; links are kept. / 止める"""
    _set(provider, "suspended")


@app.command()
def resume(provider: str) -> None:
    """People may log in there again. / 再開する"""
    _set(provider, "active")


def _set(provider: str, status: str) -> None:
    async def write(_settings: Settings, parts: Parts) -> None:
        async with parts.database.transaction() as tx:
            await set_provider_status(tx, provider, status)

    with_parts(write)
