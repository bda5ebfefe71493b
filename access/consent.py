"""Whether personal data may be disclosed: consent, or another ground of the act, or not at all. Pure.

The act is 個人情報の保護に関する法律, its rules for public bodies (articles 61 and 69). Nothing is disclosed without a
ground that is in force for exactly this recipient, this category of data and this purpose. 要配慮個人情報 asks for
more: a consent that names it, a law that does, or the person themself.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from access.personal import CATEGORIES


class Ground(StrEnum):
    """On what a disclosure rests, with the clause of the act."""

    PERSON = "person"
    """To the person themself (69(2)一)."""
    GUARDIAN = "guardian"
    """To the legal guardian of a child, who stands for the person (69(2)一, 76(2))."""
    CONSENT = "consent"
    """With the person's consent (69(2)一)."""
    LAW = "law"
    """Based on a law or ordinance, which is named (69(1))."""
    WITHIN_PURPOSE = "within-purpose"
    """Within the purpose for which the data are held (69(1), 61)."""
    OWN_DUTY = "own-duty"
    """Used inside the body for its duties under law, with reasonable cause (69(2)二)."""
    PUBLIC_BODY = "public-body"
    """Given to another public body for its duties under law, with reasonable cause (69(2)三)."""
    STATISTICS = "statistics"
    """Only for statistics or scholarly research (69(2)四)."""
    BENEFIT = "benefit"
    """Clearly for the person's benefit (69(2)四)."""
    SPECIAL_REASON = "special-reason"
    """Another special reason (69(2)四), justified in writing."""
    EMERGENCY = "emergency"
    """By a named officer for a limited time to protect the person, reviewed afterwards (69(2)四: their benefit)."""


