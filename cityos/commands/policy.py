"""`cityos policy`: the policy as data, and its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from access.defaults import DEFAULT_POLICY
from access.policy import Policy
from access.policy_file import parse_cases, parse_policy, plain, run_cases
from broker.errors import Invalid
from cityos.commands.common import console, print_table

app = typer.Typer(help="方針 / the policy: who may do what with which data", no_args_is_help=True)

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="a policy file (YAML); the default policy if not given")
]


@app.command()
def show(policy: PolicyFile = None) -> None:
    """Print the policy as YAML, to be changed and kept. / 表示する"""
    data = plain(read_policy(policy))
    console.print(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), markup=False, soft_wrap=True)


@app.command("test")
def check(cases: Path, policy: PolicyFile = None) -> None:
    """Ask the policy the questions in CASES (YAML) and compare; exit status 1 where an answer differs. / 試験する"""
    try:
        asked = parse_cases(_yaml(cases))
    except ValueError as error:
        raise Invalid(f"{cases}: {error}", field="cases") from error
    chosen = read_policy(policy)
    failures = run_cases(chosen, asked)
    print_table([failure._asdict() for failure in failures], empty=f"{len(asked)} cases hold (policy {chosen.version})")
    if failures:
        raise typer.Exit(1)


def read_policy(path: Path | None) -> Policy:
    """The policy in a file, or the default one. Raises `Invalid` naming the file and the fault."""
    if path is None:
        return DEFAULT_POLICY
    try:
        return parse_policy(_yaml(path))
    except ValueError as error:
        raise Invalid(f"{path}: {error}", field="policy") from error


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{path}: {error}", field="file") from error
