"""For staff: people and their roles, apps and what they ask for, devices, what was rejected, and the audit trail.

Every route asks the policy for its service, and every change leaves its line in the audit trail, in one transaction.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from access.policy import Action
from api_gateway import audit
from api_gateway.asking import asked, note
from api_gateway.body import read_body
from api_gateway.context import gateway_of
from api_gateway.devices_csv import read_devices
from api_gateway.oauth import approval
from api_gateway.oauth.accounts import change_account, list_accounts
from api_gateway.openapi import PROBLEMS
from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.store import rejected
from broker.store.devices import Device, register, rotate_secret, set_status
from schemas.device import entity_of, parse_profile

router = APIRouter(prefix="/api/v1", tags=["staff"], responses=PROBLEMS)

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
_MOST_CSV = 2 * 1024 * 1024


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountChange(_Body):
    roles: list[str] = Field(max_length=20)
    status: Literal["active", "suspended"] = "active"


class AppDecision(_Body):
    """The scopes allowed of those the app waits for; the others are refused."""

    allow: list[str] = Field(max_length=50)


class AppStatus(_Body):
    status: Literal["active", "suspended"]


class NewDevice(_Body):
    """A device to be registered. `profile` as in the documentation of device families."""

    id: _Name
    family: _Name
    kind: Literal["device", "network"] = "device"
    entity_id: Annotated[str, Field(max_length=300, pattern=r"^urn:ngsi-ld:[A-Za-z0-9]+:[^\s\x00]+$")] | None = None
    profile: dict[str, Any] = {}


class DeviceStatus(_Body):
    status: Literal["approved", "quarantined", "suspended"]


_After = Annotated[str, Query(description="continue after this id", max_length=200)]
_Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/users", summary="People with an account")
async def users(request: Request, after: _After = "", limit: _Limit = 100) -> dict[str, Any]:
    """In order of id. Needs users:read."""
    async with asked(request, Action.READ, "users") as (caller, tx):
        found = await list_accounts(tx, after=after, limit=limit)
        await note(tx, request, caller, "users.list", "", f"{len(found)} accounts")
    return {"users": found, "next": found[-1]["id"] if len(found) == limit else None}


@router.put("/users/{user_id}", summary="Give and take roles, suspend an account")
async def change_user(request: Request, user_id: str, body: AccountChange) -> dict[str, Any]:
    """Ends every session and grant of that person, who logs in again. Nobody changes their own account."""
    async with asked(request, Action.WRITE, "users") as (caller, tx):
        if caller.subject.id == user_id:
            raise Conflict("nobody gives themselves roles: ask a colleague")
        await change_account(tx, user_id, body.roles, body.status, gateway_of(request).clock())
        await note(tx, request, caller, "user.change", user_id, f"{body.status}: {', '.join(body.roles)}")
    return {"id": user_id, "roles": sorted(set(body.roles)), "status": body.status}


@router.get("/apps", summary="Apps, and what they wait for")
async def apps(request: Request, after: _After = "", limit: _Limit = 100) -> dict[str, Any]:
    """In order of id, without secrets. Needs apps:read."""
    async with asked(request, Action.READ, "apps") as (_, tx):
        found = await approval.list_apps(tx, after=after, limit=limit)
    return {"apps": found, "next": found[-1]["client_id"] if len(found) == limit else None}


@router.post("/apps/{client_id}/approval", summary="Allow or refuse what an app asks for")
async def decide_app(request: Request, client_id: str, body: AppDecision) -> dict[str, Any]:
    """Needs apps:write. What is not among `allow` is refused; the app may ask again."""
    async with asked(request, Action.WRITE, "apps") as (caller, tx):
        scopes = await approval.decide(tx, client_id, body.allow)
        await note(tx, request, caller, "app.approve", client_id, " ".join(sorted(body.allow)) or "(nothing)")
    return {"client_id": client_id, "scope": " ".join(scopes)}


@router.put("/apps/{client_id}/status", summary="Suspend an app, or let it in again")
async def set_app_status(request: Request, client_id: str, body: AppStatus) -> dict[str, Any]:
    """Needs apps:write. Suspending ends what people had allowed it; its own tokens end within their hour."""
    async with asked(request, Action.WRITE, "apps") as (caller, tx):
        await approval.set_status(tx, client_id, body.status, gateway_of(request).clock())
        await note(tx, request, caller, "app.status", client_id, body.status)
    return {"client_id": client_id, "status": body.status}


@router.post("/devices", status_code=201, summary="Register a device")
async def add_device(request: Request, body: NewDevice) -> JSONResponse:
    """Needs devices:write. Answers with the device's MQTT user name and password, shown this once."""
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        made = await _register(tx, caller.tenant, body)
        await note(tx, request, caller, "device.register", body.id, body.family)
    return JSONResponse(made, 201, {"Cache-Control": "no-store"})


