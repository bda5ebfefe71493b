"""Health, metrics, the API's description, the pages, and the headers on every answer."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from api_gateway.app import create_app
from api_gateway.settings import GatewaySettings, MapSettings
from broker.store.postgres import open_database
from tests.integration.gateway.conftest import SETTINGS, City
from tests.integration.gateway.test_entities import ENTITIES, GAUGE, UPSERT, gauge


async def test_live_and_ready(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health/live")).json() == {"status": "pass"}
    ready = await api.get("/health/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "pass", "checks": {"database": "pass", "log": "pass"}},
    )


async def test_not_ready_without_the_database(city: City) -> None:
    gone = await open_database(city.database.app_url, size=1)
    await gone.close()
    services = dataclasses.replace(city.services, database=gone, metrics=type(city.services.metrics)())
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"] == {"database": "Unavailable", "log": "pass"}
        read = await client.get(f"{ENTITIES}/{GAUGE}")
        assert (read.status_code, read.headers["retry-after"]) == (503, "1")
        assert read.json()["type"] == "urn:city-os:problem:unavailable"
        assert len(read.json()["trace"]) == 32


async def test_metrics_count_by_route_and_never_by_path(api: httpx.AsyncClient) -> None:
    await api.get(f"{ENTITIES}/{GAUGE}")
    await api.get("/a-strangers-path")
    text = (await api.get("/metrics")).text
    assert 'cityos_http_requests_total{route="retrieve",status="404"} 1.0' in text
    assert "a-strangers-path" not in text
    assert "cityos_event_streams 0.0" in text


async def test_the_description_is_complete(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert {
        "/ngsi-ld/v1/entities",
        "/ngsi-ld/v1/entities/{entity_id}",
        "/ngsi-ld/v1/temporal/entities",
        "/ngsi-ld/v1/temporal/entities/{entity_id}",
        "/ngsi-ld/v1/entityOperations/upsert",
        "/ngsi-ld/v1/types",
        "/api/v1/events",
        "/api/v1/config",
        "/api/v1/accounting",
        "/api/v1/devices",
        "/oauth/token",
        "/oauth/jwks",
        "/health/ready",
    } <= paths.keys()
    tags = {tag["name"] for tag in document["tags"]}
    for path, operations in paths.items():
        for method, entry in operations.items():
            assert entry["summary"], (method, path)
            assert set(entry["tags"]) <= tags, (method, path)
            assert entry["responses"].keys() & {"200", "201", "202", "204", "302"}, (method, path)
            assert "422" not in entry["responses"] or path.startswith("/ngsi-ld")
    assert document["components"]["securitySchemes"]["token"]["flows"]["clientCredentials"]["tokenUrl"]
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)


async def test_headers_on_every_answer(api: httpx.AsyncClient) -> None:
    for path in ("/health/live", f"{ENTITIES}/{GAUGE}", "/nothing"):
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "server" not in headers


async def test_other_sites_may_read_open_data(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge()])
    origin = {"Origin": "https://app.example"}
    read = await api.get(f"{ENTITIES}/{GAUGE}", headers=origin)
    assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in read.headers
    plain = await api.get(f"{ENTITIES}/{GAUGE}")
    assert plain.json() == read.json(), "the short way and the ordinary way answer alike"
    asked = await api.options(UPSERT, headers={**origin, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 400, "writing is for servers, not for other sites' pages"


async def test_the_config(api: httpx.AsyncClient) -> None:
    body = (await api.get("/api/v1/config")).json()
    assert body["city"] == {"name": "都市OS", "nameEn": "City OS", "localGovernmentCode": None}
    assert (body["mode"], body["tileUrl"], body["languages"]) == ("live", None, ["ja", "en"])
    assert body["now"].endswith("Z")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>水位</title>")
    (tmp_path / "assets" / "map-3f2a.js").write_text("export {}")
    (tmp_path.parent / "secret.txt").write_text("secret")
    return tmp_path


async def test_pages_with_their_policy_and_caching(city: City, pages: Path) -> None:
    tiles = MapSettings(tile_url="https://tiles.example/{z}/{x}/{y}.png")
    settings = SETTINGS.model_copy(update={"web_folder": pages, "map": tiles})
    services = dataclasses.replace(city.services, settings=settings, metrics=type(city.services.metrics)())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(services)), base_url="http://127.0.0.1"
    ) as client:
        home = await client.get("/")
        assert "水位" in home.text
        assert home.headers["cache-control"] == "no-cache"
        policy = home.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "worker-src 'self' blob:" in policy
        assert "img-src 'self' data: blob: https://tiles.example;" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        script = await client.get("/assets/map-3f2a.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        fresh = await client.get("/", headers={"If-None-Match": home.headers["etag"]})
        assert fresh.status_code == 304
        assert (await client.get("/health/live")).json() == {"status": "pass"}
        for way in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
            assert (await client.get(way)).status_code == 404
        assert (await client.get("/assets/gone.js")).json()["status"] == 404


def test_tokens_never_travel_in_the_clear() -> None:
    with pytest.raises(ValidationError, match="public_url must be https"):
        GatewaySettings(public_url="http://city.example")
    with pytest.raises(ValidationError, match="go together"):
        GatewaySettings(tls_key=Path("key.pem"))
    assert GatewaySettings(public_url="https://city.example/").issuer == "https://city.example"


async def test_many_read_at_once_and_each_gets_its_own(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge(n, level=float(n)) for n in range(50)])
    wanted = [n % 60 for n in range(300)]
    answers = await asyncio.gather(*(api.get(f"{ENTITIES}/urn:ngsi-ld:WaterObserved:fukui-{n}") for n in wanted))
    for number, answer in zip(wanted, answers, strict=True):
        if number < 50:
            assert answer.json()["waterLevel"]["value"] == number
        else:
            assert answer.status_code == 404
