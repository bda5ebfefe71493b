"""The whole journey with Apache Kafka as the log: from PUBLISH to entity, history, alert and event stream, also when
Kafka itself or the relay of change events is killed in the middle."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.mqtt.patience import until
from broker.store.postgres import PostgresDatabase
from schemas.clock import iso
from tests.city import WholeCity
from tests.integration.faults.floods import LEVELS, PROFILE, Effects, Flood, effects_of, finished
from tests.integration.faults.hearing import Listener, listening
from tests.integration.faults.kit import (
    KILLS,
    NO_BURST_LIMIT,
    START,
    entity,
    eventually,
    killed,
    reached,
    register_gauges,
    settled,
    store_of,
    stream,
)
from tests.kafka import KafkaBroker

pytest_plugins = ["tests.plugins.kafka"]
pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(600)]

PER_KILL = 4_000
DEVICES = 50
CYCLES = 2
LONG_OUTAGE = 15.0
"""Seconds: longer than `CITYOS_KAFKA_REQUEST_SECONDS`, so that every client gives up and begins anew."""
KINDS = {"WaterObserved", "FloodMonitoring", "Alert"}
CALM = Flood("calm", 3, CYCLES)


@pytest.fixture(scope="module")
def city(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    city = WholeCity(
        tmp_path_factory.mktemp("kafka-journey") / "city",
        CITYOS_LOG_DRIVER="kafka",
        CITYOS_KAFKA_BOOTSTRAP=kafka.bootstrap,
        CITYOS_KAFKA_TOPIC_PREFIX=f"{uuid4().hex[:8]}.",
        CITYOS_KAFKA_SESSION_SECONDS="6",
        CITYOS_GATEWAY_STREAM_BUFFER="100000",
        CITYOS_ALERTING_CLOCK="data",
        **NO_BURST_LIMIT,
    )
    city.start()
    yield city
    city.stop()


@pytest.fixture
async def store(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    async with store_of(city) as database:
        yield database


@pytest.fixture(scope="module")
def calm(city: WholeCity) -> tuple[Effects, Listener]:
    """A flood while nobody dies."""

    async def observe() -> tuple[Effects, Listener]:
        async with store_of(city) as store:
            await register_gauges(store, CALM.prefix, CALM.gauges, PROFILE)
            async with listening(city, ",".join(KINDS)) as listener:
                await CALM.run(city)
                assert await settled(store, CALM.prefix, CALM.readings) == (CALM.readings, True)
                assert await finished(store, CALM)
                await listener.heard(CALM.readings)
                await until(lambda: _kinds(listener) == KINDS, within=60)
            return await effects_of(store, CALM), listener

    return asyncio.run(observe())


def test_a_reading_is_the_entity_s_state_and_history(city: WholeCity, calm: tuple[Effects, Listener]) -> None:
    current = city.get(f"/ngsi-ld/v1/entities/{entity('calm-1')}")["waterLevel"]
    last = START + timedelta(minutes=20 * (CALM.rows - 1))
    assert (current["value"], current["unitCode"], current["observedAt"]) == (LEVELS[-1], "MTR", iso(last))
    past = city.get(f"/ngsi-ld/v1/temporal/entities/{entity('calm-1')}", attrs="waterLevel")["waterLevel"]
    assert [point["value"] for point in past] == list(LEVELS) * CYCLES


def test_the_flood_is_judged_and_alerted(city: WholeCity, calm: tuple[Effects, Listener]) -> None:
    effects, _ = calm
    stages = [after for _, _, _, after in effects.decisions["0"]]
    assert stages.count("danger") == CYCLES
    assert stages[-1] == "below"
    watched = city.get(f"/ngsi-ld/v1/entities/{entity('calm-0').replace('WaterObserved', 'FloodMonitoring')}")
    assert (watched["stage"]["value"], watched["dangerLevel"]["value"]) == ("below", 2.0)
    alerts = city.get("/ngsi-ld/v1/entities", type="Alert", limit="1000")
    assert len(alerts) == CALM.gauges * CYCLES
    assert {alert["msgType"]["value"] for alert in alerts} == {"clear"}


def test_the_event_stream_tells_all_of_it(calm: tuple[Effects, Listener]) -> None:
    _, listener = calm
    levels = [(entity(f"calm-{gauge}"), level) for gauge in range(CALM.gauges) for level in LEVELS]
    assert Counter(listener.values) == Counter(levels * CYCLES)
    assert _kinds(listener) == KINDS
    assert set(listener.versions.values()) == {1}


@pytest.mark.parametrize("part", ["kafka", "relay", "writer"])
async def test_what_was_acknowledged_is_stored_once_and_told(
    city: WholeCity, store: PostgresDatabase, kafka: KafkaBroker, calm: tuple[Effects, Listener], part: str
) -> None:
    count = PER_KILL * KILLS
    flood = Flood(f"flood-{part}", 3, CYCLES)
    await register_gauges(store, part, DEVICES)
    await register_gauges(store, flood.prefix, flood.gauges, PROFILE)
    progress: list[int] = []
    async with listening(city, "WaterObserved") as listener:
        flooding = asyncio.create_task(flood.run(city))
        for number in range(KILLS):
            mine = range(PER_KILL * number, PER_KILL * (number + 1))
            sending = asyncio.create_task(stream(city, part, mine, DEVICES, progress))
            await reached(progress, PER_KILL * number + PER_KILL // 4, sending)
            if part == "kafka":
                kafka.kill()
                await asyncio.sleep(LONG_OUTAGE if number == KILLS - 1 else 0)
                kafka.start()  # here: it dies with the thread that started it
            else:
                await killed(city, part)
            await sending
        await flooding
        assert len(progress) == count
        assert await settled(store, part, count, 40) == (count, True)
        assert await settled(store, flood.prefix, flood.readings) == (flood.readings, True)
        assert await finished(store, flood)
        await eventually(lambda: _heard(listener, part, count), True, 60)
    assert listener.gaps == 0
    assert await _heard(listener, part, count), "each reading is told, once or (after a kill of the relay) twice"
    effects = await effects_of(store, flood)
    assert set(effects.decisions.values()) == set(calm[0].decisions.values())
    assert set(effects.messages.values()) == set(calm[0].messages.values())


def _kinds(listener: Listener) -> set[str]:
    return {name.split(":")[2] for name, _ in listener.versions}


async def _heard(listener: Listener, prefix: str, count: int) -> bool:
    """Whether the stream has told every reading of these gauges."""
    told = Counter(value for value in listener.values if value[0].startswith(entity(f"{prefix}-")))
    sent = Counter((entity(f"{prefix}-{number % DEVICES}"), number % 97 / 100) for number in range(count))
    return not sent - told
