"""The owners of subscriptions, and what the policy and their rights of today let them see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from access.defaults import GRANTED_AT_ONCE
from access.people import scopes_of
from access.personal import PERSONAL_ENTITIES
from access.policy import Action, Resource, Subject
from api_gateway.policies.book import PolicyBook
from broker.ports import Transaction
from broker.sql import load

_SQL = load("api_gateway.ngsi_ld", "owners")


def owner_of(subject: Subject) -> dict[str, Any]:
    """Whom a subscription belongs to, to be kept with it."""
    return {
        "kind": subject.kind,
        "id": subject.id,
        "client": subject.client,
        "scopes": sorted(subject.scopes),
        "roles": sorted(subject.roles),
        "purpose": subject.purpose,
    }


def key_of(subject: Subject) -> str:
    """The same in one string, for what nobody else may use (an entity map, a snapshot)."""
    return f"{subject.kind} {subject.id} {subject.client}"


def with_personal(access: Mapping[str, Any], personal: Mapping[str, str]) -> dict[str, Any]:
    """`access` that lets changes of entities about persons through as far as the consent gate, for one purpose."""
    only = access["only"]
    return {
        **access,
        "only": None if only is None else sorted({*only, *PERSONAL_ENTITIES}),
        "never": sorted(set(access["never"]) - PERSONAL_ENTITIES.keys()),
        "personal": dict(personal),
    }


class _Rights(NamedTuple):
    """What an owner holds."""

    scopes: frozenset[str]
    roles: frozenset[str] = frozenset()


class CurrentOwners:
    """See `broker.subscriptions.standing.Owners`. Rights and policy are read from the database each time."""

    def __init__(self, policies: PolicyBook) -> None:
        self._policies = policies

    async def access(self, tx: Transaction, tenant: str, access: Mapping[str, Any]) -> dict[str, Any] | None:
        """See `broker.subscriptions.standing.Owners.access`."""
        owner = access["owner"]
        rights = await self._rights(tx, tenant, owner)
        if rights is None:
            return None
        held, purpose = (rights.scopes, rights.roles), owner.get("purpose", "")
        subject = Subject(owner["kind"], owner["id"], tenant, *held, owner["client"], purpose)
        judge = await self._policies.current(tx, tenant)
        if not judge.decide(subject, Action.WRITE, Resource(tenant, "service:subscriptions")).allowed:
            return None
        now = {**judge.access(subject, tenant), "owner": owner, "reaches": judge.reaches(subject, tenant)}
        personal = access.get("personal")
        if personal is None:
            return now
        asks = judge.decide(subject, Action.READ, Resource(tenant, "service:personal")).allowed
        return with_personal(now, personal) if asks else None

    async def _rights(self, tx: Transaction, tenant: str, owner: Mapping[str, Any]) -> _Rights | None:
        """Of what the owner had that which they have still; None for one suspended or gone."""
        had = frozenset(owner["scopes"])
        client = await tx.fetchrow(_SQL["client"], tenant, owner["client"])
        if client is not None and client["status"] != "active":
            return None
        if owner["kind"] == "person":
            person = await tx.fetchrow(_SQL["person"], tenant, owner["id"])
            if person is None or person["status"] != "active":
                return None
            roles = frozenset(owner.get("roles", ())).intersection(person["roles"])
            return _Rights(had & scopes_of(person["roles"], second_factor=True), roles)
        if owner["kind"] == "app":
            return None if client is None else _Rights(had & (frozenset(client["scopes"]) | GRANTED_AT_ONCE))
        return _Rights(had)
