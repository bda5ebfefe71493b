"""What a policy lets somebody see of each type: asked before a query runs, so that it finds nothing else. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from access.places import Place
from access.policy import Action, Policy, Resource, Subject, decide


class Readable(NamedTuple):
    """The entity types a subject may read: all but `never`, or, where `only` is set, none but those."""

    only: frozenset[str] | None
    never: frozenset[str]


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
    questions = {name: Resource(tenant, type_, name) for name in policy.named(Action.READ, type_)}
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
