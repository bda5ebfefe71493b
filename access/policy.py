"""Who may do what with which data: one pure decision, asked by the gateway, the streams and the notifier alike.

A policy is data with a version. Its rules are tried in order and the first that matches decides; where none
matches the answer is no. Two things no rule can grant: what belongs to another tenant than the caller's own,
and whatever a rule marks as concealed, of which a stranger is not even told that it exists.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec

from access.delegation import view_of


class Action(StrEnum):
    """What somebody wants to do."""

    READ = "read"
    WRITE = "write"
    COMMAND = "command"


class Subject(NamedTuple):
    """Who asks: anyone, an app, a person or a device, bound to at most one tenant, with what was granted to it.

    `client` is the app that speaks: the subject itself, or the app that a person uses.
    """

    kind: Literal["anyone", "app", "person", "device"] = "anyone"
    id: str = ""
    tenant: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    client: str = ""


ANYONE = Subject()
"""The caller without a token."""


class Resource(NamedTuple):
    """What is asked for: an entity type of a tenant, or one attribute of it, or a service (``service:devices``)."""

    tenant: str
    type: str
    attribute: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a policy.

    `types` are entity types, or services as ``service:NAME``; ``*`` is every entity type and no service. An
    empty `attributes` speaks of whole entities and all attributes; otherwise only of those named. An empty
    `scopes` and `roles` speaks of everybody; otherwise of who holds at least one of them.
    """

    name: str
    explanation: str
    allow: bool
    actions: frozenset[Action]
    types: frozenset[str]
    attributes: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    conceal: bool = False

    def matches(self, subject: Subject, action: Action, resource: Resource) -> bool:
        """Whether this rule decides the question."""
        return (
            action in self.actions
            and (resource.type in self.types or ("*" in self.types and not resource.type.startswith("service:")))
            and (not self.attributes or resource.attribute in self.attributes)
            and (not (self.scopes or self.roles) or bool(self.scopes & subject.scopes or self.roles & subject.roles))
        )


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A versioned list of rules."""

    version: str
    rules: tuple[Rule, ...]

    def about(self, action: Action, type_: str) -> tuple[Rule, ...]:
        """The rules that speak of this action on this type, in order: all that can decide about it."""
        found = self._named.get((action, type_))
        if found is None:
            found = () if type_.startswith("service:") else self._named.get((action, "*"), ())
        return found

    @cached_property
    def _named(self) -> dict[tuple[Action, str], tuple[Rule, ...]]:
        """By action and type, with the rules for every entity type among those for each; ``*``: types no rule names."""
        names = {"*"}.union(*(rule.types for rule in self.rules))
        found: dict[tuple[Action, str], list[Rule]] = {}
        for rule in self.rules:
            every = {name for name in names if not name.startswith("service:")} if "*" in rule.types else frozenset()
            for name in every | rule.types:
                for action in rule.actions:
                    found.setdefault((action, name), []).append(rule)
        return {question: tuple(rules) for question, rules in found.items()}


class Decision(NamedTuple):
    """Yes or no, which rule said so, and why, in words for whoever asked. `conceal`: do not admit that it exists."""

    allowed: bool
    rule: str
    explanation: str
    conceal: bool = False


class Readable(NamedTuple):
    """The entity types a subject may read: all but `never`, or, where `only` is set, none but those."""

    only: frozenset[str] | None
    never: frozenset[str]


def decide(policy: Policy, subject: Subject, action: Action, resource: Resource) -> Decision:
    """Whether `subject` may. Pure: the same question to the same policy always has the same answer.

    Of another city's data by delegation, only entities can be read; which of them, the database holds to.
    """
    giver, reader = view_of(resource.tenant)
    if reader is not None:
        if action is not Action.READ or resource.type.startswith("service:"):
            why = f"the token is bound to the tenant {reader!r} and in {giver!r} reads only entities delegated to it"
            return Decision(False, "delegation", why)
        resource = resource._replace(tenant=reader)
    if subject.tenant is not None and subject.tenant != resource.tenant:
        return Decision(False, "own-tenant", f"this caller belongs to the tenant {subject.tenant!r}")
    for rule in policy.about(action, resource.type):
        if rule.matches(subject, action, resource):
            return Decision(rule.allow, rule.name, rule.explanation, rule.conceal)
    return Decision(False, "default", _what_would_help(policy, action, resource))


def _what_would_help(policy: Policy, action: Action, resource: Resource) -> str:
    scopes = sorted(
        scope
        for rule in policy.about(action, resource.type)
        if rule.allow
        for scope in rule.scopes
        if rule.matches(Subject(scopes=frozenset({scope})), action, resource)
    )
    if not scopes:
        return f"no rule allows anybody to {action} {resource.type}"
    return f"to {action} {resource.type} a token needs the scope {' or '.join(scopes)}"


def readable(policy: Policy, subject: Subject, tenant: str) -> Readable:
    """The entity types that `subject` may read in `tenant`, for filtering a query before it runs."""
    named = {name for rule in policy.rules for name in rule.types if name != "*" and ":" not in name}
    allowed = {name for name in named if decide(policy, subject, Action.READ, Resource(tenant, name)).allowed}
    if decide(policy, subject, Action.READ, Resource(tenant, "*")).allowed:
        return Readable(None, frozenset(named - allowed))
    return Readable(frozenset(allowed), frozenset())


class Asks(NamedTuple):
    """The attributes that a query is about: `every` one of these, and of each set in `some` at least one."""

    every: frozenset[str] = frozenset()
    some: tuple[frozenset[str], ...] = ()

    def touches(self, hidden: frozenset[str]) -> bool:
        """Whether an answer would tell of `hidden` attributes."""
        return not self.every.isdisjoint(hidden) or any(names and names <= hidden for names in self.some)


def askable(policy: Policy, subject: Subject, tenant: str, asks: Asks) -> Readable:
    """The types of which `subject` may find entities by what the query asks: what is hidden finds nothing."""
    seen = readable(policy, subject, tenant)
    hidden = hidden_by_type(policy, subject, tenant)
    barred = frozenset(name for name, unseen in hidden.items() if asks.touches(unseen))
    if seen.only is not None:
        return Readable(seen.only - barred, frozenset())
    if "*" in barred:
        return Readable(frozenset(hidden) - barred - seen.never, frozenset())
    return Readable(None, seen.never | barred)


def hidden_by_type(policy: Policy, subject: Subject, tenant: str) -> dict[str, frozenset[str]]:
    """`hidden_attributes` of every type that the policy names, and under ``*`` of all others: to be taken along."""
    named = {name for rule in policy.rules for name in rule.types if ":" not in name} | {"*"}
    return {name: hidden_attributes(policy, subject, tenant, name) for name in sorted(named)}


def hidden_attributes(policy: Policy, subject: Subject, tenant: str, type_: str) -> frozenset[str]:
    """The attributes of `type_` that `subject` may not read though it may read the entity."""
    named = {name for rule in policy.rules for name in rule.attributes}
    questions = {name: Resource(tenant, type_, name) for name in named}
    return frozenset(
        n for n, question in questions.items() if not decide(policy, subject, Action.READ, question).allowed
    )


def access_in(policy: Policy, subject: Subject, tenant: str) -> dict[str, Any]:
    """What `subject` may see of `tenant`, as a subscription carries it."""
    visible = readable(policy, subject, tenant)
    return {
        "only": None if visible.only is None else sorted(visible.only),
        "never": sorted(visible.never),
        "hidden": {name: sorted(unseen) for name, unseen in hidden_by_type(policy, subject, tenant).items() if unseen},
    }
