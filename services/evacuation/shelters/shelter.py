"""A shelter and how it stands; reading them from GeoJSON or CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from broker.errors import Conflict, Invalid

_MOST = 2000
_LARGEST = 100_000
_LATEST = timedelta(days=30)
_JAPAN = (122.0, 20.0, 154.0, 46.0)
_YES = frozenset({"1", "true", "yes", "有", "あり", "可", "○"})
_NO = frozenset({"", "0", "false", "no", "無", "なし", "不可", "×"})
_COLUMNS = {
    "id": ("id", "ID", "NO"),
    "name": ("name", "名称"),
    "nameEn": ("nameEn", "名称_英語", "名称_英字"),
    "address": ("address", "所在地_連結表記", "住所"),
    "latitude": ("latitude", "緯度"),
    "longitude": ("longitude", "経度"),
    "capacity": ("capacity", "想定収容人数"),
    "districts": ("districts", "地区"),
    "accessible": ("accessible", "バリアフリー"),
    "pets": ("pets", "ペット"),
    "power": ("power", "非常用電源"),
}
"""A column's names: ours, and those of 自治体標準オープンデータセット for shelters."""


class Shelter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A shelter as it is designated. `capacity` is in people, 0 where nobody has said. `power`: it has its own."""

    id: str
    name: str
    location: tuple[float, float]
    name_en: str = ""
    address: str = ""
    capacity: int = 0
    districts: tuple[str, ...] = ()
    accessible: bool = False
    pets: bool = False
    power: bool = False


class Opening(StrEnum):
    """Whether people may come. `full` is open to nobody further."""

    CLOSED = "closed"
    OPEN = "open"
    FULL = "full"


OPENING_NAMES = {Opening.CLOSED: "閉鎖", Opening.OPEN: "開設", Opening.FULL: "満員"}


class Standing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a shelter stands now. `count` is how many people are there, None where nobody has counted; `counted_at` is
    when it was last counted by hand. `power`: whether there is any at present, None where nobody has looked.
    `revision` counts the changes."""

    state: Opening = Opening.CLOSED
    count: int | None = None
    counted_at: datetime | None = None
    power: bool | None = None
    note: str = ""
    revision: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What staff set by hand: what is left out stays. `seen` is the revision that they looked at."""

    seen: int
    state: Opening | None = None
    count: int | None = None
    power: bool | None = None
    note: str | None = None


class Passing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """People who came (positive) or left at `at`. `id` is the sender's own, so that a repetition counts once."""

    id: str
    people: int
    at: datetime


class Loaded(NamedTuple):
    """Shelters that were read, and what somebody should look at though it stops nothing."""

    shelters: tuple[Shelter, ...]
    warnings: tuple[str, ...]


def parse_shelters(document: Any, districts: Collection[str]) -> Loaded:
    """Shelters from a GeoJSON FeatureCollection of points, or from the text of a CSV file. `districts` are those known.

    Raises `Invalid` with the path or the line of what is wrong.
    """
    found = _from_csv(document) if isinstance(document, str) else _from_geojson(document)
    if len(found) > _MOST:
        raise Invalid(f"{len(found)} shelters; at most {_MOST} are taken", field="features")
    seen: set[str] = set()
    for where, shelter in found:
        _check(where, shelter, districts)
        if shelter.id in seen:
            raise Invalid(f"{where}: the shelter {shelter.id!r} is there twice", field="id")
        seen.add(shelter.id)
    shelters = tuple(shelter for _, shelter in found)
    return Loaded(shelters, _warnings(shelters, districts))


def changed(shelter: Shelter, now: Standing, change: Change, at: datetime) -> Standing:
    """How the shelter stands after the change. Raises `Conflict` when somebody else was first, `Invalid`."""
    if change.seen != now.revision:
        raise Conflict(
            f"{shelter.name}は、ほかの職員が先に変更しました（今は{OPENING_NAMES[now.state]}）。"
            " / somebody has changed it since you looked; look again"
        )
    if change.count is not None and not 0 <= change.count <= _LARGEST:
        raise Invalid(f"{change.count} people; a whole number from 0 to {_LARGEST} is expected", field="count")
    if change.note is not None and len(change.note) > 200:
        raise Invalid(f"{len(change.note)} characters; at most 200", field="note")
    state = change.state or now.state
    counted = change.count is not None
    empty = state is Opening.CLOSED and not counted
    return Standing(
        state=state,
        count=change.count if counted else 0 if empty and now.count is not None else now.count,
        counted_at=at if counted or empty else now.counted_at,
        power=now.power if change.power is None else change.power,
        note=now.note if change.note is None else change.note.strip(),
        revision=now.revision + 1,
    )


def passed(now: Standing, passing: Passing) -> Standing:
    """After people came or left. What was before the last count by hand is in that count already."""
    if now.counted_at is not None and passing.at <= now.counted_at:
        return now
    count = min(_LARGEST, max(0, (now.count or 0) + passing.people))
    return msgspec.structs.replace(now, count=count, revision=now.revision + 1)


