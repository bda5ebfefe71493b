"""The READMEs: the same commands in both languages, every one of them known to a test; in every document each link
leads somewhere and each command of `cityos` exists, with the options named."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from cityos.cli import app
from tests.readme import CHECKED_ELSEWHERE, LANGUAGES, ROOT, RUN_AGAINST_A_CITY, blocks

DOCUMENTS = [
    *LANGUAGES,
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("*.md") if path.name not in LANGUAGES),
    *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
]
GENERATED = {"docs/settings.md"}
_CITYOS = get_command(app)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_is_named_for_a_test(language: str) -> None:
    fences = re.findall(r"(?m)^```sh$", (ROOT / language).read_text())
    assert len(fences) == len(blocks(language))
    assert blocks(language).keys() == CHECKED_ELSEWHERE | RUN_AGAINST_A_CITY


def test_both_languages_give_the_same_commands() -> None:
    japanese, english = (blocks(language) for language in LANGUAGES)
    assert japanese == english


@pytest.mark.parametrize("name", sorted(blocks(LANGUAGES[0])))
def test_the_commands_are_valid_shell(name: str) -> None:
    subprocess.run(["bash", "-n"], input=blocks(LANGUAGES[0])[name], text=True, check=True, timeout=10)


@pytest.mark.parametrize("name", ["up", "test"])
def test_the_two_commands_are_targets(name: str) -> None:
    assert blocks(LANGUAGES[0])[name].split() == ["make", name]
    planned = subprocess.run(["make", "-n", name], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert "deploy/bootstrap.sh" in planned.stdout


def test_the_containers_are_started_from_files_that_exist() -> None:
    commands = blocks(LANGUAGES[0])["containers"].splitlines()
    assert commands == ["deploy/make-secrets.sh", "docker compose up --detach --build"]
    assert (ROOT / "deploy" / "make-secrets.sh").stat().st_mode & 0o100
    assert (ROOT / "docker-compose.yml").is_file()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_within_the_project_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    targets = re.findall(r"\]\(([^)#\s]+)", (ROOT / document).read_text())
    local = {str((folder / target).resolve().relative_to(ROOT)) for target in targets if "://" not in target}
    assert {target for target in local - GENERATED if not Path(ROOT / target).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_cityos_exists_with_its_options(document: str) -> None:
    # In a block or in back quotes; what a sentence says of cityos is no command.
    said = re.findall(r"(?m)(?:^|`|=\S+ |\()(?:\.venv/bin/)?cityos ([a-z][^\n`)|#]*)", (ROOT / document).read_text())
    assert {words: fault for words in said if (fault := _fault(words.split()))} == {}


def _fault(words: list[str]) -> str:
    """What is no command or option, empty where all are."""
    command = _CITYOS
    while words and isinstance(command, TyperGroup):
        found = command.get_command(Context(command), words[0])
        if found is None:
            return f"{command.name} has no command {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    named = {word.partition("=")[0] for word in words if word.startswith("--")}
    return ", ".join(sorted(named - known))
