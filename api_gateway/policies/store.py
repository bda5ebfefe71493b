"""Versions of a municipality's policy: drafts that are tested, and activations, of which the last is in force.

Two things no version may do, whoever writes it: give personal data past the consent gate, and lock out whoever would
have to take it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from access.defaults import PERSONAL_TYPES, ROLES
from access.policy import Action, Policy, Resource, Rule, Subject, decide
from access.policy_file import Case, Failure, parse_cases, parse_policy, plain, run_cases
from broker.errors import Conflict, Invalid, NotFound, UnknownTenant
from broker.ports import Transaction
from broker.sql import load
from schemas.text import keepable

_SQL = load("api_gateway.policies", "policies")
_NAMED = ("areas", "purposes")
BUILT_IN = 0
"""The version that the platform comes with: rolling back to it needs nothing of the municipality's own."""


class Version(NamedTuple):
    """A version as it was drafted."""

    number: int
    policy: Policy
    cases: list[Case]
    why: str
    made_by: str
    made_at: datetime


async def draft(
    tx: Transaction, tenant: str, given: Mapping[str, Any], cases: Any, *, why: str, by: str, at: datetime
) -> tuple[int, list[Failure]]:
    """Keep a draft of the policy `given` (its `rules`, `areas` and `purposes`) and return its number and which of its
    cases do not hold. Raises `Invalid`, `UnknownTenant`."""
    areas = await _drawn(tx, tenant, given.get("areas") or {})
    policy, asked = _parsed({"rules": given["rules"], "areas": areas, "purposes": given.get("purposes") or {}}, cases)
    rules_text, cases_text = _storable(_kept(policy), "rules"), _storable(cases or [], "cases")
    await tx.execute(_SQL["lock"], tenant)
    parameters = (rules_text, cases_text, _reason(why), by, at)
    number = await tx.fetchval(_SQL["draft"], tenant, *parameters)
    if number is None:
        raise UnknownTenant(f"there is no tenant named {tenant!r}")
    return int(number), run_cases(policy, asked)


async def activate(
    tx: Transaction, tenant: str, number: int, *, why: str, by: str, at: datetime, keeps: Subject | None = None
) -> None:
    """Put a version in force, or back in force; 0 is the one that the platform comes with.

    `keeps` is who must be able to change it afterwards. Raises `NotFound`, and `Conflict` where a case of the version
    does not hold or nobody could take it back.
    """
    reason = _reason(why)
    await tx.execute(_SQL["lock"], tenant)
    if number != BUILT_IN:
        version = await find(tx, tenant, number)
        if failures := failures_of(version):
            first = failures[0]
            raise Conflict(f"{len(failures)} of its cases do not hold: {first.name}: {first.expected}, got {first.got}")
        resource = Resource(tenant, "service:policies")
        if keeps is not None and not decide(version.policy, keeps, Action.WRITE, resource).allowed:
            raise Conflict("under this version you could not take it back: it must let you write policies")
    if await tx.fetchval(_SQL["activate"], tenant, number, reason, by, at) is None:
        raise UnknownTenant(f"there is no tenant named {tenant!r}")


async def find(tx: Transaction, tenant: str, number: int) -> Version:
    """A version as it was drafted. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["version"], tenant, number)
    if row is None:
        raise NotFound(f"there is no version {number} of the policy")
    policy = _named(json.loads(row["policy"]), tenant, number)
    return Version(number, policy, parse_cases(json.loads(row["cases"])), row["why"], row["made_by"], row["made_at"])


def failures_of(version: Version) -> list[Failure]:
    """Which of its cases do not hold."""
    return run_cases(version.policy, version.cases)


async def number_in_force(tx: Transaction, tenant: str) -> int:
    """The number of the version that decides now."""
    return await tx.fetchval(_SQL["number_in_force"], tenant) or BUILT_IN


async def in_force(tx: Transaction, tenant: str, built_in: Policy) -> Policy:
    """The policy that decides now."""
    row = await tx.fetchrow(_SQL["in_force"], tenant)
    if row is None or row["policy"] is None:
        return built_in
    return _named(json.loads(row["policy"]), tenant, row["number"])


async def history(tx: Transaction, tenant: str) -> dict[str, list[dict[str, Any]]]:
    """Versions and activations with who, when and why; the newest first, 200 of each at most."""
    names = ("versions", "activations")
    return {name: [dict(row) for row in await tx.fetch(_SQL[name], tenant)] for name in names}


async def _drawn(tx: Transaction, tenant: str, areas: Mapping[str, Any]) -> dict[str, Any]:
    """The areas as polygons: one that is said as ``{"district": ID}`` is that district as it is drawn today, and stays
    so, since a version never changes. Raises `Invalid` for a district that there is not."""
    wanted = {name: area["district"] for name, area in areas.items() if isinstance(area, dict) and "district" in area}
    rows = await tx.fetch(_SQL["districts"], tenant, [str(one) for one in wanted.values()]) if wanted else []
    known = {row["id"]: json.loads(row["polygon"]) for row in rows if row["polygon"]}
    if missing := sorted({str(one) for one in wanted.values()} - known.keys()):
        raise Invalid(f"there is no district {', '.join(missing)} with a border (/api/v1/evacuation)", field="areas")
    return {name: known[str(wanted[name])] if name in wanted else area for name, area in areas.items()}


def _kept(policy: Policy) -> dict[str, Any]:
    return {name: value for name, value in plain(policy).items() if name in ("rules", "areas", "purposes")}


def _parsed(given: Mapping[str, Any], cases: Any) -> tuple[Policy, list[Case]]:
    try:
        policy = parse_policy({"version": "draft", **given})
    except ValueError as error:
        field, _, _ = str(error).partition(":")
        raise Invalid(str(error), field=field.partition(".")[0] if field.startswith(_NAMED) else "rules") from error
    try:
        asked = parse_cases(cases or [])
    except ValueError as error:
        raise Invalid(str(error), field="cases") from error
    if unknown := sorted({role for rule in policy.rules for role in rule.roles} - ROLES.keys()):
        raise Invalid(f"there is no role {', '.join(unknown)}; nobody could hold it", field="rules")
    for type_ in sorted(PERSONAL_TYPES):
        for action in Action:
            if (rule := _first_allowing(policy, action, type_)) is not None:
                why = "personal data pass the consent gate alone; put a rule that denies them first"
                raise Invalid(f"rule {rule.name} lets somebody {action} {type_}: {why}", field="rules")
    return policy, asked


def _first_allowing(policy: Policy, action: Action, type_: str) -> Rule | None:
    """The first rule that allows somebody something of the type before a rule denies it to everybody."""
    for rule in policy.about(action, type_):
        if rule.allow:
            return rule
        if not (rule.scopes or rule.roles or rule.subjects or rule.attributes or rule.placed or rule.devices):
            return None
    return None


def _storable(value: Any, field: str) -> str:
    """JSON as PostgreSQL can keep it. Raises `Invalid`."""
    if not keepable(value):
        raise Invalid("U+0000 and halves of surrogate pairs cannot be kept", field=field)
    return json.dumps(value, ensure_ascii=False)


def _named(stored: Any, tenant: str, number: int) -> Policy:
    return parse_policy({**stored, "version": f"{tenant}.{number}"})


def _reason(why: str) -> str:
    if not why.strip():
        raise Invalid("say why: it stands beside the decision for good", field="why")
    return why.strip()
