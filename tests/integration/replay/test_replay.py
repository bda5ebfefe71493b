"""A flood through a real broker: once and in order, at its pace, through a broken line, and taken up again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings, Refused
from adapters.river_gauge.decode import decode
from broker.errors import Forbidden, Unavailable
from cityos.flood import Reading, to_message
from cityos.replay import Progress, flood_file, load_readings, replay
from schemas.observation import Observation
from tests.integration.replay.broker import Listener, Mosquitto

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    return load_readings([flood_file("2023-07")])


def settings_for(broker: Mosquitto, **changes: object) -> PublisherSettings:
    known = PublisherSettings(port=broker.port, username="replay", password=SecretStr(broker.password))
    return known.model_copy(update=changes)


async def test_a_whole_flood_arrives_once_and_in_order(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    reports: list[Progress] = []
    async with Listener(mosquitto) as listener:
        summary = await replay(readings, settings_for(mosquitto), on_progress=reports.append)
        await listener.until(len(readings))
    assert listener.received == [tuple(to_message(reading)) for reading in readings]
    assert summary.complete
    assert (summary.sent, summary.acknowledged, summary.refused, summary.failure) == (6_552, 6_552, 0, None)
    assert reports[-1][:3] == (6_552, 6_552, 6_552)
    assert max(report.sent - report.acknowledged for report in reports) <= 201


async def test_it_keeps_the_asked_pace(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    first_hours = [reading for reading in readings if reading.at - readings[0].at <= timedelta(hours=1)]
    began = time.monotonic()
    summary = await replay(first_hours, settings_for(mosquitto), speed=3600)
    length = (first_hours[-1].at - first_hours[0].at).total_seconds() / 3600
    assert summary.complete
    assert length <= time.monotonic() - began < length + 30


async def test_the_flood_can_end_now(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    now = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
    async with Listener(mosquitto) as listener:
        await replay(readings[-50:], settings_for(mosquitto), shift=True, clock=lambda: now)
        await listener.until(50)
    outcomes = [decode(topic, payload)[0] for topic, payload in listener.received]
    assert max(outcome.observed_at for outcome in outcomes if isinstance(outcome, Observation)) == now


async def test_a_stopped_replay_goes_on_where_it_stopped(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    stop = asyncio.Event()

    def stop_after(progress: Progress) -> None:
        if progress.sent == 1_000:
            stop.set()

    async with Listener(mosquitto) as listener:
        part = await replay(readings, settings_for(mosquitto), stop=stop, on_progress=stop_after)
        rest = await replay(readings, settings_for(mosquitto), start=part.next_row)
        await listener.until(len(readings))
    assert (part.sent, part.acknowledged, part.next_row, part.complete) == (1_000, 1_000, 1_000, False)
    assert (rest.sent, rest.complete) == (5_552, True)
    assert listener.received == [tuple(to_message(reading)) for reading in readings]


async def test_a_killed_broker_loses_none_of_what_was_under_way(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    killed = asyncio.Event()

    def kill_midway(progress: Progress) -> None:
        if progress.acknowledged == 2_000 and not killed.is_set():
            mosquitto.kill()
            killed.set()

    async def revive() -> None:
        await killed.wait()
        await asyncio.to_thread(mosquitto.start)

    reviver = asyncio.create_task(revive())
    summary = await replay(readings, settings_for(mosquitto), on_progress=kill_midway)
    await reviver
    assert summary.complete
    assert summary.acknowledged == len(readings)


async def test_a_broker_that_stays_away_ends_it_with_what_is_left(
    mosquitto: Mosquitto, readings: list[Reading]
) -> None:
    def kill_midway(progress: Progress) -> None:
        if progress.acknowledged == 500:
            mosquitto.kill()

    summary = await replay(readings, settings_for(mosquitto, stall_timeout_s=0.5), on_progress=kill_midway)
    assert summary.failure is not None
    assert "no acknowledgement for 0.5 s" in summary.failure
    assert 500 <= summary.next_row <= summary.sent
    assert summary.sent - summary.acknowledged <= 200


async def test_a_wrong_password_is_named(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    with pytest.raises(Forbidden, match="refuses replay"):
        await replay(readings, settings_for(mosquitto, password=SecretStr("wrong")))


async def test_nobody_there_is_named(mosquitto: Mosquitto, readings: list[Reading]) -> None:
    mosquitto.kill()
    with pytest.raises(Unavailable, match=r"nothing listens on 127\.0\.0\.1"):
        await replay(readings, settings_for(mosquitto))


async def test_a_refused_message_is_told_apart(mosquitto: Mosquitto) -> None:
    async with Publisher(settings_for(mosquitto)) as publisher:
        refused = await publisher.publish("city/flood/x/up", b"{}")
        taken = await publisher.publish("city/river/x/up", b"{}")
        await publisher.drain()
    await taken
    with pytest.raises(Refused, match=r"(?i)not authorized"):
        await refused


_COMMAND = """
import sys
from pathlib import Path
from adapters.mqtt.publisher import PublisherSettings
from cityos.replay import flood_file
from cityos.commands.replay import run_replay
port, password, speed = sys.argv[1:]
settings = PublisherSettings(port=int(port), username="replay", password=password)
sys.exit(run_replay([flood_file("2023-07")], settings, speed=speed))
"""


def run_command(broker: Mosquitto, speed: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, str(broker.port), broker.password, speed],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def test_the_command_prints_what_it_did(mosquitto: Mosquitto) -> None:
    process = run_command(mosquitto, "max")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "6,552 readings, 2023-07-13 07:00 to 2023-07-16 00:00 JST" in out
    assert "sent 6,552, acknowledged 6,552, refused 0" in out


async def test_ctrl_c_ends_the_command_cleanly(mosquitto: Mosquitto) -> None:
    async with Listener(mosquitto) as listener:
        process = run_command(mosquitto, "60")
        await listener.until(1)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, err) == (130, "")
    match = re.search(r"sent (\d+), acknowledged (\d+), refused 0", out)
    assert match
    assert match[1] == match[2] != "0"
    assert f"go on with --start {match[1]}" in out
