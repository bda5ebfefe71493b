"""The policy's decisions."""

from __future__ import annotations

import pytest

from access.defaults import DEFAULT_POLICY, OPEN_TYPES, PERSONAL_TYPES, SCOPES
from access.policy import ANYONE, Action, Readable, Resource, Subject, decide, hidden_attributes, readable


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
        (app(*SCOPES), Action.WRITE, "DeviceMeasurement", False, "personal-data"),
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


def test_attributes_for_staff() -> None:
    assert hidden_attributes(DEFAULT_POLICY, ANYONE, "fukui", "FloodMonitoring") == {"suspectStage"}
    assert hidden_attributes(DEFAULT_POLICY, app("flood:staff"), "fukui", "FloodMonitoring") == frozenset()
    assert hidden_attributes(DEFAULT_POLICY, ANYONE, "fukui", "WaterObserved") == frozenset()


def test_open_and_personal_do_not_overlap() -> None:
    assert OPEN_TYPES.isdisjoint(PERSONAL_TYPES)