REGISTERED = frozenset(
    {
        Ground.LAW,
        Ground.WITHIN_PURPOSE,
        Ground.OWN_DUTY,
        Ground.PUBLIC_BODY,
        Ground.STATISTICS,
        Ground.BENEFIT,
        Ground.SPECIAL_REASON,
    }
)
"""Grounds that the municipality registers in advance, each with its justification."""


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """A question: may `recipient` have this `category` of `person`'s data, for `purpose`, now?

    `recipient` is who gets the data: an app's client id, a person's id, or ``service:NAME``. `by` is the individual
    behind it where there is one (an officer). `reference` names the record or records, for the person to read.
    `sensitive` tells that these records are 要配慮個人情報; of some categories (`access.personal`) all are.
    """

    tenant: str
    person: str
    recipient: str
    category: str
    purpose: str
    at: datetime
    sensitive: bool = False
    by: str = ""
    reference: str = ""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person (or who stands for them) allowed: one recipient, category and purpose, from `since` to `until`.

    `sensitive` tells that it named 要配慮個人情報. A consent once withdrawn is never in force again, whatever the clock
    of whoever asks says.
    """

    id: str
    person: str
    recipient: str
    category: str
    purpose: str
    since: datetime
    until: datetime
    sensitive: bool = False
    withdrawn_at: datetime | None = None


class Guardianship(msgspec.Struct, frozen=True, kw_only=True):
    """`guardian` stands for `child` until `until`, or until it was ended."""

    id: str
    guardian: str
    child: str
    since: datetime
    until: datetime
    ended_at: datetime | None = None


class LegalGround(msgspec.Struct, frozen=True, kw_only=True):
    """A ground other than consent, registered by the municipality. `sensitive`: the law named covers 要配慮個人情報."""

    id: str
    ground: Ground
    recipient: str
    category: str
    purpose: str
    since: datetime
    until: datetime | None = None
    sensitive: bool = False
    revoked_at: datetime | None = None


class Emergency(msgspec.Struct, frozen=True, kw_only=True):
    """A named officer's access to one person's data of some categories, for a limited time."""

    id: str
    officer: str
    person: str
    categories: tuple[str, ...]
    since: datetime
    until: datetime
    ended_at: datetime | None = None


class Evidence(NamedTuple):
    """What is known that could permit a disclosure in one tenant. What does not fit the question does no harm."""

    tenant: str
    consents: tuple[Consent, ...] = ()
    guardianships: tuple[Guardianship, ...] = ()
    grounds: tuple[LegalGround, ...] = ()
    emergencies: tuple[Emergency, ...] = ()


class Decision(NamedTuple):
    """Yes or no; the ground and the number of its record; `why` for the municipality's register only.

    `explanation` may be told to the recipient. It is the same for a person who withdrew, one who never consented and
    one who does not exist: a refusal tells nothing about anybody.
    """

    allowed: bool
    ground: Ground | None
    basis: str
    explanation: str
    why: str


def decide(asked: Disclosure, evidence: Evidence) -> Decision:
    """Whether the disclosure may happen, and on what it rests. The same question and evidence, the same answer."""
    if evidence.tenant != asked.tenant:
        return _refused(asked, "the evidence is another municipality's")
    if asked.category in CATEGORIES and CATEGORIES[asked.category].sensitive:
        asked = msgspec.structs.replace(asked, sensitive=True)
    found = (
        _as_person(asked, evidence)
        or _by_consent(asked, evidence)
        or _by_ground(asked, evidence)
        or _by_emergency(asked, evidence)
    )
    return found or _refused(asked, _shortfall(asked, evidence))


def may_act_for(actor: str, person: str, guardianships: tuple[Guardianship, ...], at: datetime) -> bool:
    """Whether `actor` may give, withdraw and see for `person`: for themself, or as guardian."""
    return actor == person or any(g.guardian == actor and g.child == person and guards(g, at) for g in guardianships)


def guards(guardianship: Guardianship, at: datetime) -> bool:
    """Whether a guardianship is in force."""
    return guardianship.ended_at is None and guardianship.since <= at < guardianship.until


def of_age(born: date) -> date:
    """The day on which a child comes of age: the 18th birthday (民法 4条); 29 February counts as 1 March."""
    try:
        return born.replace(year=born.year + 18)
    except ValueError:
        return date(born.year + 18, 3, 1)


def _as_person(asked: Disclosure, evidence: Evidence) -> Decision | None:
    if asked.recipient == asked.person:
        return _allowed(Ground.PERSON, "", "it is the person's own data")
    for one in evidence.guardianships:
        if one.guardian == asked.recipient and one.child == asked.person and guards(one, asked.at):
            return _allowed(Ground.GUARDIAN, one.id, "the recipient is the person's guardian")
    return None


def _by_consent(asked: Disclosure, evidence: Evidence) -> Decision | None:
    for one in evidence.consents:
        if _fits(one, asked) and one.person == asked.person and _in_force(one, asked):
            return _allowed(Ground.CONSENT, one.id, "the person has consented")
    return None


def _in_force(consent: Consent, asked: Disclosure) -> bool:
    in_time = consent.since <= asked.at < consent.until
    return consent.withdrawn_at is None and in_time and (consent.sensitive or not asked.sensitive)


def _by_ground(asked: Disclosure, evidence: Evidence) -> Decision | None:
    for one in evidence.grounds:
        in_time = one.since <= asked.at and (one.until is None or asked.at < one.until)
        if not (_fits(one, asked) and in_time and one.revoked_at is None and one.ground in REGISTERED):
            continue
        if not asked.sensitive or (one.ground is Ground.LAW and one.sensitive):
            return _allowed(one.ground, one.id, f"the municipality has registered the ground {one.ground}")
    return None


def _by_emergency(asked: Disclosure, evidence: Evidence) -> Decision | None:
    for one in evidence.emergencies:
        theirs = one.officer == asked.by and one.person == asked.person and asked.category in one.categories
        if theirs and one.ended_at is None and one.since <= asked.at < one.until and not asked.sensitive:
            return _allowed(Ground.EMERGENCY, one.id, "an emergency access of this officer is in force")
    return None


def _fits(one: Consent | LegalGround, asked: Disclosure) -> bool:
    return (one.recipient, one.category, one.purpose) == (asked.recipient, asked.category, asked.purpose)


def _allowed(ground: Ground, basis: str, why: str) -> Decision:
    return Decision(True, ground, basis, why, why)


def _refused(asked: Disclosure, why: str) -> Decision:
    explanation = (
        f"there is no consent of the person to give {asked.category} to {asked.recipient} for {asked.purpose}, and no"
        " other ground of the act"
    )
    return Decision(False, None, "", explanation, why)


def _shortfall(asked: Disclosure, evidence: Evidence) -> str:
    """The nearest thing to a ground, and what it lacked: for the register that staff and the person read."""
    mine = [one for one in evidence.consents if _fits(one, asked) and one.person == asked.person]
    if any(one.withdrawn_at is not None for one in mine):
        return "the consent was withdrawn"
    if any(asked.at >= one.until for one in mine):
        return "the consent has run out"
    if any(asked.at < one.since for one in mine):
        return "the consent does not begin yet"
    if mine:
        return "the consent does not name 要配慮個人情報"
    if any(one.officer == asked.by for one in evidence.emergencies):
        return "the emergency access has ended or does not cover this"
    return "there is neither consent nor another ground"
