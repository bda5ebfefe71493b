"""What somebody may read of a type in some places only, for queries that are to find nothing elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from access.places import Box, Place, box_of
from access.policy import Action, Policy, Resource, Subject, decide

_NOWHERE = Place(frozenset(), frozenset())


class Reach(NamedTuple):
    """Of entities of `type` (``*``: of every type that the policy does not name), the subject may read those that lie
    in certain places or scopes.

    `outside` is the answer for what lies in no area, or has no place, and is in no scope; another answer is possible
    only within `box` and `scopes`.
    """

    policy: Policy
    subject: Subject
    resource: Resource
    outside: bool
    box: Box | None
    scopes: frozenset[str]

    @property
    def type(self) -> str:
        return self.resource.type

    def allows(self, entity: Mapping[str, Any]) -> bool:
        """Whether an entity with this ``location`` and ``scope`` may be read, as far as this type goes."""
        place = self.policy.place_of(entity)
        return decide(self.policy, self.subject, Action.READ, self.resource._replace(place=place)).allowed


class Reaches(NamedTuple):
    """Those of all types that have one, by name; `named` are the types that have an answer of their own."""

    by_type: dict[str, Reach]
    named: frozenset[str]

    def allow(self, types: Iterable[str], entity: Mapping[str, Any]) -> bool:
        """Whether an entity of these types may be read where it lies. Says nothing of types without a reach."""
        return all(reach.allows(entity) for reach in self.about(types))

    def about(self, types: Iterable[str] | None) -> list[Reach]:
        """The reaches of these types, or of all."""
        if types is None:
            return list(self.by_type.values())
        found = {name if name in self.named else "*" for name in types} & self.by_type.keys()
        return [self.by_type[name] for name in sorted(found)]

    def allow_of(self, types: Iterable[str], entity: Mapping[str, Any]) -> bool:
        """As `allow`, of an entity that others told of: where they say no place it may lie anywhere."""
        told = entity.get("location") is not None
        return all(reach.allows(entity) and (told or reach.box is None) for reach in self.about(types))


def reaches(policy: Policy, subject: Subject, tenant: str) -> Reaches:
    """What `subject` may read in some places of `tenant` and not in others."""
    found: dict[str, Reach] = {}
    for name in sorted(policy.entity_types | {"*"}):
        rules = policy.about(Action.READ, name)
        if not any(rule.placed for rule in rules):
            continue
        box = box_of(policy.areas[area] for area in {area for rule in rules for area in rule.areas})
        scopes = frozenset().union(*(rule.entity_scopes for rule in rules))
        resource = Resource(tenant, name)
        everywhere = decide(policy, subject, Action.READ, resource).allowed
        anywhere = decide(policy, subject, Action.READ, resource._replace(place=policy.somewhere)).allowed
        if anywhere and not everywhere:
            outside = decide(policy, subject, Action.READ, resource._replace(place=_NOWHERE)).allowed
            found[name] = Reach(policy, subject, resource, outside, box, scopes)
    return Reaches(found, policy.entity_types)
