"""A client of the event stream that comes back with Last-Event-ID, as a browser does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from adapters.mqtt.patience import until
from tests.city import WholeCity


class Listener:
    """What came, change by change. Reconnects whenever the stream ends, resuming after the last id it saw."""

    def __init__(self, city: WholeCity, types: str) -> None:
        self._url = f"{city.url}/api/v1/events"
        self._params = {"types": types}
        self._last = ""
        self.versions: Counter[tuple[str, int]] = Counter()
        """How often each version of each entity was told."""
        self.values: list[tuple[str, float]] = []
        """Entity and water level of every sample told, in order."""
        self.times: list[float] = []
        """When each of them was told, seconds of a monotonic clock."""
        self.gaps = 0
        self.connections = 0
        self.trouble = ""
        """Why the stream ended or was refused last."""

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except httpx.HTTPError as error:
                self.trouble = repr(error)
            await asyncio.sleep(0.1)

    async def connected(self, count: int = 1) -> None:
        """Return when the stream was opened so often."""
        assert await until(lambda: self.connections >= count, within=60), self.trouble

    async def heard(self, count: int, seconds: float = 60) -> None:
        """Return when so many samples came, or after `seconds`: the test compares then."""
        await until(lambda: len(self.values) >= count, within=seconds)

    async def _listen(self) -> None:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        async with (
            httpx.AsyncClient(timeout=30) as client,
            client.stream("GET", self._url, params=self._params, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                self.trouble = f"{answer.status_code}: {(await answer.aread()).decode()}"
                return
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    self._take(fields)
                    fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        """One message. Its id counts only now: a message that was cut off is asked for again."""
        self._last = fields.get("id", self._last)
        if "retry" in fields:
            self.connections += 1
        if fields.get("event") == "gap":
            self.gaps += 1
        elif fields.get("event") == "change":
            change = json.loads(fields["data"])
            self.versions[change["entity"], change["version"]] += 1
            for sample in change.get("samples", []):
                if sample["attribute"] == "waterLevel":
                    self.values.append((change["entity"], sample["value"]))
                    self.times.append(time.monotonic())


@asynccontextmanager
async def listening(city: WholeCity, types: str) -> AsyncIterator[Listener]:
    """A listener whose stream is open."""
    listener = Listener(city, types)
    task = asyncio.create_task(listener.run())
    try:
        await listener.connected()
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
