"""How the staff's routes begin and what they leave: the policy is asked, and every change has its line in the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from access.policy import Action, Device
from api_gateway import audit
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from broker.errors import Forbidden
from broker.ports import Transaction


@asynccontextmanager
async def asked(
    request: Request, action: Action, service: str, device: Device | None = None
) -> AsyncIterator[tuple[Caller, Transaction]]:
    """Who asks, once the policy has allowed it (about this device), and a transaction of their tenant. A refusal leaves
    its line too."""
    caller = await demanded(request, action, service, device)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        yield caller, tx


async def demanded(request: Request, action: Action, service: str, device: Device | None = None) -> Caller:
    """Who asks, once the policy has allowed it. Raises `Forbidden`, and leaves a line about that."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    try:
        gate.demand(caller, action, f"service:{service}", device)
    except Forbidden as error:
        subject, purpose = caller.subject, audit.purpose_of(request)
        about = device.id if device is not None else ""
        line = audit.Line(f"{service}.{action}", about, subject.id, subject.client, purpose, False, str(error))
        await audit.note_alone(request, caller.city, line)
        raise
    return caller


async def note(tx: Transaction, request: Request, caller: Caller, action: str, object_: str, detail: str = "") -> None:
    """A line about what this request did."""
    line = audit.Line(
        action, object_, caller.subject.id, caller.subject.client, audit.purpose_of(request), True, detail
    )
    await audit.note(tx, request, line)
