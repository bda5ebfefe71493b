"""Certificates of devices: which there are, binding one that an authority issued, and revoking it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from access.certificates import read_certificate
from access.policy import Action
from api_gateway.asking import asked, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from broker.errors import Invalid, NotFound
from broker.store import certificates
from schemas.clock import iso

router = APIRouter(prefix="/api/v1", tags=["staff"], responses=PROBLEMS)


class NewCertificate(BaseModel):
    """One certificate in PEM, without a key and without its authority's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Annotated[str, Field(min_length=1, max_length=20_000)]


@router.get("/devices/{device_id}/certificates", summary="A device's certificates")
async def listed(request: Request, device_id: str) -> dict[str, Any]:
    """The oldest first, revoked ones too. Needs devices:read."""
    async with asked(request, Action.READ, "devices") as (caller, tx):
        found = await certificates.listed(tx, caller.tenant, device_id)
    return {"certificates": [_shown(one) for one in found]}


@router.post("/devices/{device_id}/certificates", status_code=201, summary="Bind a certificate to a device")
async def bind(request: Request, device_id: str, body: NewCertificate) -> JSONResponse:
    """Needs devices:write. From the first one on the device comes in by its certificates alone, by no password; older
    ones stay good until they are revoked."""
    now = gateway_of(request).clock()
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        try:
            read = read_certificate(body.certificate, f"{caller.tenant}/{device_id}", now)
        except ValueError as error:
            raise Invalid(str(error), field="certificate") from error
        await certificates.bind(tx, caller.tenant, device_id, read.fingerprint, read.serial, read.expires_at)
        await note(tx, request, caller, "device.certificate", device_id, f"{read.serial} {read.fingerprint.hex()}")
    made = {"serial": read.serial, "fingerprint": read.fingerprint.hex(), "expiresAt": iso(read.expires_at)}
    return JSONResponse(made, 201)


@router.delete(
    "/devices/{device_id}/certificates/{serial}", status_code=204, summary="Revoke a certificate of a device"
)
async def revoke(request: Request, device_id: str, serial: str) -> Response:
    """Needs devices:write. For good: connections opened with it end at once, and it is not bound again."""
    now = gateway_of(request).clock()
    async with asked(request, Action.WRITE, "devices") as (caller, tx):
        if not await certificates.revoke(tx, caller.tenant, device_id, serial, now):
            raise NotFound(f"the device {device_id} has no certificate {serial} that is not revoked")
        await note(tx, request, caller, "device.certificate-revoked", device_id, serial)
    return Response(status_code=204)


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    revoked = one["revoked_at"]
    return {
        "serial": one["serial"],
        "fingerprint": one["fingerprint"],
        "issuedAt": iso(one["issued_at"]),
        "expiresAt": iso(one["expires_at"]),
        "revokedAt": iso(revoked) if revoked else None,
    }
