"""The municipality's policy: the one in force, drafts, tests, activation and rolling back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from access.policy import Action
from access.policy_file import plain
from api_gateway.asking import asked, demanded, note
from api_gateway.auth import gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.policies import store
from broker.errors import NotFound

router = APIRouter(prefix="/api/v1", tags=["staff"], responses=PROBLEMS)

_Why = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$", description="kept for good")]
_MOST = 2000
_LARGEST = 2**31 - 1


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Draft(_Body):
    rules: list[dict[str, Any]] = Field(min_length=1, max_length=_MOST)
    areas: dict[str, dict[str, Any]] = Field(
        default={},
        description="the places that rules name: a GeoJSON Polygon or MultiPolygon, or an object with `district` (its"
        " id) for one of the city's districts as it is drawn today",
    )
    purposes: dict[str, str] = Field(
        default={},
        description="the purposes that rules name beside those of personal data, each with its words; a caller states"
        " one in the header CityOS-Purpose",
    )
    cases: list[dict[str, Any]] = Field(default=[], max_length=_MOST)
    why: _Why


class Activation(_Body):
    why: _Why


@router.get("/policy", summary="The policy in force")
async def policy(request: Request) -> dict[str, Any]:
    """Its version and its rules in order: the first that matches decides. Needs policies:read."""
    caller = await demanded(request, Action.READ, "policies")
    return plain(gate_of(request).policy_of(caller))


@router.get("/policies", summary="All versions, and which was in force when")
async def policies(request: Request) -> dict[str, Any]:
    """With who, when and why, the newest first. Version 0 is the one that the platform comes with."""
    async with asked(request, Action.READ, "policies") as (caller, tx):
        return await store.history(tx, caller.tenant)


@router.get("/policies/{version}", summary="One version with its cases")
async def version(request: Request, version: int) -> dict[str, Any]:
    """As it was drafted. Needs policies:read."""
    async with asked(request, Action.READ, "policies") as (caller, tx):
        found = await store.find(tx, caller.tenant, _number(version))
    about = {"why": found.why, "madeBy": found.made_by, "madeAt": found.made_at.isoformat()}
    failures = [failure._asdict() for failure in store.failures_of(found)]
    return {**plain(found.policy), **about, "cases": len(found.cases), "failures": failures}


@router.post("/policies", status_code=201, summary="Draft a version")
async def draft(request: Request, body: Draft) -> dict[str, Any]:
    """Nothing changes yet. `failures` are its cases that do not hold; it cannot come into force with any."""
    async with asked(request, Action.WRITE, "policies") as (caller, tx):
        by, now = caller.subject.id, gateway_of(request).clock()
        given = {"rules": body.rules, "areas": body.areas, "purposes": body.purposes}
        number, failures = await store.draft(tx, caller.tenant, given, body.cases, why=body.why, by=by, at=now)
        await note(tx, request, caller, "policy.draft", f"{caller.tenant}.{number}", body.why)
    return {"version": number, "failures": [failure._asdict() for failure in failures]}


@router.post("/policies/{version}/activation", summary="Put a version in force, or back in force")
async def activate(request: Request, version: int, body: Activation) -> dict[str, Any]:
    """With effect on the next request, stream and notification. Rolling back is activating an earlier version, or 0."""
    async with asked(request, Action.WRITE, "policies") as (caller, tx):
        by, now = caller.subject.id, gateway_of(request).clock()
        number = _number(version, least=0)
        await store.activate(tx, caller.tenant, number, why=body.why, by=by, at=now, keeps=caller.subject)
        await note(tx, request, caller, "policy.activate", f"{caller.tenant}.{number}", body.why)
    return {"version": number}


def _number(version: int, least: int = 1) -> int:
    if not least <= version <= _LARGEST:
        raise NotFound(f"there is no version {version} of the policy")
    return version
