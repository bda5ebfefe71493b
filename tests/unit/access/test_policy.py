"""The policy's decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.defaults import DEFAULT_POLICY, OPEN_TYPES, PERSONAL_TYPES, SCOPES
from access.policy import ANYONE, Action, Policy, Resource, Rule, Subject, decide
from access.seeing import Asks, Readable, askable, hidden_attributes, readable


def app(*scopes: str, tenant: str = "fukui") -> Subject:
    return Subject("app", "fukui.app", tenant, frozenset(scopes))


@pytest.mark.parametrize(
    ("subject", "action", "type_", "allowed", "rule"),
    [
        (ANYONE, Action.READ, "WaterObserved", True, "open-data"),
        (ANYONE, Action.READ, "ShelterStock", False, "default"),
        (ANYONE, Action.WRITE, "WaterObserved", False, "default"),
        (app("entities:read"), Action.READ, "ShelterStock", True, "read-by-scope"),
        (app("entities:write"), Action.READ, "ShelterStock", False, "default"),
        (app("entities:write"), Action.WRITE, "ShelterStock", True, "write-by-scope"),
        (app("entities:write"), Action.WRITE, "Alert", False, "assessments-are-made-by-alerting"),
        (app("alerts:write"), Action.WRITE, "Alert", True, "assessments-by-scope"),
        (app(*SCOPES), Action.READ, "Person", False, "personal-data"),
        (app(*SCOPES), Action.WRITE, "DeviceMeasurement", False, "personal-data-is-written-by-services"),
        (app(*SCOPES), Action.COMMAND, "Gate", False, "default"),
        (ANYONE, Action.READ, "service:devices", False, "default"),
        (app("entities:read", "entities:write"), Action.READ, "service:devices", False, "default"),
        (app("devices:read"), Action.READ, "service:devices", True, "service-devices-read"),
        (app("rules:read"), Action.WRITE, "service:rules", False, "default"),
        (app(*SCOPES, tenant="neighbour"), Action.READ, "WaterObserved", False, "own-tenant"),
    ],
)
def test_decisions(subject: Subject, action: Action, type_: str, allowed: bool, rule: str) -> None:
    decision = decide(DEFAULT_POLICY, subject, action, Resource("fukui", type_))
    assert (decision.allowed, decision.rule) == (allowed, rule)
    assert decision.explanation


def test_a_no_says_which_scope_would_help() -> None:
    decision = decide(DEFAULT_POLICY, ANYONE, Action.WRITE, Resource("fukui", "WaterObserved"))
    assert decision.explanation == "to write WaterObserved a token needs the scope entities:write"


def test_personal_data_is_concealed() -> None:
    assert all(decide(DEFAULT_POLICY, ANYONE, Action.READ, Resource("fukui", t)).conceal for t in PERSONAL_TYPES)


def test_what_a_stranger_may_read_is_the_open_data() -> None:
    assert readable(DEFAULT_POLICY, ANYONE, "fukui") == Readable(OPEN_TYPES, frozenset())


def test_what_a_reader_may_read_is_everything_but_personal_data() -> None:
    assert readable(DEFAULT_POLICY, app("entities:read"), "fukui") == Readable(None, PERSONAL_TYPES)
    assert readable(DEFAULT_POLICY, app("entities:read"), "neighbour") == Readable(frozenset(), frozenset())


def test_nobody_finds_entities_by_what_is_hidden_from_them() -> None:
    asked = Asks(frozenset({"suspectStage"}))
    barred = askable(DEFAULT_POLICY, ANYONE, "fukui", asked)
    assert barred.only == OPEN_TYPES - {"FloodMonitoring"}
    assert "FloodMonitoring" in askable(DEFAULT_POLICY, app("entities:read"), "fukui", asked).never
    assert (
        askable(DEFAULT_POLICY, app("flood:staff"), "fukui", asked).only
        == readable(DEFAULT_POLICY, app("flood:staff"), "fukui").only
    )
    one_of = Asks(some=(frozenset({"suspectStage", "stage"}),))
    assert askable(DEFAULT_POLICY, ANYONE, "fukui", one_of) == readable(DEFAULT_POLICY, ANYONE, "fukui")


def test_attributes_for_staff() -> None:
    assert hidden_attributes(DEFAULT_POLICY, ANYONE, "fukui", "FloodMonitoring") == {"suspectStage"}
    assert hidden_attributes(DEFAULT_POLICY, app("flood:staff"), "fukui", "FloodMonitoring") == frozenset()
    assert hidden_attributes(DEFAULT_POLICY, ANYONE, "fukui", "WaterObserved") == frozenset()


def test_open_and_personal_do_not_overlap() -> None:
    assert OPEN_TYPES.isdisjoint(PERSONAL_TYPES)


_TYPES = st.sampled_from(["*", "A", "B", "service:a", "service:b"])
_SCOPES = st.frozensets(st.sampled_from(["x", "y"]), max_size=2)
_RULES = st.builds(
    Rule,
    name=st.text("abc", min_size=1, max_size=3),
    explanation=st.just("because"),
    allow=st.booleans(),
    actions=st.frozensets(st.sampled_from(Action), min_size=1),
    types=st.frozensets(_TYPES, min_size=1, max_size=3),
    attributes=st.frozensets(st.sampled_from(["p", "q"]), max_size=1),
    scopes=_SCOPES,
)


@given(
    rules=st.lists(_RULES, max_size=8),
    scopes=_SCOPES,
    action=st.sampled_from(Action),
    type_=st.sampled_from(["A", "B", "C", "service:a", "service:c"]),
    attribute=st.sampled_from([None, "p", "q"]),
)
def test_the_first_rule_that_matches_decides(
    rules: list[Rule], scopes: frozenset[str], action: Action, type_: str, attribute: str | None
) -> None:
    resource = Resource("fukui", type_, attribute)
    subject = Subject("app", "fukui.app", "fukui", scopes)
    first = next((rule for rule in rules if rule.matches(subject, action, resource)), None)
    got = decide(Policy(version="1", rules=tuple(rules)), subject, action, resource)
    assert (got.allowed, got.rule) == ((first.allow, first.name) if first else (False, "default"))


def test_rules_name_single_apps_persons_and_roles() -> None:
    def rule(name: str, **who: frozenset[str]) -> Rule:
        return Rule(name=name, explanation="x", allow=True, actions=frozenset(Action), types=frozenset({"Dam"}), **who)

    rules = (
        rule("app", subjects=frozenset({"app:fukui.app"})),
        rule("person", subjects=frozenset({"person:p1"})),
        rule("role", roles=frozenset({"auditor"})),
    )
    policy = Policy(version="1", rules=rules)
    for subject, rule in (
        (app(), "app"),
        (Subject("person", "p2", "fukui", client="fukui.app"), "app"),
        (Subject("person", "p1", "fukui", client="fukui.other"), "person"),
        (Subject("person", "p2", "fukui", roles=frozenset({"auditor"}), client="fukui.other"), "role"),
        (Subject("app", "p1", "fukui", client="p1"), "default"),
        (ANYONE, "default"),
    ):
        assert decide(policy, subject, Action.READ, Resource("fukui", "Dam")).rule == rule


def test_what_rules_say_of_attributes_is_known_by_action_and_type() -> None:
    assert DEFAULT_POLICY.named(Action.READ, "FloodMonitoring") == {"suspectStage"}
    assert not DEFAULT_POLICY.named(Action.WRITE, "FloodMonitoring")
    every = Rule(name="x", explanation="x", allow=False, actions=frozenset({Action.WRITE}), types=frozenset({"*"}),
                 attributes=frozenset({"zero"}))  # fmt: skip
    policy = Policy(version="1", rules=(every, *DEFAULT_POLICY.rules))
    assert policy.named(Action.WRITE, "FloodMonitoring") == policy.named(Action.WRITE, "NobodyNamesThis") == {"zero"}
