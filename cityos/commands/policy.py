"""`cityos policy`: the policy as data, and its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from access.policy_file import Failure, parse_cases, plain, run_cases
from api_gateway.policies import store
from broker.errors import Invalid
from cityos.commands.common import console, operator, print_table, with_parts
from cityos.policy_files import read_policy, read_yaml
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now

app = typer.Typer(help="方針 / the policy: who may do what with which data", no_args_is_help=True)

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="a policy file (YAML); the default policy if not given")
]

Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]


@app.command()
def show(policy: PolicyFile = None) -> None:
    """Print the policy as YAML, to be changed and kept. / 表示する"""
    data = plain(read_policy(policy))
    console.print(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), markup=False, soft_wrap=True)


@app.command("test")
def check(cases: Path, policy: PolicyFile = None) -> None:
    """Ask the policy the questions in CASES (YAML) and compare; exit status 1 where an answer differs. / 試験する"""
    try:
        asked = parse_cases(read_yaml(cases))
    except ValueError as error:
        raise Invalid(f"{cases}: {error}", field="cases") from error
    chosen = read_policy(policy)
    failures = run_cases(chosen, asked)
    print_table([failure._asdict() for failure in failures], empty=f"{len(asked)} cases hold (policy {chosen.version})")
    if failures:
        raise typer.Exit(1)


@app.command()
def draft(
    policy: Path,
    why: Annotated[str, typer.Option(help="why; kept for good")],
    cases: Annotated[Path | None, typer.Option(help="what must hold of it (YAML), asked before it is in force")] = None,
    tenant: Tenant = "",
) -> None:
    """Keep the policy in a file as a new version; nothing changes yet. / 版として残す"""
    given, asked = plain(read_policy(policy)), read_yaml(cases) if cases else []

    async def write(settings: Settings, parts: Parts) -> tuple[int, list[Failure]]:
        async with parts.database.transaction() as tx:
            named = tenant or settings.city.tenant
            return await store.draft(tx, named, given, asked, why=why, by=operator(), at=utc_now())

    number, failures = with_parts(write)
    print_table([failure._asdict() for failure in failures], empty=f"version {number}: its cases hold")


@app.command()
def activate(
    version: Annotated[int, typer.Argument(help="0 is the one that the platform comes with")],
    why: Annotated[str, typer.Option(help="why; kept for good")],
    tenant: Tenant = "",
) -> None:
    """Put a version in force, or back in force. / 版を有効にする・前の版に戻す"""

    async def write(settings: Settings, parts: Parts) -> None:
        async with parts.database.transaction() as tx:
            named = tenant or settings.city.tenant
            await store.activate(tx, named, version, why=why, by=operator(), at=utc_now())

    with_parts(write)
    console.print(f"version {version} is in force")


@app.command()
def versions(tenant: Tenant = "") -> None:
    """Which version was in force when, who decided that and why. / 版の一覧"""

    async def read(settings: Settings, parts: Parts) -> dict[str, list[dict[str, Any]]]:
        async with parts.database.transaction() as tx:
            return await store.history(tx, tenant or settings.city.tenant)

    found = with_parts(read)
    print_table(found["versions"], empty="no version but the one that the platform comes with")
    print_table(found["activations"], empty="")
