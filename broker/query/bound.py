"""What the values of one attribute must lie within for a condition to hold: for finding candidates, not for judging."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

_LONGEST = 200


class Bound(NamedTuple):
    """One of the ranges of numbers (both ends belong to them) or one of the texts (their first 200 characters)."""

    name: str
    numbers: tuple[tuple[float, float], ...] = ()
    texts: tuple[str, ...] = ()


def bound_of(name: str, operator: str, values: Iterable[tuple[Any, Any]]) -> Bound | None:
    """The bound that a comparison means, at least as wide; None where it means none that an index could tell."""
    numbers: list[tuple[float, float]] = []
    texts: list[str] = []
    for low, high in values:
        if _is_number(low) and (high is None or _is_number(high)):
            numbers.append(_range(operator, low, high))
        elif isinstance(low, str) and high is None and operator == "==":
            texts.append(low[:_LONGEST])
        else:
            return None
    return Bound(name, tuple(numbers), tuple(texts)) if operator != "!=" else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range(operator: str, low: float, high: float | None) -> tuple[float, float]:
    if high is not None:
        return _kept(low), _kept(high)
    return (-math.inf if operator in ("<", "<=") else _kept(low)), (math.inf if operator in (">", ">=") else _kept(low))


def _kept(value: float) -> float:
    """As the index keeps numbers: those beyond 1e300 as infinite, those within 1e-300 as none."""
    return math.inf if value > 1e300 else -math.inf if value < -1e300 else 0.0 if abs(value) < 1e-300 else float(value)
