"""One reading after another, published while load runs, and when the API and the event stream show each."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime

import httpx
from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings

PROBE = "urn:ngsi-ld:WaterObserved:bench:probe"


class Probe:
    """Publishes to the MQTT server on `mqtt_port`, asks the city's gateway at `url`."""

    def __init__(self, mqtt_port: int, url: str, username: str, secret: str) -> None:
        self._publisher = PublisherSettings(
            host="127.0.0.1", port=mqtt_port, username=username, password=SecretStr(secret)
        )
        self._url = url
        self.visible: list[float] = []
        """Milliseconds from PUBLISH to an answer of the API that shows the reading."""
        self.notified: list[float] = []
        """Milliseconds from PUBLISH to the event on the stream."""

    async def run(self, seconds: float) -> None:
        """Publish for `seconds`, the next reading when the last one is seen."""
        async with Publisher(self._publisher) as publisher, self._client() as client, self._client() as streaming:
            listener = asyncio.create_task(self._listen(streaming))
            await asyncio.sleep(1)
            end, number = time.perf_counter() + seconds, 0
            while time.perf_counter() < end:
                number += 1
                await self._one(publisher, client, 1.0 + number / 1000)
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            listener.cancel()

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, timeout=30)

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
                    at = json.loads(line[5:])["attributes"]["waterLevel"]["observedAt"]
                    self.notified.append((time.time() - datetime.fromisoformat(at).timestamp()) * 1000)
