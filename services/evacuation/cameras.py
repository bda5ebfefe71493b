"""Still images of the cameras beside gauges: taken as they are sent, shown while they are news, then forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from broker.errors import Invalid
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import iso
from services.evacuation.areas import District

_SQL = load("services.evacuation", "cameras")
LARGEST = 1024 * 1024
"""Bytes of one image."""
_AHEAD, _BEHIND = timedelta(minutes=5), timedelta(days=30)
_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class Still(NamedTuple):
    """An image with when it was taken. `masked`: faces and number plates were made unreadable."""

    at: datetime
    masked: bool
    media_type: str
    body: bytes


def read_still(body: bytes, at: datetime, now: datetime, *, masked: bool) -> Still:
    """An image as it was sent. Raises `Invalid` naming what is wrong; its kind is told by its bytes."""
    if len(body) > LARGEST:
        raise Invalid(f"{len(body)} bytes; at most {LARGEST}: send a smaller picture", field="body")
    kind = next((name for start, name in _KINDS.items() if body.startswith(start)), None)
    if kind is None:
        raise Invalid("neither a JPEG nor a PNG", field="body")
    if at - now > _AHEAD:
        raise Invalid("a time to come; set the camera's clock", field="at")
    if now - at > _BEHIND:
        raise Invalid(f"older than {_BEHIND.days} days: no news any more", field="at")
    return Still(at, masked, kind, body)


async def keep(tx: Transaction, camera: str, still: Still, known: Collection[str], now: datetime) -> bool:
    """Keep an image of a camera that stands for a district; False where that moment's is there already.

    Raises `Invalid` for a camera that no district names.
    """
    if camera not in known:
        raise Invalid(f"no district names the camera {camera!r}; add it to the district's `cameras`", field="camera")
    words = (still.at, still.masked, still.media_type, still.body, now)
    return await tx.fetchval(_SQL["keep"], camera, *words) is not None


async def newest(tx: Transaction, camera: str, *, masked_only: bool) -> Still | None:
    """The latest image; of those that anybody may see with `masked_only`."""
    row = await tx.fetchrow(_SQL["newest"], camera, masked_only)
    return None if row is None else Still(row["at"], row["masked"], row["media_type"], bytes(row["body"]))


async def newest_times(tx: Transaction, cameras: Collection[str], *, masked_only: bool) -> list[dict[str, Any]]:
    """Of each camera that has sent something when its latest image was taken."""
    rows = await tx.fetch(_SQL["list"], sorted(cameras), masked_only)
    return [{"camera": row["camera"], "at": iso(row["at"]), "masked": row["masked"]} for row in rows]


def stands_for(camera: str, districts: Sequence[District]) -> dict[str, Any]:
    """The districts that name the camera, and their gauges."""
    named = [district for district in districts if camera in district.cameras]
    return {
        "districts": [{"id": one.id, "name": one.name, "nameEn": one.name_en} for one in named],
        "gauges": list(dict.fromkeys(gauge for one in named for gauge in one.gauges)),
    }


async def purge(tx: Transaction, before: datetime) -> int:
    """Forget images that came before that time, of every city. How many."""
    return len(await tx.fetch(_SQL["purge"], before))
