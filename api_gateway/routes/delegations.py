"""Delegations between governments: a municipality lets its prefecture read, and takes that back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from access.policy import Action
from api_gateway.asking import asked, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from broker.tenancy import delegation

router = APIRouter(prefix="/api/v1/delegations", tags=["staff"], responses=PROBLEMS)

_Type = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\s\x00@]+$")]


class Wanted(BaseModel):
    """Which entity types, for whom, what for, and from when until when (from now on, and until taken back)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reader: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
    types: list[_Type] = Field(min_length=1, max_length=100)
    purpose: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


@router.get("", summary="What this city lets others read, and what it was given")
async def list_delegations(request: Request) -> dict[str, Any]:
    """The newest first. Needs delegations:read."""
    async with asked(request, Action.READ, "delegations") as (_, tx):
        return {"delegations": await delegation.delegations(tx)}


@router.post("", status_code=201, summary="Let another government read")
async def give(request: Request, body: Wanted) -> dict[str, str]:
    """Its apps then send their own token and this city's name in NGSILD-Tenant. Needs delegations:write."""
    now = gateway_of(request).clock()
    async with asked(request, Action.WRITE, "delegations") as (caller, tx):
        wanted = delegation.NewDelegation(body.reader, tuple(body.types), body.purpose, body.since or now, body.until)
        number = await delegation.delegate(tx, caller.tenant, wanted, caller.subject.id, now)
        await note(tx, request, caller, "delegation.give", number, f"{body.reader}: {', '.join(body.types)}")
    return {"id": number}


@router.delete("/{number}", summary="Take it back")
async def take_back(request: Request, number: str) -> dict[str, str]:
    """With effect on the next read. Needs delegations:write."""
    async with asked(request, Action.WRITE, "delegations") as (caller, tx):
        await delegation.revoke(tx, number, caller.subject.id, gateway_of(request).clock())
        await note(tx, request, caller, "delegation.revoke", number)
    return {"id": number, "status": "revoked"}
