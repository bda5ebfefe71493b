"""The command `cityos` finds each of its commands, and loads no other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cityos.cli import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_what_it_does(name: str) -> None:
    said = CliRunner().invoke(app, [name, "--help"])
    assert said.exit_code == 0, said.output
    assert f" {name} " in said.output


def test_a_name_of_no_command_is_said() -> None:
    said = CliRunner().invoke(app, ["acounting"])
    assert said.exit_code == 2
    assert "No such command 'acounting'" in said.output


def test_the_process_of_a_whole_city_holds_no_role() -> None:
    """It stays for months beside them."""
    asked = "import sys, cityos.cli, cityos.commands.up; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert "cityos.commands.up" in loaded
    assert not {"fastapi", "httpx", "numpy", "opentelemetry.sdk", "api_gateway.app"} & set(loaded)
