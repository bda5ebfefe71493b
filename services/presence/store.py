"""The tables of watch tags: loading and saving, in the caller's transaction."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load
from broker.veil import Veil
from services.presence.codes import names_between, rotation_of
from services.presence.places import Fences, read_polygon
from services.presence.rules import Rule
from services.presence.track import Cell, State, Watch, window_start

SQL = load("services.presence", "store")
_OPEN = 2048
TAG, PLACE = "tag", "tag-place"
"""The uses under which a tag's link and its places are sealed."""


class Wearer(msgspec.Struct, frozen=True, kw_only=True):
    """What stands sealed in a tag's row: its code, whose it is (a person of `broker.consent`), what they are called,
    and the handle by which persons and apps know the tag (`keying`; '' where the row still bears it)."""

    code: str
    person: str
    name: str
    handle: str = ""


class SealedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What stands sealed in a place's row: its name, and its polygon in GeoJSON."""

    name: str
    polygon: dict[str, Any]


class Watched(NamedTuple):
    """A registered tag with all that its family set. `id` is its rows' name, `handle` what persons and apps call it."""

    id: str
    handle: str
    wearer: Wearer
    vendor: str
    places: Mapping[str, SealedPlace]
    rules: Sequence[Rule]
    watch: Watch


NAMED_AHEAD = timedelta(days=2)
"""How far ahead the names of a tag that changes them are known, so that a day's stop of this service loses nothing."""


def aliases(
    veil: Veil, tenant: str, code: str, since: datetime, now: datetime
) -> tuple[list[int], list[str], list[datetime | None]]:
    """By which epochs, pseudonyms and until when a tag with this code is heard: for good, or from `since` on."""
    rows: set[tuple[int, str, datetime | None]] = set()
    rotation = rotation_of(code)
    if rotation is None:
        epochs = {veil.epoch_of(now + timedelta(days=days)) for days in (-1, 0, 1)}
        rows = {(epoch, veil.pseudonym(tenant, code, epoch), None) for epoch in epochs}
    else:
        for name in names_between(rotation, since, now + NAMED_AHEAD):
            period = name.until - name.since
            for epoch in {veil.epoch_of(name.since - period), veil.epoch_of(name.until + period)}:
                rows.add((epoch, veil.pseudonym(tenant, name.tag, epoch), name.until))
    ordered = sorted(rows, key=lambda row: row[:2])
    return [row[0] for row in ordered], [row[1] for row in ordered], [row[2] for row in ordered]


@asynccontextmanager
async def as_family(tx: Transaction) -> AsyncIterator[Transaction]:
    """In the block a request may use the tables of watch tags, and nothing else."""
    await tx.execute("set local role cityos_family")
    try:
        yield tx
    finally:
        await tx.execute("set local role none")


async def load_watched(
    tx: Transaction, veil: Veil, tenant: str, number: int, tags: Sequence[str], template: Watch
) -> dict[str, Watched]:
    """The registered tags among `tags`, opened."""
    found = {}
    for row in await tx.fetch(SQL["watched"], number, list(tags)):
        places, fences = _open_places(veil, tenant, row["places"])
        rules = msgspec.json.decode(row["rules"], type=list[Rule])
        wearer = msgspec.json.decode(veil.open(tenant, TAG, row["sealed"]), type=Wearer)
        watch = template._replace(fences=fences)
        found[row["id"]] = Watched(row["id"], wearer.handle or row["id"], wearer, row["vendor"], places, rules, watch)
    return found


@lru_cache(maxsize=_OPEN)
def _open_places(veil: Veil, tenant: str, sealed: str) -> tuple[Mapping[str, SealedPlace], Fences]:
    """A family's places and their polygons. Kept open, for they are asked at every sighting and change once a year;
    what was sealed anew is another text, and what was erased is asked for no more."""
    opened = {id: veil.open(tenant, PLACE, base64.b64decode(one)) for id, one in json.loads(sealed).items()}
    places = {id: msgspec.json.decode(one, type=SealedPlace) for id, one in opened.items()}
    return places, Fences({id: read_polygon(place.polygon) for id, place in places.items()})


def encode(value: Any) -> str:
    """A value as the JSON of a column."""
    return msgspec.json.encode(value).decode()


def decode_state(text: str) -> State:
    """The inverse of `encode` for a state."""
    return msgspec.json.decode(text, type=State)


async def load_cells(tx: Transaction, number: int, since: Mapping[str, int], window_s: int) -> dict[str, list[Cell]]:
    """Each tag's cells from the window given for it on."""
    found: dict[str, list[Cell]] = {tag: [] for tag in since}
    starts = [window_start(max(window, 0), window_s) for window in since.values()]
    for row in await tx.fetch(SQL["cells"], number, list(since), starts):
        found[row["tag_id"]].append(msgspec.json.decode(row["body"], type=Cell))
    return found


async def save_cells(tx: Transaction, number: int, cells: Mapping[str, Sequence[Cell]], window_s: int) -> None:
    """Keep cells, each whole."""
    rows = [
        (tag, window_start(cell.window, window_s), cell.detector, encode(cell))
        for tag, own in sorted(cells.items())
        for cell in own
    ]
    if rows:
        await tx.execute(SQL["save_cells"], number, *(list(column) for column in zip(*rows, strict=True)))


async def set_flow_least(tx: Transaction, tenant: str, least: int) -> None:
    """The least number of tags that an open count of this city may tell, from now on. Raises `NotFound`."""
    if await tx.fetchval(SQL["flow_least"], tenant, least) is None:
        raise NotFound(f"there is no tenant {tenant!r}")


async def make_days(tx: Transaction, kind: str, number: int, days: Sequence[date]) -> None:
    """Make the partitions of these UTC days where they are missing."""
    await tx.fetch(SQL["make_days"], kind, number, list(days))


async def load_checkpoints(tx: Transaction, number: int, days: Mapping[str, date]) -> dict[str, tuple[date, State]]:
    """The newest state with which a day not after the one given began, for each tag that has one."""
    rows = await tx.fetch(SQL["day_before"], number, list(days), list(days.values()))
    return {row["tag_id"]: (row["day"], decode_state(row["state"])) for row in rows}


class Noted(NamedTuple):
    """An event of a tag as its row."""

    tag: str
    kind: str
    place: str
    at: datetime
    decided: int
