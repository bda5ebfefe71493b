"""Every command of the README, as it stands, against a running city."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.city import WholeCity, wait_until
from tests.readme import LANGUAGES, ROOT, RUN_AGAINST_A_CITY, blocks
from tests.requirements import need

_SECONDS = 60
_STREAM_SECONDS = 3
_TIMED_OUT = 124

IN_THE_ORDER_OF_THE_README = [name for name in blocks(LANGUAGES[0]) if name in RUN_AGAINST_A_CITY]
ANSWERS = {"accounting": "gauge-1", "read": '"WaterObserved"', "neighbour": "WaterObserved"}
"""What the answer of a command must hold, where it answers."""
READING = "/ngsi-ld/v1/entities/urn:ngsi-ld:WaterObserved:gauge-1"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    """A whole city on ports of its own."""
    city = WholeCity(tmp_path_factory.mktemp("readme"))
    city.start()
    yield city
    city.stop()


def run(name: str, city: WholeCity) -> subprocess.CompletedProcess[str]:
    """Run the block in the checkout with the city's ports in place of the customary ones."""
    script = blocks(LANGUAGES[0])[name].replace("http://127.0.0.1:8080", city.url)
    script = script.replace("-p 1883", f"-p {city.mqtt_port}")
    limit = ["timeout", str(_STREAM_SECONDS if name == "events" else _SECONDS)]
    return subprocess.run(
        [*limit, "bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={**os.environ, "CITYOS_CITY_FOLDER": str(city.folder)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS + 10,
    )


@pytest.mark.mosquitto
@pytest.mark.in_order
@pytest.mark.parametrize("name", IN_THE_ORDER_OF_THE_README)
def test_the_command_works_as_written(name: str, city: WholeCity) -> None:
    for tool in ("curl", "mosquitto_pub"):
        need(shutil.which(tool) is not None, tool)
    done = run(name, city)
    assert done.returncode == (_TIMED_OUT if name == "events" else 0), done.stderr + done.stdout
    assert ANSWERS.get(name, "") in done.stdout
    if name == "device":
        # A PUBACK says that the log has it; the writer makes it readable a moment later.
        wait_until(lambda: level(city) == 2.72, _SECONDS, "the reading that was sent did not become readable")


def level(city: WholeCity) -> float | None:
    """The level that the README's device sent, as an app reads it; None while it is not there."""
    answer = httpx.get(city.url + READING, timeout=30)
    return answer.json()["waterLevel"]["value"] if answer.status_code == 200 else None
