"""Two whole cities on one machine share a view, until one of them dies (ETSI GS CIM 009, 4.3.6, 6.3.17)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.city import WholeCity, wait_until

ROOT = "/ngsi-ld/v1"
HINO, ASUWA = "urn:ngsi-ld:WaterObserved:hino", "urn:ngsi-ld:WaterObserved:asuwa"


@pytest.fixture
def cities(tmp_path: Path) -> Iterator[tuple[WholeCity, WholeCity]]:
    settings = {"CITYOS_GATEWAY_AUTH": "off", "CITYOS_GATEWAY_PRIVATE_HOSTS": "true"}
    pair = (WholeCity(tmp_path / "fukui", **settings), WholeCity(tmp_path / "sabae", **settings))
    try:
        for city in pair:
            city.start()
        yield pair
    finally:
        for city in pair:
            city.stop()


def post(city: WholeCity, path: str, body: dict[str, Any]) -> None:
    answer = httpx.post(f"{city.url}{ROOT}/{path}", json=body, timeout=60)
    assert answer.status_code == 201, answer.text


def register(city: WholeCity, source: WholeCity, mode: str, **selector: Any) -> None:
    """Register `source` at `city`."""
    information = [{"entities": [{"type": "WaterObserved", **selector}]}]
    if mode == "exclusive":
        information[0]["propertyNames"] = ["waterLevel"]
    body = {"type": "ContextSourceRegistration", "endpoint": source.url, "information": information, "mode": mode}
    operations = ["redirectionOps"] if mode == "exclusive" else ["redirectionOps", "federationOps"]
    post(city, "csourceRegistrations", {**body, "operations": operations})


def gauge(entity_id: str, **attributes: Any) -> dict[str, Any]:
    return {"id": entity_id, "type": "WaterObserved", **attributes}


@pytest.fixture
def heard() -> Iterator[tuple[str, list[Any]]]:
    """The address of a subscriber, and the notifications that come to it."""
    got: list[Any] = []

    class Subscriber(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Subscriber)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    server.server_close()


def kept_at(city: WholeCity) -> list[Any]:
    return list(httpx.get(f"{city.url}{ROOT}/subscriptions", timeout=60).json())


@pytest.mark.timeout(400)
def test_two_cities_share_one_view_until_one_dies(
    cities: tuple[WholeCity, WholeCity], heard: tuple[str, list[Any]]
) -> None:
    fukui, sabae = cities
    register(fukui, sabae, "exclusive", id=HINO)
    register(sabae, fukui, "inclusive")
    post(fukui, "entities", gauge(HINO, waterLevel=1.5, name="日野川"))
    post(fukui, "entities", gauge(ASUWA, waterLevel=0.5))

    def seen(city: WholeCity, **params: str) -> tuple[dict[str, Any], httpx.Response]:
        given = {"type": "WaterObserved", "id": f"{HINO},{ASUWA}", "options": "keyValues", **params}
        answer = httpx.get(f"{city.url}{ROOT}/entities", params=given, timeout=60)
        assert answer.status_code == 200, answer.text
        return {entity.pop("id"): entity for entity in answer.json()}, answer

    whole = {HINO: {"type": "WaterObserved", "waterLevel": 1.5, "name": "日野川"},
             ASUWA: {"type": "WaterObserved", "waterLevel": 0.5}}  # fmt: skip
    assert seen(fukui)[0] == seen(sabae)[0] == whole
    assert "waterLevel" not in seen(fukui, local="true")[0][HINO]
    assert seen(sabae, local="true")[0] == {HINO: {"type": "WaterObserved", "waterLevel": 1.5}}

    # What the neighbour is told of its own subscription there, it tells on.
    watching = {"type": "Subscription", "entities": [{"type": "WaterObserved", "id": ASUWA}], "id": "urn:ngsi-ld:S:1",
                "notification": {"format": "keyValues", "endpoint": {"uri": heard[0]}}}  # fmt: skip
    post(sabae, "subscriptions", watching)
    wait_until(lambda: kept_at(fukui), 60, "the subscription did not come to the neighbour")
    level = httpx.patch(f"{fukui.url}{ROOT}/entities/{ASUWA}/attrs/waterLevel", json={"value": 0.7}, timeout=60)
    assert level.status_code == 204, level.text
    wait_until(lambda: heard[1], 60, "nothing was told on")
    assert heard[1][0]["subscriptionId"] == watching["id"]
    assert heard[1][0]["data"] == [{"id": ASUWA, "type": "WaterObserved", "waterLevel": 0.7}]
    assert httpx.delete(f"{sabae.url}{ROOT}/subscriptions/{watching['id']}", timeout=60).status_code == 204
    wait_until(lambda: not kept_at(fukui), 60, "the subscription did not go from the neighbour")
    whole[ASUWA]["waterLevel"] = 0.7

    sabae.stop()
    began = time.monotonic()
    part, answer = seen(fukui)
    assert time.monotonic() - began < 30
    assert part == {HINO: {"type": "WaterObserved", "name": "日野川"}, ASUWA: whole[ASUWA]}
    assert answer.headers["ngsild-warning"].startswith("199 ")
    refused = httpx.post(f"{fukui.url}{ROOT}/entities/{HINO}/attrs", json={"waterLevel": 2}, timeout=60)
    assert refused.status_code == 502, refused.text
    assert refused.json()["type"].endswith("BadGateway")
