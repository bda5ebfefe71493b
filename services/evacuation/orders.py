"""Evacuation notices: issuing (発令), correcting (訂正), lifting (解除) and withdrawing (取消). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from broker.errors import Conflict, Invalid
from schemas.river import Mode
from services.evacuation.levels import MAYORS


class Kind(StrEnum):
    """What an officer does. Lifting ends what was right; withdrawing takes back what should not have been issued."""

    ISSUE = "issue"
    CORRECT = "correct"
    LIFT = "lift"
    WITHDRAW = "withdraw"


KIND_NAMES = {Kind.ISSUE: "発令", Kind.CORRECT: "訂正", Kind.LIFT: "解除", Kind.WITHDRAW: "取消"}
KIND_NAMES_EN = {Kind.ISSUE: "Issued", Kind.CORRECT: "Corrected", Kind.LIFT: "Lifted", Kind.WITHDRAW: "Withdrawn"}


class State(StrEnum):
    """Where a notice stands: waiting for a second person, issued, or refused by that person."""

    WAITING = "waiting"
    ISSUED = "issued"
    REFUSED = "refused"


class Standing(msgspec.Struct, frozen=True, rename="camel"):
    """What holds in a district now: the level (0: nothing), by which notice. `revision` counts its changes."""

    level: int = 0
    order: str | None = None
    revision: int = 0


class Wish(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What an officer wants. `id` is the officer's own for the request, so that a repetition issues nothing twice.

    `seen` is each district's revision as the officer saw it. `about` is the notice corrected or withdrawn. `note` is
    the officer's own sentence in the text.
    """

    id: str
    kind: Kind
    reason: str
    seen: dict[str, int]
    level: int = 0
    note: str = ""
    about: str | None = None


class Officer(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, by name."""

    id: str
    name: str


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One notice as it is kept. `before` is what held in each of its districts when it took effect."""

    id: str
    number: int
    kind: Kind
    state: State
    mode: Mode
    level: int
    districts: tuple[str, ...]
    reason: str
    note: str
    about: str | None
    asked_by: Officer
    asked_at: datetime
    decided_by: Officer | None = None
    issued_at: datetime | None = None
    before: dict[str, Standing] = {}


def check_wish(wish: Wish) -> None:
    """Raise `Invalid` for what no state of affairs would allow."""
    if not 8 <= len(wish.id) <= 64 or not wish.id.replace("-", "").isalnum():
        raise Invalid("8 to 64 letters, digits and hyphens, new for each notice", field="id")
    if not wish.seen or len(wish.seen) > 500:
        raise Invalid("at least one district, and at most 500, each with the revision that was seen", field="seen")
    if not 4 <= len(wish.reason.strip()) <= 500:
        raise Invalid("why, in 4 to 500 characters: it stands in the record", field="reason")
    if len(wish.note) > 1000:
        raise Invalid(f"{len(wish.note)} characters; at most 1000", field="note")
    if wish.kind is Kind.ISSUE and wish.level not in MAYORS:
        raise Invalid("3, 4 or 5: levels 1 and 2 are the weather agency's", field="level")
    if wish.kind is not Kind.ISSUE and wish.level:
        raise Invalid("only an issue names a level; the others keep or end the one that holds", field="level")
    if (wish.kind in (Kind.CORRECT, Kind.WITHDRAW)) != (wish.about is not None):
        raise Invalid("the notice that is corrected or withdrawn; for no other kind", field="about")


def check_seen(wish: Wish, now: Mapping[str, Standing], names: Mapping[str, str]) -> None:
    """Raise `Conflict` when a district has changed since the officer looked: two officers at once."""
    for district, revision in wish.seen.items():
        if now[district].revision != revision:
            raise Conflict(
                f"{names[district]} は、ほかの職員が先に変更しました（今は警戒レベル{now[district].level}）。"
                f" / {district} has changed since you looked; look again and decide anew"
            )


def next_standing(wish: Wish, now: Mapping[str, Standing], about: Order | None) -> dict[str, int]:
    """The level of each district after the wish. Raises `Invalid` or `Conflict` where it makes no sense."""
    if wish.kind is Kind.ISSUE:
        _refuse_same(wish, now)
        return dict.fromkeys(wish.seen, wish.level)
    if wish.kind is Kind.LIFT:
        idle = next((district for district in wish.seen if now[district].level == 0), None)
        if idle is not None:
            raise Conflict(f"nothing is in force in {idle} that could be lifted")
        return dict.fromkeys(wish.seen, 0)
    if about is None or about.state is not State.ISSUED or about.kind is Kind.LIFT:
        raise Invalid("that is no notice that was issued", field="about")
    for district in wish.seen:
        if district not in about.districts or now[district].order != about.id:
            raise Conflict(f"{district} is under another notice by now; correct or withdraw that one")
    if wish.kind is Kind.CORRECT:
        return {district: now[district].level for district in wish.seen}
    return {district: about.before[district].level for district in wish.seen}


def before_of(wish: Wish, now: Mapping[str, Standing], about: Order | None) -> dict[str, Standing]:
    """What a withdrawal of this notice would go back to. A correction goes back to before what it corrects."""
    before = about.before if wish.kind is Kind.CORRECT and about is not None else now
    return {district: before[district] for district in wish.seen}


def _refuse_same(wish: Wish, now: Mapping[str, Standing]) -> None:
    same = next((district for district in wish.seen if now[district].level == wish.level), None)
    if same is not None:
        raise Conflict(f"level {wish.level} is in force in {same} already; to change its text, correct it")
