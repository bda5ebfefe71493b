"""One reading after another, published while load runs, and when API, event stream and webhook show each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import httpx
from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings
from tests.integration.notify.receivers import HttpReceiver

PROBE = "urn:ngsi-ld:WaterObserved:bench:probe"


class Probe:
    """Publishes to the MQTT server on `mqtt_port`, asks the city's gateway at `url`, subscribes with `token`."""

    def __init__(self, mqtt_port: int, url: str, username: str, secret: str, token: str) -> None:
        self._publisher = PublisherSettings(
            host="127.0.0.1", port=mqtt_port, username=username, password=SecretStr(secret)
        )
        self._url = url
        self._token = token
        self.visible: list[float] = []
        """Milliseconds from PUBLISH to an answer of the API that shows the reading."""
        self.notified: list[float] = []
        """Milliseconds from PUBLISH to the event on the stream."""
        self.hooked: list[float] = []
        """Milliseconds from PUBLISH to the notification at a webhook."""

    async def run(self, seconds: float) -> None:
        """Publish for `seconds`, the next reading when the last one is seen."""
        async with (
            Publisher(self._publisher) as publisher,
            self._client() as client,
            self._client() as streaming,
            HttpReceiver() as webhook,
        ):
            listener = asyncio.create_task(self._listen(streaming))
            subscription = await self._subscribe(client, webhook.url)
            await asyncio.sleep(1)
            end, number = time.perf_counter() + seconds, 0
            while time.perf_counter() < end:
                number += 1
                await self._one(publisher, client, 1.0 + number / 1000)
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            listener.cancel()
            await client.delete(subscription, headers=self._bearer)
        self.hooked = [_delay(json.loads(body)["data"][0], at) for (_, body), at in _received(webhook)]

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, timeout=30)

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    async def _subscribe(self, client: httpx.AsyncClient, url: str) -> str:
        wanted = {
            "type": "Subscription",
            "entities": [{"id": PROBE, "type": "WaterObserved"}],
            "notification": {"endpoint": {"uri": url, "accept": "application/json"}},
        }
        answer = await client.post("/ngsi-ld/v1/subscriptions", json=wanted, headers=self._bearer)
        answer.raise_for_status()
        return answer.headers["Location"]

    async def _one(self, publisher: Publisher, client: httpx.AsyncClient, level: float) -> None:
        began = time.time()
        await publisher.publish("city/river/probe/up", b'{"t":%d,"level":%.3f}' % (int(began * 1000), level))
        while time.time() - began < 30:
            answer = await client.get(f"/ngsi-ld/v1/entities/{PROBE}")
            if answer.status_code == 200 and answer.json().get("waterLevel", {}).get("value") == round(level, 3):
                self.visible.append((time.time() - began) * 1000)
                return
            await asyncio.sleep(0.002)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/api/v1/events", params={"types": "WaterObserved"}) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:") and PROBE in line:
                    self.notified.append(_delay(json.loads(line[5:])["attributes"], time.time()))


def _received(webhook: HttpReceiver) -> Iterator[tuple[tuple[dict[str, str], bytes], float]]:
    """What came, but for the first: it tells of the entity as it was when the subscription was made."""
    return islice(zip(webhook.got, webhook.times, strict=True), 1, None)


def _delay(attributes: dict[str, Any], seen: float) -> float:
    """Milliseconds from the observation to `seen` (POSIX seconds)."""
    return (seen - datetime.fromisoformat(attributes["waterLevel"]["observedAt"]).timestamp()) * 1000
