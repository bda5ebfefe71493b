"""The commands of the READMEs, by the name that a comment gives each."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("README.md", "README.en.md")

RUN_AGAINST_A_CITY = {"device", "accounting", "read", "app", "events", "neighbour"}
"""Run as they stand by tests/integration/test_readme.py, with the running city's ports."""

CHECKED_ELSEWHERE = {"up", "test", "containers"}
"""`make up` and `make test` would start what runs them; containers cannot be had everywhere."""


def blocks(language: str) -> dict[str, str]:
    """Every ``sh`` block that is preceded by ``<!-- run: NAME -->``."""
    text = (ROOT / language).read_text()
    return dict(re.findall(r"<!-- run: ([a-z]+) -->\n```sh\n(.*?)```", text, flags=re.DOTALL))
