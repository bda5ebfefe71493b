"""`q`, `scopeQ` and geo-queries as PostgreSQL and GEOS answer them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from broker.entities.merge import EntityUpdate
from broker.errors import Invalid
from broker.log.postgres import PostgresOutlet
from broker.query.geo import geo_query
from broker.query.q import Kinds, compile_q, parse_q
from broker.query.scope import compile_scope
from broker.store import reading
from broker.store.entities import EntityWriter
from broker.store.reading import Selection
from tests.conftest import CityDatabase

AT = datetime(2026, 7, 1, tzinfo=UTC)


def p(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


ENTITIES: dict[str, dict[str, Any]] = {
    "urn:g:low": {
        "level": p(1.5, quality=p("good")),
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "天王川", "en": "Tenno"}},
        "tags": p(["river", "small"]),
        "scope": "/Fukui/Echizen",
    },
    "urn:g:high": {
        "level": [p(4.0), p(4.5, datasetId="urn:d:b")],
        "of": {"type": "Relationship", "object": "urn:river:9"},
        "address": p({"town": "Sabae", "no": 3}),
        "scope": ["/Fukui", "/Ishikawa/Kaga"],
    },
    "urn:g:none": {
        "rain": p(0, observedAt="2026-06-30T00:00:00Z"),
        "label": p('quote"d'),
        "plan": {"type": "JsonProperty", "json": {"town": "Sabae", "no": 3}},
    },
}


@pytest.fixture
async def stocked(database: CityDatabase) -> CityDatabase:
    writer = EntityWriter(PostgresOutlet({"changes": 1}))
    async with database.app.transaction("fukui") as tx:
        updates = [EntityUpdate(id_, ("Gauge",), attributes) for id_, attributes in ENTITIES.items()]
        await writer.write(tx, "fukui", updates, at=AT)
    return database


async def chosen(database: CityDatabase, where: Any) -> set[str]:
    async with database.app.transaction("fukui") as tx:
        selection = Selection(types=("Gauge",), where=(where,))
        found = await reading.select(tx, selection, limit=10, offset=0)
        assert await reading.count(tx, selection) == len(found)
    return {document.id.removeprefix("urn:g:") for document in found}


@pytest.mark.parametrize(
    ("q", "ids"),
    [
        ("level>2", {"high"}),
        ("level==1.5", {"low"}),
        ("level==4.5", {"high"}),
        ("level!=1.5", {"high"}),
        ("level==1..2", {"low"}),
        ("level==1.5,4", {"low", "high"}),
        ("level", {"low", "high"}),
        ("!level", {"none"}),
        ("level<2;tags=='x'|rain==0", set()),
        ('level<2;tags=="small"', {"low"}),
        ("(level<2|rain==0);!of", {"low", "none"}),
        ('level.quality=="good"', {"low"}),
        ('name[en]=="Tenno"', {"low"}),
        ('name[*]=="天王川"', {"low"}),
        ("of==urn:river:9", {"high"}),
        ('address[town]=="Sabae"', {"high"}),
        ("address[no]>=3", {"high"}),
        ("address[town]~=^Sab", {"high"}),
        ("address[town]!~=^Sab", set()),
        ("rain.observedAt<2026-07-01T00:00:00Z", {"none"}),
        ('label=="quote\\"d"', {"none"}),
        ('label=="\') or true --"', set()),
    ],
)
async def test_q(stocked: CityDatabase, q: str, ids: set[str]) -> None:
    if "'" in q and '"' not in q:
        with pytest.raises(Invalid):
            compile_q(q + ">", str)
        return
    assert await chosen(stocked, compile_q(q, str)) == ids


@pytest.mark.parametrize(
    ("q", "ids"),
    [
        ('plan[town]=="Sabae"', {"none"}),
        ("plan[no]>=3", {"none"}),
        ("plan", {"none"}),
        ('plan[town]!="Fukui"', {"none"}),
        ('address[town]=="Sabae"', set()),
        ("address", set()),
        ("!address;level", {"low", "high"}),
    ],
)
async def test_json_keys_mean_json_properties_alone(stocked: CityDatabase, q: str, ids: set[str]) -> None:
    """4.9: the trailing path of an attribute in jsonKeys is one of plain JSON."""
    kinds = Kinds(json_keys=frozenset({"plan", "address"}))
    assert await chosen(stocked, parse_q(q, str, kinds).where) == ids


@pytest.mark.parametrize(
    "q", ["", ".", "level>", ">1", "(level", "level)", "a=b", "level~=(a+)\\1", "level~=(?=a)", "a;" * 70 + "a"]
)
def test_what_is_no_query_is_refused(q: str) -> None:
    with pytest.raises(Invalid) as error:
        compile_q(q, str)
    assert error.value.field == "q"


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        ("/Fukui", {"high"}),
        ("/Fukui/#", {"low", "high"}),
        ("/+/Echizen", {"low"}),
        ("/Fukui;/Ishikawa/#", {"high"}),
        ("/Fukui/Echizen,/Ishikawa/Kaga", {"low", "high"}),
        ("/#", {"low", "high"}),
    ],
)
async def test_scopes(stocked: CityDatabase, scope: str, ids: set[str]) -> None:
    assert await chosen(stocked, compile_scope(scope)) == ids


@pytest.mark.parametrize("scope", ["", "/a;", ";/a", "(/a", "/a)b", "/a,,/b", "/a b"])
def test_what_is_no_scope_is_refused(scope: str) -> None:
    with pytest.raises(Invalid):
        compile_scope(scope)


@pytest.mark.parametrize(
    ("georel", "coordinates", "holds"),
    [
        ("near;maxDistance==1500", [136.01, 35.0], True),
        ("near;maxDistance==500", [136.01, 35.0], False),
        ("near;minDistance==500", [136.01, 35.0], True),
        ("equals", [136.0, 35.0], True),
    ],
)
def test_distances_are_on_the_earth(georel: str, coordinates: list[float], holds: bool) -> None:
    query = geo_query(georel, "Point", str(coordinates), "location")
    assert query is not None
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.0, 35.0]}}
    assert query.matches(place) is holds


@pytest.mark.parametrize("georel", ["near", "beside", "near;maxDistance==far", "within;maxDistance==3"])
def test_what_is_no_georel_is_refused(georel: str) -> None:
    with pytest.raises(Invalid) as error:
        geo_query(georel, "Point", "[136, 35]", "location")
    assert error.value.field == "georel"


async def test_attributes_tell_when_they_came_and_changed(stocked: CityDatabase) -> None:
    writer = EntityWriter(PostgresOutlet({"changes": 1}))
    later = datetime(2026, 7, 2, tzinfo=UTC)
    async with stocked.app.transaction("fukui") as tx:
        await writer.write(tx, "fukui", [EntityUpdate("urn:g:low", (), {"level": p(9), "new": p(1)})], at=later)
        stored = (await reading.documents(tx, ["urn:g:low"]))["urn:g:low"]
    stamps = orjson.loads(stored.stamps)
    assert stamps == {
        "m:level": "2026-07-02T00:00:00Z",
        "m:new": "2026-07-02T00:00:00Z",
        "c:new": "2026-07-02T00:00:00Z",
    }
