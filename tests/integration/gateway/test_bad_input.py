"""What strangers send: a clear answer each, and no process minds."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from broker.store.aggregates import METHODS
from broker.store.rollups import fold_dirty, roll_up
from tests.integration.gateway.conftest import PRESENT, City
from tests.integration.gateway.test_entities import CORE, ENTITIES, GAUGE, UPSERT, gauge

NGSI_LD = "https://uri.etsi.org/ngsi-ld/errors/"
TITLES = {
    "BadRequestData": (400, "The request's data is wrong"),
    "InvalidRequest": (400, "The body is not JSON"),
    "InvalidParameter": (400, "The request is wrong"),
    "OperationNotSupported": (422, "Not supported here"),
    "LdContextNotAvailable": (503, "The @context is not available"),
}


def problem(kind: str, detail: str, field: str | None = None) -> dict[str, Any]:
    status, title = TITLES[kind]
    name = "InvalidRequest" if kind == "InvalidParameter" else kind
    body = {"type": f"{NGSI_LD}{name}", "title": title, "status": status, "detail": detail}
    return body if field is None else {**body, "field": field}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            f"{ENTITIES}/no-uri",
            problem("BadRequestData", "the id in the path must be a URI, such as urn:ngsi-ld:WaterObserved:1", "id"),
        ),
        (f"{ENTITIES}?type=T&id=x", problem("BadRequestData", "'x' is not a URI, as every id must be", "id")),
        (
            ENTITIES,
            problem(
                "BadRequestData",
                "a query needs at least type, attrs, q or a geo-query (or local=true for everything here)",
                "type",
            ),
        ),
        (
            f"{ENTITIES}?type=T&limit=0",
            problem("BadRequestData", "limit must be a whole number from 1 to 1000", "limit"),
        ),
        (
            f"{ENTITIES}?type=T&limit=1e3",
            problem("BadRequestData", "limit must be a whole number from 1 to 1000", "limit"),
        ),
        (
            f"{ENTITIES}?type=T&offset=-1",
            problem("BadRequestData", "offset must be a whole number from 0 to 1000000", "offset"),
        ),
        (f"{ENTITIES}?type=T&count=yes", problem("BadRequestData", "count must be true or false", "count")),
        (
            f"{ENTITIES}?type=T&options=pretty",
            problem(
                "InvalidParameter",
                "'pretty' is no option here; there are normalized, concise, keyValues, simplified, sysAttrs",
                "options",
            ),
        ),
        (
            f"{ENTITIES}?type=T&options=keyValues,concise",
            problem("BadRequestData", "choose one of normalized, concise and keyValues", "options"),
        ),
        (
            f"{ENTITIES}?type=a%20b",
            problem(
                "BadRequestData",
                "a name is letters, digits, _ . - (a letter first), at most 256, or a full IRI",
                "type",
            ),
        ),
        (
            f"{ENTITIES}?type=T&idPattern={'a' * 257}",
            problem("BadRequestData", "a regular expression of 1 to 256 characters is needed", "idPattern"),
        ),
        (
            f"{ENTITIES}?type=T&q=level>",
            problem("BadRequestData", "q needs a value, not 'its end'", "q"),
        ),
        (
            f"{ENTITIES}?type=(A;B",
            problem("BadRequestData", "type lacks a closing parenthesis", "type"),
        ),
        (
            f"{ENTITIES}?type=T&colour=red",
            problem("InvalidParameter", "there is no parameter 'colour' here", "colour"),
        ),
        (
            "/ngsi-ld/v1/temporal/entities?type=T",
            problem("BadRequestData", "a temporal query needs timerel (before, after, between) and timeAt", "timerel"),
        ),
        (
            "/ngsi-ld/v1/temporal/entities?type=T&timerel=after&timeAt=yesterday",
            problem("BadRequestData", "a time must be like 2023-07-13T02:20:00Z, with its offset", "timeAt"),
        ),
        (
            "/ngsi-ld/v1/temporal/entities?type=T&timerel=around&timeAt=2024-07-01T00:00:00Z",
            problem("BadRequestData", "timerel must be before, after or between", "timerel"),
        ),
        (
            "/ngsi-ld/v1/temporal/entities?type=T&timerel=between&timeAt=2024-07-01T00:00:00Z",
            problem("BadRequestData", "endTimeAt is missing", "endTimeAt"),
        ),
    ],
)
async def test_bad_queries(api: httpx.AsyncClient, path: str, expected: dict[str, Any]) -> None:
    answer = await api.get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()) == (expected["status"], expected)


@pytest.mark.parametrize("pattern", ["[", "(", "a{5,1}", "((((a{100}){100}){100}){100})"])
async def test_patterns_that_are_none(api: httpx.AsyncClient, pattern: str) -> None:
    answer = await api.get(ENTITIES, params={"type": "WaterObserved", "idPattern": pattern})
    assert answer.status_code == 400
    assert answer.json()["field"] == "idPattern"
    assert "regular expression" in answer.json()["detail"]


async def test_a_pattern_that_would_explode_does_not(writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[{**gauge(), "id": "urn:ngsi-ld:WaterObserved:" + "a" * 1000}])
    answer = await writer.get(ENTITIES, params={"type": "WaterObserved", "idPattern": "(a+)+$|((a*)*)*b"}, timeout=30)
    assert answer.status_code == 200


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"[7]", {"Content-Type": "text/csv"}, (415, "Content-Type must be application/json or application/ld+json")),
        (b"[7]", {}, (415, "Content-Type must be application/json or application/ld+json, not missing")),
        (b"{", JSON, (400, "the body is not JSON")),
        (b"", JSON, (400, "the body is not JSON")),
        (b"\xff\xfe[]", JSON, (400, "the body is not JSON")),
        (b"[NaN]", JSON, (400, "the body is not JSON")),
        (b'["\\ud800"]', JSON, (400, "the body is not JSON")),
        (b"[" * 100_000, JSON, (400, "the body is not JSON")),
        (b"{}", JSON, (400, "the body must be a list of at least one entity")),
        (b"[]", JSON, (400, "the body must be a list of at least one entity")),
        (b"[" + b"7," * 1000 + b"7]", JSON, (400, "1001 entities are too many for one batch; send at most 1000")),
        (b"[" + b" " * (10 * 1024 * 1024) + b"]", JSON, (413, "the body is 10485762 bytes; at most 10485760")),
    ],
    ids=lambda value: str(value[:12]) if isinstance(value, bytes) else None,
)
async def test_bad_bodies(
    writer: httpx.AsyncClient, content: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = await writer.post(UPSERT, content=content, headers=headers)
    assert answer.status_code == expected[0], answer.text
    assert answer.json()["detail"].startswith(expected[1])


async def test_a_body_that_grows_without_saying_is_cut_off(writer: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        for _ in range(11):
            yield b" " * 1024 * 1024

    answer = await writer.post(UPSERT, content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:city-os:problem:too-large")


async def errors_of(writer: httpx.AsyncClient, document: Any, **options: Any) -> dict[str, Any]:
    answer = await writer.post(UPSERT, json=[document], **options)
    assert answer.status_code == 207, answer.text
    assert answer.json()["success"] == []
    found: dict[str, Any] = answer.json()["errors"][0]["error"]
    return found


async def test_contexts_that_are_not_the_core(writer: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    ld = {"Content-Type": "application/ld+json"}
    away = await errors_of(writer, {**gauge(), "@context": "https://127.0.0.1/c.jsonld"}, headers=ld)
    assert away["type"] == f"{NGSI_LD}LdContextNotAvailable"
    assert "not of the public internet" in away["detail"], "a stranger does not make us ask our own network"
    assert (await errors_of(writer, gauge(), headers=ld))["field"] == "@context"
    assert (await errors_of(writer, {**gauge(), "@context": CORE}))["field"] == "@context"
    linked = {"Link": '<https://127.0.0.1/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"'}
    refused = await api.get(f"{ENTITIES}/{GAUGE}", headers=linked)
    assert refused.status_code == 503
    assert refused.json()["type"] == f"{NGSI_LD}LdContextNotAvailable"
    good = await writer.post(UPSERT, json=[{**gauge(), "@context": [CORE]}], headers=ld)
    assert good.status_code == 201


async def test_what_cannot_be_accepted(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{ENTITIES}/{GAUGE}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["type"]) == (406, "urn:city-os:problem:not-acceptable")
    # Only entities as they are now have a GeoJSON form (6.3.4).
    on_a_map = await api.get(
        "/ngsi-ld/v1/temporal/entities", params={"type": "WaterObserved"}, headers={"Accept": "application/geo+json"}
    )
    assert on_a_map.status_code == 406, on_a_map.text
    picky = {"Accept": "text/html, application/ld+json;q=0.5, */*;q=0.1"}
    assert (await api.get(f"{ENTITIES}/{GAUGE}", headers=picky)).status_code == 404


async def test_a_word_that_is_none_is_told_before_what_is_missing(api: httpx.AsyncClient) -> None:
    """6.3.20: an unknown parameter is an InvalidRequest, whatever else the question lacks."""
    for path in ("/ngsi-ld/v1/entities", "/ngsi-ld/v1/temporal/entities"):
        said = (await api.get(path, params={"typ": "WaterObserved"})).json()
        assert (said["type"], said["field"]) == (f"{NGSI_LD}InvalidRequest", "typ")


async def test_values_the_store_cannot_keep(writer: httpx.AsyncClient) -> None:
    assert (await errors_of(writer, gauge(name="a\x00b")))["field"] == "name"
    assert (await errors_of(writer, {**gauge(), "id": "urn:a:\x00"}))["field"] == "id"


async def test_numbers_whose_squares_no_float_holds_do_no_harm(
    city: City, api: httpx.AsyncClient, writer: httpx.AsyncClient
) -> None:
    for minute, level in enumerate((1e200, 1e-200, 3.0)):
        await writer.post(UPSERT, json=[gauge(level=level, at=f"2024-06-30T22:{minute:02}:00Z")])
    async with city.database.system.transaction() as tx:
        assert await fold_dirty(tx, 100)
        assert await roll_up(PRESENT, PRESENT, tx, 100)
    params = {"options": "aggregatedValues", "aggrMethods": ",".join(METHODS)}
    answer = await api.get(f"/ngsi-ld/v1/temporal/entities/{GAUGE}", params=params)
    assert answer.status_code == 200, answer.text
    found = {method: answer.json()["waterLevel"][method][0][0] for method in METHODS}
    assert (found["totalCount"], found["distinctCount"], found["sumsq"], found["max"]) == (3, 3, 9, 3)


async def test_odd_conditions_are_answered(api: httpx.AsyncClient) -> None:
    for condition in ('name=="\\ud800"', 'name=="\\u0000"', "level==1e999", "code==05", ".==1"):
        answer = await api.get(ENTITIES, params={"type": "WaterObserved", "q": condition})
        assert answer.status_code in (200, 400), (condition, answer.text)
        assert answer.status_code == 200 or answer.json()["type"] == f"{NGSI_LD}BadRequestData"


async def test_paths_and_methods_that_are_not_there(api: httpx.AsyncClient) -> None:
    missing = await api.get("/ngsi-ld/v1/nothing")
    assert missing.status_code == 404
    assert missing.json()["detail"] == "there is nothing at /ngsi-ld/v1/nothing; /openapi.json lists what there is"
    wrong = await api.put("/health/live")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert wrong.json()["detail"] == "/health/live does not take PUT; the header Allow says what it takes"


async def test_parameters_of_the_services_are_checked_in_the_same_shape(city: City, api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/devices", params={"limit": "many"})
    assert answer.status_code == 400
    assert answer.json() == {
        "type": "urn:city-os:problem:invalid",
        "title": "The request's data is wrong",
        "status": 400,
        "detail": "Input should be a valid integer, unable to parse string as an integer",
        "field": "limit",
        "errors": [
            {"field": "limit", "detail": "Input should be a valid integer, unable to parse string as an integer"}
        ],
    }


async def test_a_strange_tenant_leaves_nothing_behind(city: City, api: httpx.AsyncClient) -> None:
    for name in ("atlantis", "x'; drop table entity", "a" * 5000, "\x00"):
        answer = await api.get(f"{ENTITIES}/{GAUGE}", headers=[(b"NGSILD-Tenant", name.encode())])
        assert answer.json()["type"] == f"{NGSI_LD}NonexistentTenant"
    await asyncio.sleep(0.01)
    reader = city.app.state.reader
    assert not reader._waiting
    assert not reader._running
