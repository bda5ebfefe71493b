"""A role says of itself that it lives and that it is ready, and why not."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

from prometheus_client import CollectorRegistry

from adapters.mqtt.patience import until
from broker.errors import Unavailable
from cityos.health_page import Health, Page


def ask(page: Page, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{page.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_loop_that_stands_still_is_not_alive() -> None:
    now = 0.0
    health = Health(monotonic=lambda: now)
    assert health.alive
    now = 31.0
    assert not health.alive
    assert health.problem == "the process stands still"


async def test_the_page_says_what_is_wrong() -> None:
    health, failing = Health(), True
    page = Page("127.0.0.1", 0, CollectorRegistry(), health)

    said: str | None = None

    async def check() -> str | None:
        if failing:
            raise Unavailable("the database does not answer")
        return said

    assert (await asyncio.to_thread(ask, page, "/health/ready"))[0] == 503
    stop = asyncio.Event()
    keeping = asyncio.create_task(health.keep(stop, check))
    assert await until(lambda: health.problem == "the database does not answer", within=30)
    status, body = await asyncio.to_thread(ask, page, "/health/ready")
    assert (status, json.loads(body)["output"]) == (503, "the database does not answer")
    assert (await asyncio.to_thread(ask, page, "/health/live"))[0] == 200
    failing = False
    assert await until(lambda: health.problem is None, within=30)
    status, body = await asyncio.to_thread(ask, page, "/health/ready")
    assert (status, json.loads(body)) == (200, {"status": "pass"})
    said = "look at this"
    assert await until(lambda: health.warning == said, within=30)
    status, body = await asyncio.to_thread(ask, page, "/health/ready")
    assert (status, json.loads(body)) == (200, {"status": "warn", "output": "look at this"}), "ready all the same"
    assert (await asyncio.to_thread(ask, page, "/metrics"))[0] == 200
    assert (await asyncio.to_thread(ask, page, "/other"))[0] == 404
    stop.set()
    await keeping
    assert health.problem == "stopping"
    page.close()
