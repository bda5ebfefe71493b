"""Which part of a write goes to which source, and what is left to do here (ETSI GS CIM 009, 4.3.6.2, 4.3.6.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from broker.federation.source import EXCLUSIVE, INCLUSIVE, REDIRECT, Share

Names = frozenset[str] | None
"""Attributes; None stands for the entity as a whole (a deletion, say)."""


class Division(NamedTuple):
    """`sent` to sources, `refused` by those that hold the data but do not take the operation, and `names` left `here`
    (where that is true: with nothing left there is nothing to do)."""

    sent: list[tuple[Share, Names]]
    refused: list[tuple[Share, Names]]
    names: Names
    here: bool


def divide(shares: Iterable[Share], names: Names, operation: str, *others: str) -> Division:
    """Divide an operation on attributes `names`; `others` are names under which registrations mean the same one.

    What a source holds exclusively is its alone; what sources hold by redirection is theirs and nobody's here;
    inclusive sources get a copy; auxiliary ones are only ever read.
    """
    listed = list(shares)
    division = Division([], [], names, True)
    left, covered = names, False
    for share in (one for one in listed if one.source.mode == EXCLUSIVE):
        if (mine := _mine(share, left)) is not None:
            _give(division, share, mine[0], operation, *others)
            left = _without(left, mine[0])
            covered |= share.attributes is None and names is not None
    before = left
    for share in (one for one in listed if one.source.mode == REDIRECT):
        if (mine := _mine(share, before)) is not None:
            _give(division, share, mine[0], operation, *others)
            left = _without(left, mine[0])
            covered |= share.attributes is None
    for share in (one for one in listed if one.source.mode == INCLUSIVE and one.source.takes(operation, *others)):
        if (mine := _mine(share, left)) is not None and not covered:
            division.sent.append((share, mine[0]))
    moved = names is not None and bool(names) and not left
    return division._replace(names=left, here=not covered and not moved)


def _mine(share: Share, names: Names) -> tuple[Names] | None:
    """The attributes among `names` that the source has, in a tuple of one; None where it has none of them."""
    if names is None or share.attributes is None:
        return (names,) if names is None or names or share.attributes is None else None
    return (names & share.attributes,) if names & share.attributes else None


def _without(names: Names, gone: Names) -> Names:
    return None if names is None else names - (gone or frozenset())


def _give(division: Division, share: Share, names: Names, *operations: str) -> None:
    (division.sent if share.source.takes(*operations) else division.refused).append((share, names))
