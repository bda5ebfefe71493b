"""A condition that can be asked of a table, and of one entity at hand: both ways mean the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from broker.query.bound import Bound

Answers = Callable[[Sequence[bool]], bool]
"""From the truth of each leaf to the truth of the whole."""


class Condition(NamedTuple):
    """SQL with {0}, {1} … where the leaves' values go, and the same connection of the leaves' answers."""

    sql: str
    holds: Answers
    bounds: tuple[Bound, ...] = ()
    """What must be true at least for it to hold, where an index can tell."""


def leaf(sql: str, number: int) -> Condition:
    """One test, whose value is `{number}`."""
    return Condition(sql, lambda answers: answers[number])


def all_of(parts: Sequence[Condition]) -> Condition:
    """Every one of them."""
    if len(parts) == 1:
        return parts[0]
    return Condition(
        "(" + " and ".join(part.sql for part in parts) + ")",
        lambda answers: all(part.holds(answers) for part in parts),
        tuple(bound for part in parts for bound in part.bounds),
    )


def any_of(parts: Sequence[Condition]) -> Condition:
    """At least one of them."""
    if len(parts) == 1:
        return parts[0]
    return Condition(
        "(" + " or ".join(part.sql for part in parts) + ")",
        lambda answers: any(part.holds(answers) for part in parts),
    )


def none_of(part: Condition) -> Condition:
    """Not this one."""
    return Condition(f"not {part.sql}", lambda answers: not part.holds(answers))


@lru_cache(4096)
def pattern(text: str) -> Any:
    """A regular expression that runs in time linear in the text, or None for one that is none."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error:
        return None


def found(text: str, within: str) -> bool:
    """Whether the pattern is found. Never raises: a pattern that is none finds nothing."""
    compiled = pattern(text)
    return compiled is not None and compiled.search(within) is not None
