"""Commands to devices: each is kept until it is answered or its time is over, with how far it came.

The states: queued, sent (written to the device's connection), acknowledged (the device has it), done or failed (it
answered), and expired, which every open command reads as once its time is over. A late answer still counts: what the
device did, it did.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from broker.errors import Invalid, NotFound
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.text import keepable

CHANNEL = "device_command"
"""The database channel that is notified of new commands."""
_SQL = load("broker.store", "commands")
_PAGE = 500
_MOST_BYTES = 65_536

HowFar = Literal["sent", "acknowledged"]


class Command(NamedTuple):
    """One command that is to be brought to its device."""

    tenant: str
    id: str
    device: str
    name: str
    arguments: Any
    expires_at: datetime


class Answer(NamedTuple):
    """What a device said became of a command."""

    tenant: str
    device: str
    id: str
    status: Literal["done", "failed"]
    text: str
    at: datetime


class Wish(NamedTuple):
    """What a person or an app wants a device to do."""

    id: str
    device: str
    name: str
    arguments: Mapping[str, Any]
    asked_by: str
    expires_at: datetime


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """A command's arguments as JSON. Raises `Invalid` for what cannot be kept or is too long for a device."""
    if not keepable(arguments):
        raise Invalid("U+0000 and halves of surrogate pairs cannot be kept", field="arguments")
    text = json.dumps(arguments, ensure_ascii=False)
    if len(text.encode()) > _MOST_BYTES:
        raise Invalid(f"arguments are at most {_MOST_BYTES} bytes of JSON", field="arguments")
    return text


async def add_command(tx: Transaction, wish: Wish, at: datetime) -> None:
    """Keep a command, in the tenant's transaction.

    Raises `NotFound` for a device that is not there or not approved, `Invalid` as `arguments_text`.
    """
    arguments = arguments_text(wish.arguments)
    parameters = (wish.device, wish.id, wish.name, arguments, wish.asked_by, at, wish.expires_at)
    if await tx.fetchval(_SQL["add"], *parameters) is None:
        raise NotFound(f"there is no approved device {wish.device}")


async def commands_of(tx: Transaction, device: str, now: datetime, limit: int) -> list[dict[str, Any]]:
    """A device's commands, the newest first."""
    return [_shown(row) for row in await tx.fetch(_SQL["of_device"], device, now, limit)]


async def command(tx: Transaction, number: str, now: datetime) -> dict[str, Any]:
    """One command, with `whole`: the answer where it says more than the words of `answer`. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["one"], number, now)
    if row is None:
        raise NotFound(f"there is no command {number}")
    return {**_shown(row), "whole": None if row["whole"] is None else json.loads(row["whole"])}


async def open_commands(database: Database, now: datetime) -> AsyncIterator[Command]:
    """What no device has acknowledged yet, the oldest first, of approved devices of every tenant."""
    after: tuple[datetime, str] = (datetime(1970, 1, 1, tzinfo=UTC), "")
    while True:
        async with database.transaction() as tx:
            rows = await tx.fetch(_SQL["open"], now, *after, _PAGE)
        for row in rows:
            arguments = json.loads(row["arguments"])
            yield Command(row["tenant"], row["id"], row["device"], row["name"], arguments, row["expires_at"])
        if len(rows) < _PAGE:
            return
        after = rows[-1]["asked_at"], rows[-1]["id"]


async def came(tx: Transaction, tenant: str, number: str, how_far: HowFar, at: datetime) -> None:
    """Note how far a command came; never back."""
    await tx.execute(_SQL[how_far], tenant, number, at)


async def keep_answer(tx: Transaction, tenant: str, number: str, whole: Any) -> None:
    """Keep what a device answered in full, before it is told in short that it has answered."""
    await tx.execute(_SQL["keep_answer"], tenant, number, json.dumps(whole, default=float))


async def answered(tx: Transaction, answers: Sequence[Answer]) -> None:
    """Note answers. The first counts; those to commands that nobody gave this device are overlooked."""
    if answers:
        tenants, devices, ids, statuses, texts, times = (list(column) for column in zip(*answers, strict=True))
        await tx.execute(_SQL["answered"], tenants, devices, ids, statuses, texts, times)


def _shown(row: Any) -> dict[str, Any]:
    return {**dict(row), "arguments": json.loads(row["arguments"])}
