"""Where a whole city's processes come from may die, and so may who started them all: nothing stays behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.city import WholeCity, wait_until
from tests.processes import lives, parent


@pytest.fixture
def city(tmp_path: Path) -> Iterator[WholeCity]:
    city = WholeCity(tmp_path / "city")
    city.start()
    yield city
    city.stop()


def test_a_role_outlives_what_it_was_forked_from_and_is_watched_all_the_same(city: WholeCity) -> None:
    writer, gateway = city.pid("writer"), city.pid("gateway")
    assert Path(f"/proc/{writer}/comm").read_text().strip() == "city-writer"
    nursery = parent(writer)
    assert nursery == parent(gateway) != city.supervisor

    os.kill(nursery, signal.SIGKILL)
    wait_until(lambda: not lives(nursery), 30, "the nursery lives")
    assert lives(writer)
    assert city.get("/health/ready")["status"] == "pass"

    city.kill("writer")
    wait_until(lambda: city.pid("writer") != writer, 60, "the writer was not started again")
    assert parent(city.pid("writer")) not in (nursery, parent(gateway))
    wait_until(lambda: city.get("/health/ready")["status"] == "pass", 60, "the city is not ready")
    city.stop()
    wait_until(lambda: not lives(gateway), 30, "the gateway stayed behind")
    assert "gateway did not stop" not in city.said()


def test_nothing_stays_behind_where_the_city_is_killed(city: WholeCity) -> None:
    parts = {part: city.pid(part) for part in ("endpoint", "writer", "alerting", "notifier", "gateway", "postgres")}
    nursery = parent(parts["writer"])
    os.kill(city.supervisor, signal.SIGKILL)
    for part, pid in {**parts, "nursery": nursery}.items():
        wait_until(lambda pid=pid: not lives(pid), 60, f"{part} stayed behind")  # type: ignore[misc]
