"""Districts (地区) as polygons, with who lives there and which gauges stand for them: reading and checking. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape

from broker.errors import Invalid

_SLIVER = 0.01
"""Neighbours drawn by hand share slivers; more than this share of the smaller one is an overlap."""
_MOST = 2000
_JAPAN = (122.0, 20.0, 154.0, 46.0)


class District(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A district. `need_help` counts the people on the list of those who need help to evacuate
    (避難行動要支援者): a count, never names. `gauges` are entity ids; `sources` those of what else is looked at there:
    rain gauges, dams, flood notices. `depth_m` is the hazard map's band of depth."""

    id: str
    name: str
    name_en: str = ""
    households: int = 0
    people: int = 0
    need_help: int = 0
    gauges: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    shelters: tuple[str, ...] = ()
    depth_m: tuple[float, float] | None = None
    polygon: dict[str, Any] = {}


class Loaded(NamedTuple):
    """Districts that were read, and what somebody should look at though it stops nothing."""

    districts: tuple[District, ...]
    warnings: tuple[str, ...]


def parse_districts(document: Any, known: Collection[str], sources: Collection[str] = ()) -> Loaded:
    """Districts from a GeoJSON FeatureCollection; properties are `District`'s names. `known` are the gauges' entity
    ids, `sources` those of rain gauges, dams and notices; one may be named by the last part of its id alone. Raises
    `Invalid` with the path of what is wrong."""
    features = document.get("features") if isinstance(document, Mapping) else None
    if not isinstance(features, list) or not features:
        raise Invalid("a GeoJSON FeatureCollection with at least one feature is expected", field="features")
    if len(features) > _MOST:
        raise Invalid(f"{len(features)} districts; at most {_MOST} are taken", field="features")
    found = [_district(feature, index, known, sources) for index, feature in enumerate(features)]
    _check_unique(found)
    _check_overlaps(found)
    return Loaded(tuple(found), _warnings(found, known))


def with_figures(districts: Sequence[District], text: str, known: Collection[str]) -> Loaded:
    """The districts with households, people, needHelp and gauges from a CSV file with a column `id`.

    Lists in a cell are separated by blanks. Raises `Invalid` naming the line.
    """
    by_id = {district.id: district for district in districts}
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if "id" not in (rows.fieldnames or ()):
        raise Invalid("the first line must name the columns, `id` among them", field="id")
    for row in rows:
        where = f"line {rows.line_num}"
        old = by_id.get(row["id"] or "")
        if old is None:
            raise Invalid(f"{where}: there is no district {row['id']!r}; load its polygon first", field="id")
        changes: dict[str, Any] = {}
        for column, name in (("households", "households"), ("people", "people"), ("needHelp", "need_help")):
            if row.get(column):
                changes[name] = _count(row[column], f"{where}: {column}")
        if row.get("gauges"):
            changes["gauges"] = _gauges(str(row["gauges"]).split(), known, f"{where}: gauges")
        by_id[old.id] = msgspec.structs.replace(old, **changes)
    found = tuple(by_id.values())
    return Loaded(found, _warnings(found, known))


def _district(feature: Any, index: int, known: Collection[str], sources: Collection[str]) -> District:
    where = f"features[{index}]"
    if not isinstance(feature, Mapping) or not isinstance(feature.get("properties"), Mapping):
        raise Invalid(f"{where} needs `properties` and a `geometry`", field=where)
    geometry = _polygon(feature.get("geometry"), f"{where}.geometry")
    properties = {name: value for name, value in feature["properties"].items() if value is not None}
    properties["gauges"] = _gauges(properties.get("gauges", []), known, f"{where}.properties.gauges")
    properties["sources"] = _named(properties.get("sources", []), sources, f"{where}.properties.sources", "source")
    try:
        district = msgspec.convert({**properties, "polygon": geometry}, District)
    except msgspec.ValidationError as error:
        raise Invalid(f"{where}.properties: {error}", field=f"{where}.properties") from error
    if not district.id or len(district.id) > 60 or not district.name:
        raise Invalid(
            f"{where}.properties needs an `id` (60 characters at most) and a `name`", field=f"{where}.properties"
        )
    for name in ("households", "people", "need_help"):
        _count(getattr(district, name), f"{where}.properties.{name}")
    return district


def _polygon(geometry: Any, where: str) -> dict[str, Any]:
    if not isinstance(geometry, Mapping) or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise Invalid(f"{where} must be a Polygon or a MultiPolygon in longitude and latitude", field=where)
    try:
        read = shape(geometry)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, GEOSException) as error:
        raise Invalid(f"{where} is no geometry: {error}", field=where) from error
    if read.is_empty or not read.is_valid:
        raise Invalid(f"{where}: {shapely.is_valid_reason(read)}; draw its border without crossings", field=where)
    west, south, east, north = read.bounds
    if west < _JAPAN[0] or south < _JAPAN[1] or east > _JAPAN[2] or north > _JAPAN[3]:
        raise Invalid(f"{where} is not in Japan; is latitude written before longitude?", field=where)
    return {"type": geometry["type"], "coordinates": geometry["coordinates"]}


def _gauges(named: Any, known: Collection[str], where: str) -> tuple[str, ...]:
    return _named(named, known, where, "gauge")


def _named(named: Any, known: Collection[str], where: str, what: str) -> tuple[str, ...]:
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise Invalid(f"{where} must be a list of station ids or entity ids", field=where)
    stations = {entity.rsplit(":", 1)[-1]: entity for entity in known}
    found = [one if one in known else stations.get(one) for one in named]
    for one, entity in zip(named, found, strict=True):
        if entity is None:
            raise Invalid(f"{where}: there is no {what} {one!r}; register it first", field=where)
    return tuple(entity for entity in dict.fromkeys(found) if entity)


def _count(value: Any, where: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= 10_000_000:
        raise Invalid(f"{where} is {value!r}; a whole number from 0 is expected", field=where)
    return number


def _check_unique(districts: Sequence[District]) -> None:
    seen: set[str] = set()
    for district in districts:
        if district.id in seen:
            raise Invalid(f"the district {district.id!r} is there twice", field="id")
        seen.add(district.id)


def _check_overlaps(districts: Sequence[District]) -> None:
    shapes = [shape(district.polygon) for district in districts]
    tree = shapely.STRtree(shapes)
    pairs = {tuple(sorted(map(int, pair))) for pair in tree.query(shapes, predicate="intersects").T}
    for one, other in sorted(pair for pair in pairs if pair[0] != pair[1]):
        common = shapes[one].intersection(shapes[other]).area
        if common > _SLIVER * min(shapes[one].area, shapes[other].area):
            names = f"{districts[one].name} ({districts[one].id}) and {districts[other].name} ({districts[other].id})"
            raise Invalid(f"{names} overlap: who lives there would be told two things", field="features")


def _warnings(districts: Sequence[District], known: Collection[str]) -> tuple[str, ...]:
    without = [f"{d.name} ({d.id}) has no gauge: nothing will be proposed for it" for d in districts if not d.gauges]
    serving = {gauge for district in districts for gauge in district.gauges}
    idle = sorted(set(known) - serving)
    if idle:
        without.append(
            f"{len(idle)} gauges stand for no district: {', '.join(idle[:20])}{' …' if len(idle) > 20 else ''}"
        )
    return tuple(without)
