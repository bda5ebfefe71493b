"""Starting a city where something is in the way: one clear sentence, and nothing left running."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cityos.embedded import EmbeddedPostgres
from tests.city import WholeCity, wait_until

SECONDS = 60


@pytest.fixture
def city(tmp_path: Path) -> Iterator[WholeCity]:
    city = WholeCity(tmp_path / "city")
    yield city
    city.stop()


@pytest.fixture
def occupied() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


@pytest.mark.parametrize("variable", ["CITYOS_GATEWAY_PORT", "CITYOS_MQTT_PORT"])
def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path, occupied: int, variable: str) -> None:
    city = WholeCity(tmp_path / "city", **{variable: str(occupied)})
    said = city.command("up", check=False)
    assert said.returncode == 2
    assert said.stderr == (
        f"cityos: 127.0.0.1:{occupied} cannot be opened (another program uses it): set {variable} to another port\n"
    )
    assert not (city.folder / "postgres").exists()


def test_ctrl_c_during_the_start_stops_all_and_says_so(city: WholeCity) -> None:
    process = city.launch()
    wait_until(lambda: (city.folder / "run" / "gateway.pid").exists(), SECONDS, "no role was started")
    pids = [city.pid(part) for part in ("postgres", "gateway")]
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0, city.said()
    assert "stopped before everything was up" in city.said()
    assert "did not come up" not in city.said()
    assert "Traceback" not in city.said()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    city.start()  # and nothing stands in the way of another start


@pytest.mark.parametrize("role", ["endpoint", "gateway"])
def test_a_role_says_why_it_ends(city: WholeCity, occupied: int, role: str) -> None:
    city.start()
    variable = {"endpoint": "CITYOS_MQTT_PORT", "gateway": "CITYOS_GATEWAY_PORT"}[role]
    elsewhere = {**city.running(), variable: str(occupied)}
    said = city.command("run", role, check=False, settings=elsewhere)
    assert said.returncode != 0
    words = f"cityos: {variable}: cannot listen on 127.0.0.1 port {occupied}: "
    assert said.stderr.splitlines()[-1].startswith(words)
    assert '"level": "CRITICAL"' in said.stderr
    assert "Traceback" not in said.stderr


def test_a_folder_of_a_newer_version_is_refused(city: WholeCity) -> None:
    server = EmbeddedPostgres(city.folder / "postgres")
    server.start()
    server.run_sql("cityos", "create table schema_migration (owner text, name text, digest text)")
    server.run_sql("cityos", "insert into schema_migration values ('broker.store', '9999_future.sql', 'x')")
    server.stop()
    said = city.command("up", check=False)
    assert said.returncode == 2
    assert "made by a newer version of this program (it has broker.store/9999_future.sql)" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_folder_of_another_postgresql_is_refused(city: WholeCity) -> None:
    server = EmbeddedPostgres(city.folder / "postgres")
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("99\n")
    said = city.command("up", check=False)
    assert said.returncode == 2
    assert "was made by PostgreSQL 99" in said.stderr


def test_the_second_city_in_a_folder_is_refused(city: WholeCity) -> None:
    city.start()
    said: subprocess.CompletedProcess[str] = city.command("up", check=False)
    assert said.returncode == 2
    assert "a city runs in" in said.stderr
