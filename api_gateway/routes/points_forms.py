"""What the points' routes share: ids and amounts, bodies, answers, and who may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from fastapi import Path, Request

from access.policy import Action
from api_gateway.auth import Caller, gate_of
from api_gateway.body import read_json
from api_gateway.context import gateway_of
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from services.points.town import Shop, Town

_MOST = 16 * 1024
ACCOUNT = "resident/"
"""What stands before a resident's number in their account."""
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$")]
"""An id in a body."""
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,60}$")]
"""An id in a path."""
Points = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
"""An amount at a till or of a resident."""
Budget = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
"""An amount of the treasury."""
Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Asked = TypeVar("Asked")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What every body of these routes is like."""


class Books(NamedTuple):
    """The points as one request reads them: who asks, the town, and a transaction of the caller's city."""

    caller: Caller
    town: Town
    tx: Transaction


async def asked(request: Request, shape: type[Asked]) -> Asked:
    """The body in that shape. Raises `Invalid` naming the path and what would be right."""
    try:
        return msgspec.convert(await read_json(request, _MOST), shape)
    except msgspec.ValidationError as error:
        path = str(error).rpartition("`$")[2].rstrip("`").strip(".") or None
        raise Invalid(str(error), field=path) from error


def town_of(request: Request) -> Town:
    """The points that this gateway serves."""
    town = gateway_of(request).points
    assert town is not None, "the points' routes exist only with points"
    return town


async def caller_with(request: Request, service: str, action: Action = Action.WRITE) -> Caller:
    """Who asks, if the policy lets them."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, action, f"service:{service}")
    return caller


@asynccontextmanager
async def books(request: Request, service: str, action: Action = Action.READ) -> AsyncIterator[Books]:
    """Open the books for whom the policy lets."""
    caller = await caller_with(request, service, action)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        yield Books(caller, town_of(request), tx)


async def shop_named(tx: Transaction, town: Town, id: str) -> Shop:
    """A member shop, also one that has left: its papers stay. Raises `NotFound`."""
    found = await town.find_shop(tx, id, closed=True)
    if found is None:
        raise NotFound(f"there is no member shop {id!r}")
    return found