def check_passing(passing: Passing, now: datetime) -> None:
    """Raise `Invalid` for what no door could have counted."""
    if not 1 <= len(passing.id) <= 100:
        raise Invalid("1 to 100 characters, new for each count", field="id")
    if passing.at.tzinfo is None:
        raise Invalid("a time needs its offset, such as 2026-07-13T02:20:00+09:00", field="at")
    if (passing.at - now).total_seconds() > 300:
        raise Invalid("a time to come; set the clock of the counter", field="at")
    if now - passing.at > _LATEST:
        raise Invalid(f"older than {_LATEST.days} days: it is in some count by hand", field="at")
    if not -1000 <= passing.people <= 1000 or passing.people == 0:
        raise Invalid(f"{passing.people} people; 1 to 1000 who came, or as many below 0 who left", field="people")


def _from_geojson(document: Any) -> list[tuple[str, Shelter]]:
    features = document.get("features") if isinstance(document, Mapping) else None
    if not isinstance(features, list) or not features:
        raise Invalid("a GeoJSON FeatureCollection with at least one feature is expected", field="features")
    found = []
    for index, feature in enumerate(features):
        where = f"features[{index}]"
        if not isinstance(feature, Mapping) or not isinstance(feature.get("properties"), Mapping):
            raise Invalid(f"{where} needs `properties` and a `geometry`", field=where)
        geometry = feature.get("geometry")
        if not isinstance(geometry, Mapping) or geometry.get("type") != "Point":
            raise Invalid(f"{where}.geometry must be a Point in longitude and latitude", field=f"{where}.geometry")
        known = {name: value for name, value in feature["properties"].items() if value is not None}
        found.append((f"{where}.properties", _convert({**known, "location": geometry.get("coordinates")}, where)))
    return found


def _from_csv(text: str) -> list[tuple[str, Shelter]]:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    heads = rows.fieldnames or ()
    columns = {name: next((one for one in names if one in heads), None) for name, names in _COLUMNS.items()}
    for name in ("id", "name", "latitude", "longitude"):
        if columns[name] is None:
            raise Invalid(f"the first line must name the columns, {' or '.join(_COLUMNS[name])} among them", field=name)
    found = []
    for row in rows:
        where = f"line {rows.line_num}"
        cells = {name: (row.get(column) or "").strip() for name, column in columns.items() if column}
        found.append((where, _of_cells(cells, where)))
    if not found:
        raise Invalid("the file has no line below its columns", field="id")
    return found


def _of_cells(cells: Mapping[str, str], where: str) -> Shelter:
    fields: dict[str, Any] = {name: cells.get(name, "") for name in ("id", "name", "nameEn", "address")}
    fields["location"] = [
        _number(cells["longitude"], where, "longitude"),
        _number(cells["latitude"], where, "latitude"),
    ]
    fields["capacity"] = int(_number(cells.get("capacity") or "0", where, "capacity"))
    fields["districts"] = cells.get("districts", "").split()
    for name in ("accessible", "pets", "power"):
        fields[name] = _yes(cells.get(name, ""), where, name)
    return _convert(fields, where)


def _number(cell: str, where: str, field: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise Invalid(f"{where}: {field} is {cell!r}; a number is expected", field=field) from error


def _yes(cell: str, where: str, field: str) -> bool:
    if cell.lower() not in _YES | _NO:
        raise Invalid(f"{where}: {field} is {cell!r}; 有 or 無 is expected", field=field)
    return cell.lower() in _YES


def _convert(fields: Mapping[str, Any], where: str) -> Shelter:
    try:
        return msgspec.convert(fields, Shelter)
    except msgspec.ValidationError as error:
        raise Invalid(f"{where}: {error}", field=where) from error


def _check(where: str, shelter: Shelter, districts: Collection[str]) -> None:
    if not 1 <= len(shelter.id) <= 60 or not shelter.name:
        raise Invalid(f"{where} needs an `id` (60 characters at most) and a `name`", field=where)
    longitude, latitude = shelter.location
    if not (_JAPAN[0] <= longitude <= _JAPAN[2] and _JAPAN[1] <= latitude <= _JAPAN[3]):
        raise Invalid(f"{where} is not in Japan; is latitude written before longitude?", field=where)
    if not 0 <= shelter.capacity <= _LARGEST:
        raise Invalid(f"{where}: capacity is {shelter.capacity}; 0 to {_LARGEST} people is expected", field="capacity")
    unknown = next((name for name in shelter.districts if name not in districts), None)
    if unknown is not None:
        raise Invalid(f"{where}: there is no district {unknown!r}; load the districts first", field="districts")


def _warnings(shelters: Sequence[Shelter], districts: Collection[str]) -> tuple[str, ...]:
    told = [
        f"{one.name} ({one.id}) has no capacity: nobody will see when it is full"
        for one in shelters
        if not one.capacity
    ]
    served = {name for shelter in shelters for name in shelter.districts}
    without = sorted(set(districts) - served)
    if without:
        told.append(
            f"{len(without)} districts have no shelter: {', '.join(without[:20])}{' …' if len(without) > 20 else ''}"
        )
    return tuple(told)
