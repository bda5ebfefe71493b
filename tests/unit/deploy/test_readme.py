"""The READMEs: the same commands in both languages, every one of them known to a test, every link alive."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.readme import CHECKED_ELSEWHERE, LANGUAGES, ROOT, RUN_AGAINST_A_CITY, blocks

DOCUMENTS = [
    *LANGUAGES,
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("*.md") if path.name not in LANGUAGES),
    *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
]
GENERATED = {"docs/settings.md"}


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
