"""Policies and their tests as plain data, so that a municipality can keep both under version control."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from access.defaults import SCOPES
from access.places import check_areas
from access.policy import READINGS, Action, Device, Policy, Resource, Rule, Subject, decide

_PLACED = frozenset({Action.READ, Action.WRITE})
_SCOPE = re.compile(r"(/([\w\-]+|\+))*/([\w\-]+|\+|#)")
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_SUBJECT = re.compile(r"(app|person):[^\s:]\S*")
_OF_DEVICES = {"service:devices": Action.COMMAND, "service:chargers": Action.COMMAND, READINGS: Action.WRITE}
"""What is asked about single devices."""


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question to a policy and the answer expected. `rule`, where given, is the rule that must decide.

    `asker` is anyone, app, person or device; `subject` is its id, `client` the app that a person uses, and its tenant
    the data's own where none is given; `purpose` is what it states. `location` is where the entity lies (a GeoJSON
    geometry) and `scope` its scopes: without either the question is about all of them, wherever they lie. `device` and
    `family`: which device a command is for, or publishes.
    """

    name: str
    action: Action
    type: str
    allowed: bool
    asker: str = "anyone"
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    tenant: str = "fukui"
    asker_tenant: str | None = None
    subject: str = "test"
    client: str = ""
    purpose: str = ""
    attribute: str | None = None
    location: dict[str, Any] | None = None
    scope: str | list[str] | None = None
    device: str | None = None
    family: str = ""
    rule: str | None = None


class Failure(NamedTuple):
    """A case that came out otherwise."""

    name: str
    expected: str
    got: str


def parse_policy(data: Any) -> Policy:
    """The policy in plain data. Raises ValueError naming the place that is wrong."""
    try:
        policy = msgspec.convert(data, Policy)
    except msgspec.ValidationError as error:
        raise ValueError(f"the policy is wrong: {error}") from error
    names = [rule.name for rule in policy.rules]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two rules have the name {', '.join(twice)}: a refusal must name one")
    asked = {scope for rule in policy.rules for scope in rule.scopes}
    if unknown := sorted(asked - SCOPES.keys()):
        raise ValueError(f"there is no scope {', '.join(unknown)}; nobody could hold it")
    check_areas(policy.areas)
    if strange := sorted(name for name in policy.purposes if not _PURPOSE.fullmatch(name)):
        raise ValueError(f"purposes: {strange[0]!r} is not a name of small letters, digits and hyphens")
    for rule in policy.rules:
        if fault := _fault_of(rule, policy):
            raise ValueError(f"the rule {rule.name} {fault}")
    return policy


def _fault_of(rule: Rule, policy: Policy) -> str | None:
    """What is wrong with what a rule says of places, purposes and devices: nobody would ask it so."""
    if unknown := sorted(rule.areas - policy.areas.keys()):
        return f"speaks of {', '.join(unknown)}, which is not among the areas"
    if strange := sorted(name for name in rule.entity_scopes if not _SCOPE.fullmatch(name)):
        return f"speaks of the entity scope {strange[0]!r}: it is like /Fukui/River, /Fukui/+ or /Fukui/#"
    about = "areas" if rule.areas else "entity scopes"
    if rule.placed and (rule.attributes or any(name.startswith("service:") for name in rule.types)):
        return f"speaks of {about}: it must speak of whole entities, not of attributes or services"
    if rule.placed and not rule.actions <= _PLACED:
        return f"speaks of {about}: these limit who may read and write, so its actions are among read and write"
    if unknown := sorted(name for name in rule.purposes if not policy.knows_purpose(name)):
        return f"speaks of the purpose {unknown[0]!r}, which is neither among the purposes nor one of personal data"
    if rule.purposes and not rule.allow:
        return "refuses by purpose: whoever states none would pass it; allow the purposes wanted and refuse the rest"
    if strange := sorted(name for name in rule.subjects if not _SUBJECT.fullmatch(name)):
        return f"speaks of {strange[0]!r}: a subject is app:ID (its client_id) or person:ID"
    if "" in rule.devices:
        return "names a device of no name"
    if rule.devices and any({_OF_DEVICES.get(name)} != rule.actions for name in rule.types):
        return (
            "speaks of devices: these limit commands (action command, type service:devices or service:chargers) and"
            " what devices publish (action write, type service:readings)"
        )
    return None


def plain(policy: Policy) -> dict[str, Any]:
    """The policy as plain data with its lists in order: what `parse_policy` reads."""
    made: dict[str, Any] = msgspec.to_builtins(policy, order="deterministic")
    return made


def parse_cases(data: Any) -> list[Case]:
    """Test cases in plain data. Raises ValueError naming the place that is wrong."""
    try:
        return msgspec.convert(data, list[Case])
    except msgspec.ValidationError as error:
        raise ValueError(f"the cases are wrong: {error}") from error


def run_cases(policy: Policy, cases: list[Case]) -> list[Failure]:
    """The cases that come out otherwise than expected."""
    return [failure for case in cases if (failure := _run(policy, case)) is not None]


def _run(policy: Policy, case: Case) -> Failure | None:
    subject = Subject(purpose=case.purpose)
    if case.asker != "anyone":
        tenant, held = case.asker_tenant or case.tenant, (case.scopes, case.roles)
        subject = Subject(case.asker, case.subject, tenant, *held, case.client, case.purpose)  # type: ignore[arg-type]
    place = None
    if case.location is not None or case.scope is not None:
        located = {} if case.location is None else {"location": {"type": "GeoProperty", "value": case.location}}
        place = policy.place_of({**located, "scope": case.scope})
    device = None if case.device is None else Device(case.device, case.family)
    asked = Resource(case.tenant, case.type, case.attribute, place, device)
    got = decide(policy, subject, case.action, asked)
    if got.allowed == case.allowed and case.rule in (None, got.rule):
        return None
    return Failure(case.name, _said(case.allowed, case.rule), _said(got.allowed, got.rule))


def _said(allowed: bool, rule: str | None) -> str:
    return f"{'allowed' if allowed else 'refused'}{f' by {rule}' if rule else ''}"
