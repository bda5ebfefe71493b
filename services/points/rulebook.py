"""A municipality's campaigns: who earns points for what, from which fund, up to which caps. Checked whole."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec
import yaml

from broker.errors import Invalid
from services.points.model import Kind


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class PerYen(_Strict, frozen=True, tag="per_yen", tag_field="type"):
    """`points` for every full `yen` of a purchase: 1 point per 100 yen."""

    yen: int
    points: int


class Percent(_Strict, frozen=True, tag="percent", tag_field="type"):
    """`percent` of a purchase in whole points, rounded down."""

    percent: int


class Fixed(_Strict, frozen=True, tag="fixed", tag_field="type"):
    """`points` per person or household, once; nothing per household for whom no household is registered.

    `proof` names what staff must have seen (a document's kind)."""

    points: int
    once_per: Literal["person", "household"] = "person"
    proof: str | None = None


class Participation(_Strict, frozen=True, tag="participation", tag_field="type"):
    """`points` for an event of this name: a QR check-in, a ride taken, charging at midday, a drill attended."""

    event: str
    points: int
    per_occasion_once: bool = True


class Where(_Strict, frozen=True):
    """Only purchases at shops of these areas and categories; empty: all."""

    areas: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class Who(_Strict, frozen=True):
    """Only people of these ages (at the time) and areas of residence."""

    min_age: int = 0
    max_age: int = 200
    residence: tuple[str, ...] = ()


class Caps(_Strict, frozen=True):
    """Points at most for one person on one day of Japan, and in all. None: no cap."""

    per_day: int | None = None
    per_person: int | None = None


class Grant(_Strict, frozen=True):
    """What the points are that are given: kind, issuer, until when, for what."""

    kind: Kind = Kind.GIVEN
    issuer: str = "city"
    valid_months: int | None = 6
    valid_until: date | None = None
    spend_on: tuple[str, ...] = ()


class Campaign(_Strict, frozen=True):
    """One campaign. Its fund is the account ``campaign/ID``; what is in it is the budget."""

    id: str
    title: str
    rule: PerYen | Percent | Fixed | Participation
    start: date
    end: date
    where: Where = Where()
    who: Who = Who()
    caps: Caps = Caps()
    grant: Grant = Grant()

    @property
    def fund(self) -> str:
        """The account that pays."""
        return f"campaign/{self.id}"


class Rules(_Strict, frozen=True):
    """All campaigns of a municipality."""

    campaigns: tuple[Campaign, ...] = ()


def load_rules(text: str) -> Rules:
    """Rules from YAML. Raises `Invalid` naming the path in the document and what would be right."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(f"the rules are not YAML: {error}", field="rules") from error
    return check_rules(document)


def check_rules(document: Any) -> Rules:
    """Rules from a decoded document. Raises `Invalid`."""
    try:
        rules = msgspec.convert(document, Rules, strict=True)
    except msgspec.ValidationError as error:
        raise Invalid(f"the rules: {error}", field="rules") from error
    seen: set[str] = set()
    for index, campaign in enumerate(rules.campaigns):
        for fault in _faults(campaign, seen):
            raise Invalid(f"the rules: {fault} - at `$.campaigns[{index}]` ({campaign.id})", field="rules")
        seen.add(campaign.id)
    return rules


def _faults(campaign: Campaign, seen: set[str]) -> list[str]:
    rule = campaign.rule
    numbers = [n for n in (getattr(rule, name, None) for name in ("yen", "points", "percent")) if n is not None]
    checks = [
        (
            not campaign.id.replace("-", "").isalnum() or len(campaign.id) > 40,
            "id: letters, digits, -; at most 40",
        ),
        (campaign.id in seen, "id: another campaign has it"),
        (campaign.end < campaign.start, "end lies before start"),
        (min(numbers) < 1, "yen, points and percent are at least 1"),
        (isinstance(rule, Percent) and rule.percent > 100, "percent is at most 100"),
        ((campaign.grant.valid_months or 1) < 1, "grant.valid_months is at least 1"),
        (campaign.who.min_age > campaign.who.max_age, "who.min_age is above who.max_age"),
        (
            min(c for c in (campaign.caps.per_day, campaign.caps.per_person, 1) if c is not None) < 1,
            "caps are at least 1",
        ),
    ]
    return [fault for wrong, fault in checks if wrong]
