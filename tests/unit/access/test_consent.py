"""When personal data may be disclosed: properties that hold for any evidence, and the cases a law clerk asks about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.consent import (
    REGISTERED,
    Consent,
    Disclosure,
    Emergency,
    Evidence,
    Ground,
    Guardianship,
    LegalGround,
    decide,
    guards,
    may_act_for,
    of_age,
)

NOON = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
_PEOPLE = st.sampled_from(["hanako", "taro", "app", "officer"])
_CATEGORIES = st.sampled_from(["location", "rides", "health"])
_PURPOSES = st.sampled_from(["family-watch", "ride-booking"])
_TIMES = st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours))
_MAYBE = st.none() | _TIMES

_ASKED = st.builds(
    Disclosure,
    tenant=st.just("fukui"),
    person=_PEOPLE,
    recipient=_PEOPLE,
    category=_CATEGORIES,
    purpose=_PURPOSES,
    at=_TIMES,
    sensitive=st.booleans(),
    by=_PEOPLE | st.just(""),
)
_CONSENT = st.builds(
    Consent, id=st.just("c"), person=_PEOPLE, recipient=_PEOPLE, category=_CATEGORIES, purpose=_PURPOSES, since=_TIMES,
    until=_TIMES, sensitive=st.booleans(), withdrawn_at=_MAYBE,
)  # fmt: skip
_GUARDIANSHIP = st.builds(
    Guardianship, id=st.just("g"), guardian=_PEOPLE, child=_PEOPLE, since=_TIMES, until=_TIMES, ended_at=_MAYBE
)
_GROUND = st.builds(
    LegalGround, id=st.just("l"), ground=st.sampled_from(Ground), recipient=_PEOPLE, category=_CATEGORIES,
    purpose=_PURPOSES, since=_TIMES, until=_MAYBE, sensitive=st.booleans(), revoked_at=_MAYBE,
)  # fmt: skip
_EMERGENCY = st.builds(
    Emergency, id=st.just("e"), officer=_PEOPLE, person=_PEOPLE, categories=st.tuples(_CATEGORIES), since=_TIMES,
    until=_TIMES, ended_at=_MAYBE,
)  # fmt: skip


def _few(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=4).map(tuple)


_EVIDENCE = st.builds(
    Evidence, st.just("fukui"), _few(_CONSENT), _few(_GUARDIANSHIP), _few(_GROUND), _few(_EMERGENCY)
)  # fmt: skip


@dataclass(frozen=True)
class Basis:
    """The record that a decision names, found again by what it must fit."""

    asked: Disclosure
    evidence: Evidence

    @property
    def special(self) -> bool:
        return self.asked.sensitive or self.asked.category == "health"

    def consents(self) -> bool:
        return any(
            one.withdrawn_at is None
            and one.since <= self.asked.at < one.until
            and (one.sensitive or not self.special)
            and (one.person, one.recipient, one.category, one.purpose)
            == (self.asked.person, self.asked.recipient, self.asked.category, self.asked.purpose)
            for one in self.evidence.consents
        )


@given(_ASKED, _EVIDENCE)
def test_an_allowed_disclosure_rests_on_something_in_force(asked: Disclosure, evidence: Evidence) -> None:
    decision = decide(asked, evidence)
    if not decision.allowed:
        assert decision.ground is None
        assert asked.recipient != asked.person
        assert not Basis(asked, evidence).consents()
        return
    special = Basis(asked, evidence).special
    match decision.ground:
        case Ground.PERSON:
            assert asked.recipient == asked.person
        case Ground.GUARDIAN:
            assert any(guards(g, asked.at) and g.child == asked.person for g in evidence.guardianships)
        case Ground.CONSENT:
            assert Basis(asked, evidence).consents()
        case Ground.EMERGENCY:
            assert not special
            assert any(e.officer == asked.by and asked.at < e.until for e in evidence.emergencies)
        case other:
            assert other in REGISTERED
            assert other is Ground.LAW or not special


@given(_ASKED, _EVIDENCE)
def test_taking_everything_back_leaves_only_the_person_themself(asked: Disclosure, evidence: Evidence) -> None:
    ended = Evidence(
        "fukui",
        tuple(msgspec.structs.replace(one, withdrawn_at=asked.at + timedelta(days=1)) for one in evidence.consents),
        tuple(msgspec.structs.replace(one, ended_at=NOON) for one in evidence.guardianships),
        tuple(msgspec.structs.replace(one, revoked_at=NOON) for one in evidence.grounds),
        tuple(msgspec.structs.replace(one, ended_at=NOON) for one in evidence.emergencies),
    )
    assert decide(asked, ended).allowed == (asked.recipient == asked.person)


@given(_ASKED, _EVIDENCE)
def test_a_neighbours_evidence_is_worth_nothing(asked: Disclosure, evidence: Evidence) -> None:
    assert not decide(asked, evidence._replace(tenant="neighbour")).allowed


@given(_ASKED, _EVIDENCE)
def test_a_refusal_tells_nothing_about_the_person(asked: Disclosure, evidence: Evidence) -> None:
    decision = decide(asked, evidence)
    if not decision.allowed:
        assert decision.explanation == decide(asked, Evidence("fukui")).explanation
        assert asked.person not in decision.explanation.replace(asked.recipient, "")


def _asked(**change: object) -> Disclosure:
    said = {"tenant": "fukui", "person": "hanako", "recipient": "app", "category": "rides", "purpose": "ride-booking"}
    return Disclosure(**{**said, "at": NOON, **change})  # type: ignore[arg-type]


def _consent(**change: object) -> Consent:
    said = {"id": "c1", "person": "hanako", "recipient": "app", "category": "rides", "purpose": "ride-booking"}
    times = {"since": NOON - timedelta(days=1), "until": NOON + timedelta(days=1)}
    return Consent(**{**said, **times, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("consent", "why"),
    [
        (_consent(withdrawn_at=NOON - timedelta(hours=1)), "withdrawn"),
        (_consent(until=NOON), "run out"),
        (_consent(since=NOON + timedelta(seconds=1), until=NOON + timedelta(days=1)), "does not begin"),
        (_consent(recipient="another"), "neither"),
    ],
)
def test_the_register_says_what_was_lacking(consent: Consent, why: str) -> None:
    decision = decide(_asked(), Evidence("fukui", (consent,)))
    assert not decision.allowed
    assert why in decision.why


def test_health_needs_a_consent_that_names_it_even_where_nobody_flags_it() -> None:
    asked = _asked(category="health")
    plain = _consent(category="health")
    assert "要配慮" in decide(asked, Evidence("fukui", (plain,))).why
    assert decide(asked, Evidence("fukui", (msgspec.structs.replace(plain, sensitive=True),))).allowed


def test_a_guardian_stands_for_a_child_until_the_day_it_comes_of_age() -> None:
    assert of_age(date(2010, 4, 2)) == date(2028, 4, 2)
    assert of_age(date(2008, 2, 29)) == date(2026, 3, 1)
    link = Guardianship(id="g", guardian="hanako", child="taro", since=NOON - timedelta(days=1), until=NOON)
    assert may_act_for("hanako", "taro", (link,), NOON - timedelta(seconds=1))
    assert not may_act_for("hanako", "taro", (link,), NOON)
    assert not may_act_for("taro", "hanako", (link,), NOON - timedelta(seconds=1))
