"""Who may do what with which data: one pure decision, asked by the gateway, the streams and the notifier alike.

A policy is data with a version. Its rules are tried in order and the first that matches decides; where none
matches the answer is no. Two things no rule can grant: what belongs to another tenant than the caller's own,
and whatever a rule marks as concealed, of which a stranger is not even told that it exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec

from access.delegation import view_of
from access.places import Place, Shapes, place_in, shapes_of_areas


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


READINGS = "service:readings"
"""What registered devices publish. The registry lets each publish as itself; a policy may forbid it (`may_publish`)."""

ANYONE = Subject()
"""The caller without a token."""


class Device(NamedTuple):
    """A device as rules name it."""

    id: str
    family: str = ""


class Resource(NamedTuple):
    """What is asked for: an entity type of a tenant, or one attribute of it, or a service (``service:devices``).

    `place` is where the entity lies. Without one the question is about all of the type, wherever it lies: a rule that
    allows something in an area does not answer that, and one that refuses something in an area does. `device` is the
    device that a command is for, or that a reading comes from; without one it is about all of them, in the same way.
    """

    tenant: str
    type: str
    attribute: str | None = None
    place: Place | None = None
    device: Device | None = None


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
    areas: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()

    def matches(self, subject: Subject, action: Action, resource: Resource) -> bool:
        """Whether this rule decides the question."""
        return (
            action in self.actions
            and (resource.type in self.types or ("*" in self.types and not resource.type.startswith("service:")))
            and (not self.attributes or resource.attribute in self.attributes)
            and (not (self.scopes or self.roles) or bool(self.scopes & subject.scopes or self.roles & subject.roles))
            and (not self.areas or self._there(resource.place))
            and (not self.devices or self._about(resource.device))
        )

    def _there(self, place: Place | None) -> bool:
        if place is None:
            return not self.allow
        return not self.areas.isdisjoint(place.inside if self.allow else place.touched)

    def _about(self, device: Device | None) -> bool:
        if device is None:
            return not self.allow
        return any(
            name in (device.id, f"family:{device.family}") or (name[-1] == "*" and device.id.startswith(name[:-1]))
            for name in self.devices
        )


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A versioned list of rules. `areas` are the places that they name: polygons in GeoJSON."""

    version: str
    rules: tuple[Rule, ...]
    areas: dict[str, dict[str, Any]] = {}

    @cached_property
    def somewhere(self) -> Place:
        """The place of which something is allowed as soon as it is allowed anywhere."""
        return Place(frozenset(self.areas), frozenset())

    @cached_property
    def _shapes(self) -> Shapes:
        return shapes_of_areas(self.areas)

    @cached_property
    def _placed(self) -> dict[Action, frozenset[str]]:
        return {
            action: frozenset().union(*(rule.types for rule in self.rules if rule.areas and action in rule.actions))
            for action in Action
        }

    def asks_where(self, action: Action, types: Iterable[str]) -> bool:
        """Whether it makes a difference to this action where entities of these types lie."""
        placed = self._placed[action]
        return "*" in placed or not placed.isdisjoint(types)

    def place_of(self, location: Any) -> Place | None:
        """Where an entity with this ``location`` lies; None for what is no location: that could be anywhere."""
        return place_in(self._shapes, location)

    @cached_property
    def entity_types(self) -> frozenset[str]:
        """The entity types that rules name."""
        return frozenset(name for rule in self.rules for name in rule.types if _of_entities(name))

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


def _of_entities(name: str) -> bool:
    return name != "*" and not name.startswith("service:")


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
    return Decision(False, "default", _what_would_help(policy, subject, action, resource))


def may_publish(policy: Policy, tenant: str, device: Device) -> Decision:
    """Whether a registered device may publish. The registry says so already: the policy is asked whether it forbids it,
    and where it says nothing the answer is yes."""
    subject, asked = Subject("device", device.id, tenant), Resource(tenant, READINGS, device=device)
    decision = decide(policy, subject, Action.WRITE, asked)
    return decision._replace(allowed=True) if decision.rule == "default" else decision


def _what_would_help(policy: Policy, subject: Subject, action: Action, resource: Resource) -> str:
    elsewhere = resource._replace(place=policy.somewhere)
    if areas := sorted(
        area
        for rule in policy.about(action, resource.type)
        if rule.allow and rule.areas and rule.matches(subject, action, elsewhere)
        for area in rule.areas
    ):
        return f"this caller may {action} {resource.type} only where it lies in {' or '.join(areas)}"
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


def readable(policy: Policy, subject: Subject, tenant: str, place: Place | None = None) -> Readable:
    """The entity types that `subject` may read in `tenant`, for filtering a query before it runs: wherever they lie, or
    at `place`."""
    named = policy.entity_types
    allowed = {
        name for name in named if decide(policy, subject, Action.READ, Resource(tenant, name, place=place)).allowed
    }
    if decide(policy, subject, Action.READ, Resource(tenant, "*", place=place)).allowed:
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
    """The types of which `subject` may find entities by what the query asks: what is hidden finds nothing.

    Of some of them only those that lie in certain places: `access.reach.reaches` says which and where.
    """
    seen = readable(policy, subject, tenant, policy.somewhere)
    hidden = hidden_by_type(policy, subject, tenant)
    barred = frozenset(name for name, unseen in hidden.items() if asks.touches(unseen))
    if seen.only is not None:
        return Readable(seen.only - barred, frozenset())
    if "*" in barred:
        return Readable(frozenset(hidden) - barred - seen.never, frozenset())
    return Readable(None, seen.never | barred)


def hidden_by_type(policy: Policy, subject: Subject, tenant: str) -> dict[str, frozenset[str]]:
    """`hidden_attributes` of every type that the policy names, and under ``*`` of all others: to be taken along."""
    return {name: hidden_attributes(policy, subject, tenant, name) for name in sorted(policy.entity_types | {"*"})}


def hidden_attributes(policy: Policy, subject: Subject, tenant: str, type_: str) -> frozenset[str]:
    """The attributes of `type_` that `subject` may not read though it may read the entity, wherever that lies."""
    named = {name for rule in policy.about(Action.READ, type_) for name in rule.attributes}
    questions = {name: Resource(tenant, type_, name) for name in named}
    return frozenset(
        n for n, question in questions.items() if not decide(policy, subject, Action.READ, question).allowed
    )


def access_in(policy: Policy, subject: Subject, tenant: str) -> dict[str, Any]:
    """What `subject` may see of `tenant`, as a subscription carries it; where, is asked when it fires."""
    visible = readable(policy, subject, tenant, policy.somewhere)
    return {
        "only": None if visible.only is None else sorted(visible.only),
        "never": sorted(visible.never),
        "hidden": {name: sorted(unseen) for name, unseen in hidden_by_type(policy, subject, tenant).items() if unseen},
    }
