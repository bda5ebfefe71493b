"""A server's tools are of its own major version, and it is said where there are none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from broker.errors import Invalid
from cityos.embedded import binary
from cityos.tools import tools_for

WHEEL = Path(binary("pg_dump")).parent


def pretend(folder: Path, version: str) -> Path:
    """Tools that say they are of that version."""
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_servers_own_version_is_taken_from_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(pretend(tmp_path, "99.3")))
    assert tools_for(990_005) == tmp_path


def test_the_wheels_tools_go_with_the_wheels_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = subprocess.run([str(WHEEL / "pg_dump"), "--version"], capture_output=True, text=True).stdout
    major, _, minor = said.split()[-1].partition(".")
    monkeypatch.setenv("PATH", str(pretend(tmp_path, f"{major}.{int(minor) + 1}")))
    assert tools_for(int(major) * 10_000 + int(minor)) == WHEEL
    assert tools_for(int(major) * 10_000 + int(minor) + 1) != WHEEL


@pytest.mark.parametrize("server", [980_000, 1_000_000])
def test_without_tools_of_that_version_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: int
) -> None:
    monkeypatch.setenv("PATH", str(pretend(tmp_path, "99.3")))
    with pytest.raises(Invalid, match=f"postgresql-client-{server // 10_000}"):
        tools_for(server)
