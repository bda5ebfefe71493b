"""What the fault tests share: gauges behind one network, a stream of their readings, and the books afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from adapters.mqtt.publisher import Publisher, PublisherSettings
from broker.errors import Forbidden, Unavailable
from broker.store.accounting import summary
from broker.store.devices import Device, register
from broker.store.postgres import PostgresDatabase, open_database
from schemas.clock import iso
from tests.city import WholeCity, wait_until

Answer = TypeVar("Answer")
KILLS = int(os.environ.get("CITYOS_TEST_KILLS", "2"))
SECRET = "a secret of this test alone"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
NO_BURST_LIMIT = {"CITYOS_INTAKE_DEVICE_BURST": "1000000"}
"""A test sends in seconds what its gauges would in months; the rate limit has tests of its own."""


@asynccontextmanager
async def store_of(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    """The city's database, all tenants visible."""
    database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=2)
    try:
        yield database
    finally:
        await database.close()


def entity(name: str) -> str:
    """The entity of the gauge `name`."""
    return f"urn:ngsi-ld:WaterObserved:{name}"


async def register_gauges(
    store: PostgresDatabase, prefix: str, devices: int, profile: Mapping[str, Any] | None = None
) -> None:
    """The network ``{prefix}-network`` and its gauges ``{prefix}-0`` to ``{prefix}-{devices - 1}``."""
    network = Device("fukui", f"{prefix}-network", "river_gauge", kind="network")
    async with store.transaction() as tx:
        await register(tx, "fukui", network, {"publish": ["city/river/+/up"]}, SECRET)
        for number in range(devices):
            name = f"{prefix}-{number}"
            gauge = Device("fukui", name, "river_gauge", entity_id=entity(name), entity_type="WaterObserved")
            await register(tx, "fukui", gauge, profile or {})
    await asyncio.sleep(1)  # until every process has heard of them


@asynccontextmanager
async def sender(
    city: WholeCity, device: str, *, tenant: str = "fukui", port: int | None = None, **options: Any
) -> AsyncIterator[Publisher]:
    """A connection of a device (or network) to the city's own endpoint, tried again while that has not heard of it."""
    settings = PublisherSettings(
        host="127.0.0.1",
        port=port or city.mqtt_port,
        username=f"{tenant}/{device}",
        password=SECRET,
        stall_timeout_s=120,
        **options,
    )
    async with contextlib.AsyncExitStack() as stack:
        for tries in itertools.count():
            try:
                publisher = await stack.enter_async_context(Publisher(settings))
            except Forbidden:
                if tries == 60:
                    raise
                await asyncio.sleep(0.5)
            else:
                yield publisher
                return


def reading(at: datetime, level: object) -> bytes:
    """A gauge's row."""
    return f'{{"t":"{iso(at)}","level":{level}}}'.encode()


def row(number: int, devices: int) -> bytes:
    """The `number`-th of a stream over `devices` gauges: one row a second from each, no two of one gauge alike."""
    return reading(START + timedelta(seconds=number // devices), number % 97 / 100)


async def stream(
    city: WholeCity,
    prefix: str,
    numbers: Iterable[int],
    devices: int,
    progress: list[int],
    *,
    port: int | None = None,
    pause: float = 0,
) -> None:
    """Publish the readings of these `numbers`, with a pause after each; return when every one is acknowledged."""
    async with sender(city, f"{prefix}-network", port=port) as publisher:
        for number in numbers:
            answer = await publisher.publish(f"city/river/{prefix}-{number % devices}/up", row(number, devices))
            answer.add_done_callback(lambda _future: progress.append(1))
            if pause:
                await asyncio.sleep(pause)
        await publisher.drain()


def until_set(stop: asyncio.Event) -> Iterable[int]:
    """Numbers for a stream that goes on until somebody has seen enough."""
    return itertools.takewhile(lambda _: not stop.is_set(), itertools.count())


async def reached(progress: Sequence[float], count: int, sending: asyncio.Future[Any]) -> None:
    """Return when `count` readings are acknowledged; fail where the stream ends before, with its own error."""
    while len(progress) < count and not sending.done():  # noqa: ASYNC110 - paho's thread counts
        await asyncio.sleep(0.02)
    if sending.done():
        sending.result()
        raise AssertionError("the stream ended before the part was killed")


async def counted(store: PostgresDatabase, prefix: str) -> tuple[int, bool]:
    """How many readings of these devices history holds, and whether all books balance."""
    async with store.transaction() as tx:
        rows = await tx.fetchval(
            "select count(*) from history h join series s on s.id = h.series_id"
            " where s.entity_id like $1 and s.attribute = 'waterLevel'",
            f"urn:ngsi-ld:WaterObserved:{prefix}-%",
        )
        lines = await summary(tx, tenant="fukui", device=None, since=datetime(2020, 1, 1, tzinfo=UTC).date())
    return int(rows), all(line["balanced"] for line in lines)


async def settled(store: PostgresDatabase, prefix: str, expected: int, patience: float = 20.0) -> tuple[int, bool]:
    """Wait until the writer has caught up, as long as the count still grows at least every `patience` seconds."""
    seen, quiet = (-1, False), 0
    while seen[0] < expected and quiet < patience * 10:
        try:
            now = await counted(store, prefix)
        except Unavailable:
            now = seen  # the database that was killed is not back yet
        quiet = quiet + 1 if now == seen else 0
        seen = now
        await asyncio.sleep(0.1)
    return seen


async def eventually(ask: Callable[[], Awaitable[Answer]], expected: Answer, seconds: float = 60) -> Answer:
    """What `ask` answers when it is `expected`, or at the latest after `seconds`."""
    answer = await ask()
    deadline = asyncio.get_running_loop().time() + seconds
    while answer != expected and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.1)
        answer = await ask()
    return answer


class Role:
    """One more process of a role beside the city's own, with the settings of the running city."""

    def __init__(self, city: WholeCity, role: str, **settings: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CITYOS_")}
        self._log = city.folder / "logs" / f"{role}-beside.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cityos.run", role],
                env={**environment, **city.running(), **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def kill(self) -> None:
        """As a power cut does."""
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        """As the supervisor does."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait(30)


async def killed(city: WholeCity, part: str) -> None:
    """`kill -9` a part and wait until the supervisor has started it again: only then is there something to kill."""
    old = city.pid(part)
    city.kill(part)
    await asyncio.to_thread(wait_until, lambda: city.pid(part) != old, 60, f"{part} was not started again")
