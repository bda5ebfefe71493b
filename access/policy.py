"""Who may do what with which data: one pure decision, asked by the gateway, the streams and the notifier alike.

A policy is data with a version. Its rules are tried in order and the first that matches decides; where none
matches the answer is no. Two things no rule can grant: what belongs to another tenant than the caller's own,
and whatever a rule marks as concealed, of which a stranger is not even told that it exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec

from access.delegation import view_of
from access.personal import PURPOSES
from access.places import Place, Shapes, place_in, shapes_of_areas
from access.topics import matches


class Action(StrEnum):
    """What somebody wants to do."""

    READ = "read"
    WRITE = "write"
    COMMAND = "command"


class Subject(NamedTuple):
    """Who asks: anyone, an app, a person or a device, bound to at most one tenant, with what was granted to it.

    `client` is the app that speaks: the subject itself, or the app that a person uses. `purpose` is what it says that
    it asks for, a name; empty where it says nothing.
    """

    kind: Literal["anyone", "app", "person", "device"] = "anyone"
    id: str = ""
    tenant: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    client: str = ""
    purpose: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """As rules name it, and the app that it speaks by."""
        return f"{self.kind}:{self.id}", f"app:{self.client}"


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

    `place` is where the entity lies, and in which scopes. Without one the question is about all of the type, wherever
    it lies: a rule that allows something in an area does not answer that, and one that refuses something in an area
    does. `device` is the
    device that a command is for, or that a reading comes from; without one it is about all of them, in the same way.
    """

    tenant: str
    type: str
    attribute: str | None = None
    place: Place | None = None
    device: Device | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a policy.

    `types` are entity types, or services as ``service:NAME``; ``*`` is every entity type and no service. An
    empty `attributes` speaks of whole entities and all attributes; otherwise only of those named. An empty
    `scopes` and `roles` speaks of everybody; otherwise of who holds at least one of them. `subjects` narrows that to
    single ones: ``app:ID`` is an app by itself or as a person uses it, ``person:ID`` a person. `purposes` narrows it to
    who says that it asks for one of these.

    `entity_scopes` are scopes of entities (ETSI GS CIM 009, 4.18), not of tokens: ``/Fukui/River``, ``/Fukui/+`` for
    one level, ``/Fukui/#`` for that scope and all below it. As in a query (4.19) one of an entity's scopes is enough.
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
    entity_scopes: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()

    def matches(self, subject: Subject, action: Action, resource: Resource) -> bool:
        """Whether this rule decides the question."""
        return (
            action in self.actions
            and (resource.type in self.types or ("*" in self.types and not resource.type.startswith("service:")))
            and (not self.attributes or resource.attribute in self.attributes)
            and (not (self.scopes or self.roles) or bool(self.scopes & subject.scopes or self.roles & subject.roles))
            and (not self.subjects or not self.subjects.isdisjoint(subject.names))
            and (not self.purposes or subject.purpose in self.purposes)
            and (not self.areas or self._there(self.areas, resource.place))
            and (not self.entity_scopes or self._there(self.entity_scopes, resource.place))
            and (not self.devices or self._about(resource.device))
        )

    @property
    def placed(self) -> bool:
        """Whether it makes a difference to this rule where an entity lies, or in which scope."""
        return bool(self.areas or self.entity_scopes)

    def _there(self, names: frozenset[str], place: Place | None) -> bool:
        if place is None:
            return not self.allow
        return not names.isdisjoint(place.inside if self.allow else place.touched)

    def _about(self, device: Device | None) -> bool:
        if device is None:
            return not self.allow
        return any(
            name in (device.id, f"family:{device.family}") or (name[-1] == "*" and device.id.startswith(name[:-1]))
            for name in self.devices
        )


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """A versioned list of rules. `areas` are the places that they name: polygons in GeoJSON. `purposes` are those that
    they name beside the purposes of personal data: what each is, in words."""

    version: str
    rules: tuple[Rule, ...]
    areas: dict[str, dict[str, Any]] = {}
    purposes: dict[str, str] = {}

    @cached_property
    def somewhere(self) -> Place:
        """The place of which something is allowed as soon as it is allowed anywhere."""
        return Place(self._scopes.union(self.areas), frozenset())

    @cached_property
    def _scopes(self) -> frozenset[str]:
        return frozenset().union(*(rule.entity_scopes for rule in self.rules))

    def knows_purpose(self, name: str) -> bool:
        """Whether there is a purpose of this name: one of the policy's own, or one of personal data."""
        return name in self.purposes or name in PURPOSES

    @cached_property
    def opening(self) -> frozenset[str]:
        """The purposes that open something to who states them."""
        return frozenset().union(*(rule.purposes for rule in self.rules))

    @cached_property
    def _shapes(self) -> Shapes:
        return shapes_of_areas(self.areas)

    @cached_property
    def _placed(self) -> dict[Action, frozenset[str]]:
        return {
            action: frozenset().union(*(rule.types for rule in self.rules if rule.placed and action in rule.actions))
            for action in Action
        }

    def asks_where(self, action: Action, types: Iterable[str]) -> bool:
        """Whether it makes a difference to this action where entities of these types lie."""
        placed = self._placed[action]
        return "*" in placed or not placed.isdisjoint(types)

    def named(self, action: Action, type_: str) -> frozenset[str]:
        """The attributes about which rules on this action on this type say something of their own."""
        return self._attributes.get((action, type_ if (action, type_) in self._named else "*"), frozenset())

    @cached_property
    def _attributes(self) -> dict[tuple[Action, str], frozenset[str]]:
        return {asked: frozenset().union(*(rule.attributes for rule in rules)) for asked, rules in self._named.items()}

    def place_of(self, entity: Mapping[str, Any]) -> Place | None:
        """Where an entity lies by its ``location``, and in which scopes by its ``scope``; None for what is no location:
        that could be anywhere."""
        place = place_in(self._shapes, entity.get("location"))
        if place is None or not self._scopes:
            return place
        said = entity.get("scope") or ()
        scopes = [said] if isinstance(said, str) else said
        held = frozenset(name for name in self._scopes if any(matches(name, scope) for scope in scopes))
        return Place(place.inside | held, place.touched | held)

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
    """Of all that would turn the answer one thing: another place, a stated purpose, or else a scope of the token."""
    what, rules = f"{action} {resource.type}", [rule for rule in policy.about(action, resource.type) if rule.allow]
    elsewhere = resource._replace(place=policy.somewhere)
    there = [rule for rule in rules if rule.placed and rule.matches(subject, action, elsewhere)]
    if places := sorted({_where(rule) for rule in there}):
        return f"this caller may {what} only {', or '.join(places)}"
    stated = [(rule, purpose) for rule in rules for purpose in rule.purposes]
    if wanted := sorted({p for rule, p in stated if rule.matches(subject._replace(purpose=p), action, elsewhere)}):
        return f"this caller may {what} only for a stated purpose: CityOS-Purpose is {' or '.join(wanted)}"
    scopes = sorted(
        scope
        for rule in rules
        for scope in rule.scopes
        if rule.matches(Subject(scopes=frozenset({scope}), purpose=min(rule.purposes, default="")), action, elsewhere)
    )
    if scopes:
        return f"to {what} a token needs the scope {' or '.join(scopes)}"
    return f"no rule allows {'this caller' if rules else 'anybody'} to {what}"


def _where(rule: Rule) -> str:
    """What a rule says of places, in words."""
    said = [("where it lies in", rule.areas), ("in the scope", rule.entity_scopes)]
    return " and ".join(f"{words} {' or '.join(sorted(names))}" for words, names in said if names)
