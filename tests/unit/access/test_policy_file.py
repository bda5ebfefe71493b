"""Policies and their test cases as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from access.defaults import DEFAULT_POLICY
from access.policy_file import parse_cases, parse_policy, plain, run_cases
from cityos.cli import app

CASES = Path(__file__).parents[3] / "deploy" / "policy" / "cases.yaml"


def test_a_policy_survives_being_data() -> None:
    assert parse_policy(yaml.safe_load(yaml.safe_dump(plain(DEFAULT_POLICY)))) == DEFAULT_POLICY


def test_the_shipped_cases_hold_and_would_notice_a_change() -> None:
    cases = parse_cases(yaml.safe_load(CASES.read_text()))
    assert run_cases(DEFAULT_POLICY, cases) == []
    for rule in ("personal-data", "not-for-residents", "assessments-are-made-by-alerting", "open-data"):
        data = plain(DEFAULT_POLICY)
        data["rules"] = [line for line in data["rules"] if line["name"] != rule]
        assert run_cases(parse_policy(data), cases), f"no case misses the rule {rule}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": None}, r"\$.version"),
        ({"rules": [{"name": "x"}]}, r"\$.rules\[0\]"),
        ({"rules": [plain(DEFAULT_POLICY)["rules"][0]] * 2}, "two rules have the name"),
        ({"rules": [{**plain(DEFAULT_POLICY)["rules"][0], "scopes": ["root"]}]}, "there is no scope root"),
    ],
)
def test_a_wrong_policy_names_the_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_policy({**plain(DEFAULT_POLICY), **change})


def test_the_command_exits_by_the_answers(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["policy", "test", str(CASES)]).exit_code == 0
    wrong = tmp_path / "cases.yaml"
    wrong.write_text("- {name: x, action: write, type: Alert, allowed: true}")
    failed = CliRunner().invoke(app, ["policy", "test", str(wrong)])
    assert failed.exit_code == 1
