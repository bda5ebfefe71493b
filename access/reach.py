"""What somebody may read of a type in some places only, for queries that are to find nothing elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from access.places import Box, Place, box_of
from access.policy import Action, Policy, Resource, Subject, decide

_NOWHERE = Place(frozenset(), frozenset())


class Reach(NamedTuple):
    """Of entities of `type` (``*``: of every type that the policy does not name), the subject may read those that lie
    in certain places.

    `outside` is the answer for what lies in no area, or has no place; another answer is possible only within `box`.
    """

    policy: Policy
    subject: Subject
    resource: Resource
    outside: bool
    box: Box

    @property
    def type(self) -> str:
        return self.resource.type

    def allows(self, location: Any) -> bool:
        """Whether an entity with this ``location`` may be read, as far as this type goes."""
        place = self.policy.place_of(location)
        return decide(self.policy, self.subject, Action.READ, self.resource._replace(place=place)).allowed


class Reaches(NamedTuple):
    """Those of all types that have one, by name; `named` are the types that have an answer of their own."""

    by_type: dict[str, Reach]
    named: frozenset[str]

    def allow(self, types: Iterable[str], entity: Mapping[str, Any]) -> bool:
        """Whether an entity of these types may be read where it lies. Says nothing of types without a reach."""
        found = {name if name in self.named else "*" for name in types} & self.by_type.keys()
        return all(self.by_type[name].allows(entity.get("location")) for name in found)


def reaches(policy: Policy, subject: Subject, tenant: str) -> Reaches:
    """What `subject` may read in some places of `tenant` and not in others."""
    found: dict[str, Reach] = {}
    for name in sorted(policy.entity_types | {"*"}):
        areas = {area for rule in policy.about(Action.READ, name) for area in rule.areas}
        box = box_of(policy.areas[area] for area in areas)
        if box is None:
            continue
        resource = Resource(tenant, name)
        everywhere = decide(policy, subject, Action.READ, resource).allowed
        anywhere = decide(policy, subject, Action.READ, resource._replace(place=policy.somewhere)).allowed
        if anywhere and not everywhere:
            outside = decide(policy, subject, Action.READ, resource._replace(place=_NOWHERE)).allowed
            found[name] = Reach(policy, subject, resource, outside, box)
    return Reaches(found, policy.entity_types)
