"""The settings: what is wrong is told in one line that names the variable, and the page shows every one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.errors import Invalid
from cityos.commands.settings import table
from cityos.settings import load_settings, variables

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"
BRIDGE = {
    "CITYOS_BRIDGE_CLIENT_ID": "city-os",
    "CITYOS_BRIDGE_TENANT": "fukui",
    "CITYOS_BRIDGE_DEVICE": "line",
    "CITYOS_BRIDGE_SUBSCRIPTIONS": "a/#",
    "CITYOS_BRIDGE_PASSWORD": "hidden",
}


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text("utf-8") == table(), "make it anew: cityos settings > docs/settings.md"


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, field in variables() if not field.description] == []


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"CITYOS_GATEWAY_PORT": "eighty"},
            "CITYOS_GATEWAY_PORT: Input should be a valid integer, unable to parse string as an integer"
            " (it is 'eighty')",
        ),
        ({"CITYOS_LOG_DRIVER": "redis"}, "CITYOS_LOG_DRIVER: Input should be 'postgres' or 'kafka' (it is 'redis')"),
        (
            {"CITYOS_GATEWAY_PROT": "80"},
            "the environment variable CITYOS_GATEWAY_PROT is not a setting of ours; did you mean CITYOS_GATEWAY_PORT?",
        ),
        (
            {"CITYOS_GATEWAY_DEFAULT_TENANT": "kakogawa"},  # CITYOS_CITY_TENANT says it for every part
            "the environment variable CITYOS_GATEWAY_DEFAULT_TENANT is not a setting of ours; did you mean"
            " CITYOS_GATEWAY_AUTH?",
        ),
        (
            {"CITYOS_GATEWAY_PUBLIC_URL": "http://city.example"},
            "CITYOS_GATEWAY_…: public_url must be https, or http on loopback: tokens must not travel in the clear",
        ),
        (BRIDGE, "CITYOS_BRIDGE_HOST: Field required"),
        (
            {**BRIDGE, "CITYOS_BRIDGE_HOST": "b", "CITYOS_BRIDGE_SUBSCRIPTIONS": "a/#/b"},
            "CITYOS_BRIDGE_…: subscriptions: 'a/#/b' is no topic filter (# only last, + alone in its level)",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_the_variable(environment: dict[str, str], line: str) -> None:
    with pytest.raises(Invalid) as caught:
        load_settings(environment)
    assert str(caught.value) == line


def test_the_command_says_so_and_nothing_else(tmp_path: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CITYOS_")}
    environment = {**ours, "CITYOS_CITY_FOLDER": str(tmp_path), "CITYOS_MQTT_PROT": "1884"}
    said = subprocess.run(
        [sys.executable, "-m", "cityos", "up"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (said.returncode, said.stderr) == (
        2,
        "cityos: the environment variable CITYOS_MQTT_PROT is not a setting of ours; did you mean CITYOS_MQTT_PORT?\n",
    )
