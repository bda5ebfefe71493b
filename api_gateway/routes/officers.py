"""What the routes of the officers' desk share: the desk, who asks, who acts by name, and bodies that become values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from fastapi import Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.auth import Caller, gate_of
from api_gateway.body import read_body, read_json
from api_gateway.context import gateway_of
from broker.errors import Forbidden, Invalid
from broker.ports import Transaction
from broker.sql import load
from services.evacuation.desk import EvacuationDesk
from services.evacuation.orders import Officer

_ACCOUNTS = load("api_gateway.oauth", "accounts")
PREFIX = "/api/v1/evacuation"
JSON_BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}}
_MOST = 8 * 1024 * 1024
_SMALL = 64 * 1024
_MOST_RULES = 256 * 1024
_YEARS = (1900, 2200)
_T = TypeVar("_T")


def desk_of(request: Request) -> EvacuationDesk:
    """The desk of the application that serves this request."""
    desk = gateway_of(request).evacuation
    assert desk is not None, "the evacuation routes exist only with a desk"
    return desk


def answer_json(body: Any) -> Response:
    """Never kept by a cache: it is of this moment."""
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


def answer_file(body: bytes, media_type: str, name: str) -> Response:
    """A file to carry away."""
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)


async def demand_caller(request: Request, action: Action, service: str = "evacuation") -> Caller:
    """Who asks. Raises where the policy does not allow it."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, action, f"service:{service}")
    return caller


async def officer_of(tx: Transaction, caller: Caller) -> Officer:
    """Who acts, by name. Raises `Forbidden` for an app: a person answers for a notice."""
    row = await tx.fetchrow(_ACCOUNTS["by_id"], caller.subject.id)
    if caller.subject.kind != "person" or row is None:
        raise Forbidden("a named officer decides: log in as a person, not as an app")
    return Officer(id=row["id"], name=row["name"] or row["login"])


def span_of(start: datetime | None, last: datetime, longest: timedelta) -> tuple[datetime, datetime]:
    """From and until before: the day up to `last` where no start is given. Raises `Invalid`."""
    for name, at in (("from", start), ("to", last)):
        if at is not None and not _YEARS[0] <= at.year <= _YEARS[1]:
            raise Invalid(f"the year must be from {_YEARS[0]} to {_YEARS[1]}", field=name)
    first = start or last - timedelta(days=1)
    if not timedelta() < last - first <= longest:
        raise Invalid(f"from must be before to, by at most {longest.days} days", field="from")
    return first, last


async def read_as(request: Request, kind: type[_T]) -> _T:
    """A small JSON body as a value. Raises `Invalid` naming the field."""
    document = await read_json(request, _SMALL)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        field = str(error).rsplit("`$.", 1)[-1].rstrip("`") if "`$." in str(error) else None
        raise Invalid(str(error), field=field) from error


async def read_rules(request: Request) -> Any:
    """A rules document."""
    return await read_json(request, _MOST_RULES)


async def read_document(request: Request) -> Any:
    """A file of districts or shelters: the text of a CSV file, else JSON. Raises `Invalid`."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "text/csv":
        return await read_json(request, _MOST)
    try:
        return (await read_body(request, _MOST)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("the file is not UTF-8: save it as CSV UTF-8", field="body") from error
