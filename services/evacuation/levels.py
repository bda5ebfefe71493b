"""The five warning levels (警戒レベル) as they are called in a given year. Names and colours are data, not code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from typing import Any

import msgspec
import yaml

from broker.errors import Invalid

MAYORS = (3, 4, 5)
"""The levels that a mayor issues (災害対策基本法 60条、61条の4); 1 and 2 are the weather agency's."""
_ALL = (1, 2, 3, 4, 5)


class LevelName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a level is called and shown in; `notice` is the name of the flood notice of the same level."""

    ja: str
    en: str
    colour: str
    notice: str


class Edition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """The levels in force from a day on, by number."""

    since: date
    levels: dict[int, LevelName]


class Levels:
    """All editions; a message of 2023 is told in the words of 2023."""

    def __init__(self, editions: Sequence[Edition]) -> None:
        self._editions = sorted(editions, key=lambda edition: edition.since)

    def on(self, day: date) -> Edition:
        """The edition in force on `day`; before the first one, the first."""
        held = [edition for edition in self._editions if edition.since <= day]
        return held[-1] if held else self._editions[0]


def parse_levels(text: str) -> Levels:
    """Editions from YAML. Raises `Invalid` naming the edition and what is wrong."""
    try:
        editions = msgspec.convert(yaml.safe_load(text), list[Edition])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise Invalid(f"the warning levels are not readable: {error}", field="levels") from error
    if not editions:
        raise Invalid("the warning levels have no edition; one with `from` and `levels` is needed", field="levels")
    for edition in editions:
        if tuple(sorted(edition.levels)) != _ALL:
            raise Invalid(f"the edition from {edition.since} must name the levels 1 to 5, each once", field="levels")
    return Levels(editions)


def national_levels() -> Levels:
    """Those of the Cabinet Office and the Japan Meteorological Agency."""
    return parse_levels((files("services.evacuation") / "levels.yaml").read_text("utf-8"))


def shown(edition: Edition) -> dict[str, Any]:
    """The edition as the API gives it."""
    return {str(number): msgspec.to_builtins(name) for number, name in sorted(edition.levels.items())}