@router.post("/devices/csv", status_code=201, summary="Register many devices at once")
async def add_devices(request: Request) -> JSONResponse:
    """Needs devices:write. CSV (UTF-8 or CP932) with the columns id, family, entity_id and profile (JSON); all or none.

    A wrong line is named by its number, and then nothing is registered.
    """
    body = await read_body(request, _MOST_CSV)
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        rows = read_devices(body)
        made = [await _register(tx, caller.tenant, NewDevice(**row)) for row in rows]
        for row in rows:
            await note(tx, request, caller, "device.register", row["id"], "csv")
    return JSONResponse({"devices": made}, 201, {"Cache-Control": "no-store"})


async def _register(tx: Transaction, tenant: str, wanted: NewDevice) -> dict[str, str]:
    try:
        parse_profile(wanted.profile)
    except ValueError as error:
        raise Invalid(str(error), field="profile") from error
    if await tx.fetchval("select 1 from device where id = $1", wanted.id):
        raise Conflict(f"there is a device {wanted.id} already; give it a new secret instead")
    entity_id, entity_type = entity_of(wanted.family, wanted.id, wanted.entity_id)
    device = Device(tenant, wanted.id, wanted.family, wanted.kind, "approved", entity_id, entity_type)
    secret = secrets.token_urlsafe(24)
    await register(tx, tenant, device, wanted.profile, secret)
    return {"id": wanted.id, "username": f"{tenant}/{wanted.id}", "password": secret}


@router.put("/devices/{device_id}/status", summary="Approve, quarantine or suspend a device")
async def set_device_status(request: Request, device_id: str, body: DeviceStatus) -> dict[str, str]:
    """Needs devices:write. A suspended device's messages are refused from now on."""
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        if not await set_status(tx, caller.tenant, device_id, body.status):
            raise NotFound(f"there is no device {device_id}")
        await note(tx, request, caller, "device.status", device_id, body.status)
    return {"id": device_id, "status": body.status}


@router.post("/devices/{device_id}/secret", summary="Give a device a new secret")
async def new_secret(
    request: Request,
    device_id: str,
    keep_s: Annotated[int, Query(ge=0, le=30 * 86_400, description="seconds for which the old one still counts")] = 0,
) -> JSONResponse:
    """Needs devices:write. The new one is shown this once. Without `keep_s` the old one opens nothing any more, and
    the connection it opened ends."""
    secret = secrets.token_urlsafe(24)
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        until = gateway_of(request).clock() + timedelta(seconds=keep_s) if keep_s else None
        await rotate_secret(tx, device_id, secret, until)
        await note(tx, request, caller, "device.secret", device_id, f"the old one until {until}" if until else "")
        name = f"{caller.tenant}/{device_id}"
    return JSONResponse({"id": device_id, "username": name, "password": secret}, headers={"Cache-Control": "no-store"})


@router.get("/rejected", summary="Readings that were rejected, and why")
async def rejected_readings(
    request: Request,
    device: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """The newest first. Needs rejected:read."""
    async with asked(request, Action.READ, "rejected") as (caller, tx):
        which = rejected.RejectedFilter(caller.tenant, device)
        found = await rejected.list_rejected(tx, which, limit=limit)
    return {"rejected": found}


@router.get("/audit", summary="Who did what")
async def audit_trail(
    request: Request,
    before: Annotated[int | None, Query(ge=1, description="continue before this number")] = None,
    limit: _Limit = 100,
) -> dict[str, Any]:
    """The newest first. Needs audit:read; reading it leaves a line too."""
    async with asked(request, Action.READ, "audit") as (caller, tx):
        found = await audit.lines(tx, before=before, limit=limit)
        await note(tx, request, caller, "audit.read", "", f"{len(found)} lines")
    return {"lines": found, "before": found[-1]["id"] if len(found) == limit else None}
