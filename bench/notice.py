"""The officer's night: from a reading to a proposal at the desk, and from a notice issued to the last channel.

    python -m bench.notice [--phones 10000]

A city as `cityos up` starts it, with a district for each gauge that has 氾濫危険水位. Every gauge once sends a level
above it; the officer's webhook says when each proposal is out. Then notices are issued and lifted, to ten webhooks,
LINE, Mastodon and X, which stand on this machine and answer at once; the last one's arrival counts. At the end
the phones of `bench.night` ask the same city. Readings, city and receivers share this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
import time
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import uvloop
from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings
from bench.journey import LOOPBACK
from bench.machine import machine, percentile, write
from bench.night import measure
from broker.delivery.notice import Filter
from broker.delivery.queue import subscribe
from broker.ports import Database
from broker.store.postgres import open_database
from cityos.provision import DemoCredentials, DemoDevice, load_devices, provision_demo
from schemas.river import Mode
from tests.city import WholeCity
from tests.integration.door.conftest import Browser
from tests.integration.notify.receivers import HttpReceiver

PREFIX = "/api/v1/evacuation"
ROUNDS = 20
CHANNELS = (*["webhook"] * 10, "line", "mastodon", "x")
_PATIENCE_S = 60.0


def districts(gauges: list[DemoDevice]) -> dict[str, Any]:
    """A small square for each gauge, side by side."""
    features = []
    for number, gauge in enumerate(gauges):
        west, south = 136.0 + number % 10 / 100, 35.9 + number // 10 / 100
        ring = [[west, south], [west + 0.01, south], [west + 0.01, south + 0.01], [west, south + 0.01], [west, south]]
        known = {"id": f"d{number}", "name": f"地区{number}", "gauges": [gauge.entity_id]}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": known, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


async def officer(city: WholeCity, database: Database, client: httpx.AsyncClient) -> None:
    """Log somebody in, with both factors, for the rest of the client's requests."""
    login = "night@city.example"
    made = city.command("user", "add", login, "--role", "evacuation-officer")
    [password] = re.findall(r"password: (\S+)", made.stdout)
    browser = Browser(SimpleNamespace(database=SimpleNamespace(system=database)), client)  # type: ignore[arg-type]
    body = {"login": login, "password": password, "code": None, "tenant": "fukui"}
    browser.csrf = (await browser.post("/account/login", body)).raise_for_status().json()["csrf"]
    await browser.strengthen()
    client.headers["Authorization"] = f"Bearer {await browser.token()}"
    client.cookies.clear()


async def told(database: Database, channel: str, receiver: HttpReceiver, *kinds: str, staff: bool = False) -> None:
    """Add a receiver of notices."""
    target = receiver.url if channel == "webhook" else receiver.url.removesuffix("/hook")
    wants = Filter(kinds=kinds, modes=(Mode.ACTUAL,), staff=staff)
    async with database.transaction() as tx:
        await subscribe(tx, "fukui", channel=channel, target=target, secret=b"token", wants=wants)


async def heard(receiver: HttpReceiver, count: int) -> None:
    """Wait until so many have come."""
    until = time.monotonic() + _PATIENCE_S
    while len(receiver.got) < count:
        assert time.monotonic() < until, f"{len(receiver.got)} of {count} came"
        await asyncio.sleep(0.005)


async def proposals(
    city: WholeCity, given: DemoCredentials, gauges: list[DemoDevice], desk: HttpReceiver
) -> list[float]:
    """Milliseconds from each gauge's PUBLISH to its district's proposal at the officer's webhook."""
    there = PublisherSettings(
        host="127.0.0.1", port=city.mqtt_port, username=given.username, password=SecretStr(given.secret)
    )
    began: dict[str, float] = {}
    async with Publisher(there) as publisher:
        for number, gauge in enumerate(gauges):
            began[f"d{number}"] = at = time.time()
            level = (gauge.profile.stages["danger"] or 0.0) + 0.05
            await publisher.publish(f"city/river/{gauge.id}/up", b'{"t":%d,"level":%.2f}' % (int(at * 1000), level))
            await asyncio.sleep(0.1)
        await heard(desk, len(gauges))
    seen = {json.loads(body)["id"].split("-")[2]: at for (_, body), at in zip(desk.got, desk.times, strict=True)}
    return [(seen[name] - at) * 1e3 for name, at in began.items()]


async def notices(client: httpx.AsyncClient, receivers: list[HttpReceiver]) -> tuple[list[float], list[float]]:
    """Milliseconds from the officer's request to the answer, and to the last channel, of notices issued and lifted."""
    answered, last = [], []
    for number in range(ROUNDS):
        desk = (await client.get(f"{PREFIX}/desk")).raise_for_status().json()
        revision = next(one["standing"]["revision"] for one in desk["districts"] if one["id"] == "d0")
        body: dict[str, Any] = {"id": uuid.uuid4().hex, "reason": "計測のため", "seen": {"d0": revision}}
        body |= {"kind": "lift"} if number % 2 else {"kind": "issue", "level": 4}
        began = time.time()
        (await client.post(f"{PREFIX}/orders", json=body)).raise_for_status()
        answered.append((time.time() - began) * 1e3)
        await asyncio.gather(*(heard(one, number + 1) for one in receivers))
        last.append((max(one.times[number] for one in receivers) - began) * 1e3)
    return answered, last


async def run(city: WholeCity, phones: int) -> dict[str, Any]:
    """All figures of a city that has started."""
    figures: dict[str, Any] = {"machine": machine()}
    database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=2)
    given = await provision_demo(database, secret_file=city.folder / "demo.secret")
    gauges = [one for one in load_devices() if one.profile.stages.get("danger") is not None]
    async with AsyncExitStack() as open_:
        client = await open_.enter_async_context(httpx.AsyncClient(base_url=city.url, timeout=30))
        await officer(city, database, client)
        (await client.put(f"{PREFIX}/districts", json=districts(gauges))).raise_for_status()
        desk, *receivers = [await open_.enter_async_context(HttpReceiver()) for _ in range(len(CHANNELS) + 1)]
        await told(database, "webhook", desk, "evacuation.proposal", staff=True)
        for channel, receiver in zip(CHANNELS, receivers, strict=True):
            await told(database, channel, receiver, "evacuation.order")
        waits = await proposals(city, given, gauges, desk)
        answered, last = await notices(client, receivers)
    await database.close()
    for name, values in (("proposal", waits), ("answer", answered), ("last_channel", last)):
        figures |= {f"{name}_p{int(share * 100)}_ms": round(percentile(values, share), 1) for share in (0.5, 0.99)}
    figures |= {"proposals": len(waits), "notices": len(last), "channels": len(CHANNELS)}
    print(json.dumps(figures, indent=2), flush=True)
    if phones:
        await measure(city.url, phones, every=30.0, seconds=60.0)
    return figures


def main() -> None:
    """Start a city, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=10_000, help="0: none")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cityos-bench-", ignore_cleanup_errors=True) as folder:
        city = WholeCity(Path(folder) / "city", **LOOPBACK)
        city.start()
        try:
            write("notice", uvloop.run(run(city, chosen.phones)))
        finally:
            city.stop()


if __name__ == "__main__":
    main()
