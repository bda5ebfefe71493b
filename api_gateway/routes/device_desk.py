"""Commands to devices, and the codes on their stickers.

A command has a permission of its own (devices:command), its line in the audit trail, and a state that can be asked.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from access.policy import Action, Device
from api_gateway import audit
from api_gateway.asking import asked, note
from api_gateway.auth import gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.account import guard
from api_gateway.session import signed_in
from broker.store import commands
from broker.store.devices import claim, family_of, offer_claim

router = APIRouter(prefix="/api/v1", tags=["staff"], responses=PROBLEMS)
claims = APIRouter(prefix="/account", tags=["account"], responses=PROBLEMS)

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit on a sticker."""
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_CODE_LETTERS = 16


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommandWish(_Body):
    """What the device shall do. `expires_in_s` is how long the command may wait to be done."""

    command: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9._-]*$")]
    arguments: dict[str, Any] = {}
    expires_in_s: int = Field(60, ge=1, le=7 * 86_400)


class ClaimCode(_Body):
    code: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z -]+$")]


@router.post("/devices/{device_id}/commands", status_code=202, summary="Send a command to a device")
async def send_command(request: Request, device_id: str, body: CommandWish) -> JSONResponse:
    """Needs devices:command, for this device. Kept until the device has it or its time is over; `status` of the command
    says which: queued, sent, acknowledged, done, failed or expired."""
    text = commands.arguments_text(body.arguments)
    now, number = gateway_of(request).clock(), secrets.token_urlsafe(12)
    device = Device(device_id, await _family(request, device_id))
    async with asked(request, Action.COMMAND, "devices", device) as (caller, tx):
        expires = now + timedelta(seconds=body.expires_in_s)
        wish = commands.Wish(number, device_id, body.command, body.arguments, caller.subject.id, expires)
        await commands.add_command(tx, wish, now)
        await note(tx, request, caller, "device.command", device_id, f"{number} {body.command} {text}")
        made = await commands.command(tx, number, now)
    return JSONResponse(_json(made), 202, {"Location": f"/api/v1/commands/{number}"})


async def _family(request: Request, device_id: str) -> str:
    """The device's family, empty for one that is not registered: the policy may let somebody command one family."""
    caller = await gate_of(request).caller(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return await family_of(tx, device_id)


@router.get("/devices/{device_id}/commands", summary="A device's commands, and how far each came")
async def device_commands(
    request: Request, device_id: str, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> dict[str, Any]:
    """The newest first. Needs devices:read."""
    async with asked(request, Action.READ, "devices") as (_, tx):
        found = await commands.commands_of(tx, device_id, gateway_of(request).clock(), limit)
    return {"commands": [_json(each) for each in found]}


@router.get("/commands/{number}", summary="How far a command came")
async def command_state(request: Request, number: str) -> dict[str, Any]:
    """Needs devices:read."""
    async with asked(request, Action.READ, "devices") as (_, tx):
        return _json(await commands.command(tx, number, gateway_of(request).clock()))


@router.post("/devices/{device_id}/claim-code", status_code=201, summary="A code for a device's sticker")
async def make_claim_code(request: Request, device_id: str) -> JSONResponse:
    """Needs devices:write. Shown this once. The device is quarantined and loses its secret; whoever claims it with the
    code gets a new one, and what it sends waits until it is approved."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        await offer_claim(tx, device_id, letters)
        await note(tx, request, caller, "device.claim-code", device_id)
    code = "-".join(letters[at : at + 4] for at in range(0, _CODE_LETTERS, 4))
    return JSONResponse({"id": device_id, "code": code}, 201, {"Cache-Control": "no-store"})


@claims.post("/devices/claim", summary="Claim a device by the code on its sticker")
async def claim_device(request: Request, body: ClaimCode) -> JSONResponse:
    """For whoever is logged in and holds the device. Answers with its MQTT user name and password, shown this once."""
    await guard(request)
    person = (await signed_in(request)).session.person
    secret = secrets.token_urlsafe(24)
    async with gateway_of(request).database.transaction(person.tenant) as tx:
        device = await claim(tx, body.code.upper().translate(_READ_AS), person.id, secret)
        await audit.note(tx, request, audit.Line("device.claim", device, person.id))
    made = {"id": device, "username": f"{person.tenant}/{device}", "password": secret, "status": "quarantined"}
    return JSONResponse(made, headers={"Cache-Control": "no-store"})


def _json(command: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in command.items()}
