"""The deployment against the code: every role is run, and every variable is a setting that takes the value given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cityos.city import roles_of
from cityos.roles import ROLES
from cityos.settings import load_settings, variables
from cityos.wiring import alerting_settings
from tests.unit.deploy.compose import ROOT, interpolated, services
from tests.unit.deploy.test_compose import make_secrets

KNOWN = {name for name, _ in variables()}
CHART: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "city-os" / "values.yaml").read_text())
BLOCKS = sorted(name for name in KNOWN if name.endswith("_ENABLED"))
OURS = sorted({*ROLES, "migrate"})


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated secrets, and stand-ins for the certificate that an operator puts beside them."""
    folder = tmp_path_factory.mktemp("deploy")
    make_secrets(folder)
    for name in ("tls_certificate", "tls_key"):
        (folder / "secrets" / name).write_text("PEM\n")
    return folder / "secrets"


def mounted(environment: Mapping[str, Any], secrets: Path, **operators: str) -> dict[str, str]:
    """The environment as the container sees it, with the secrets where they are here."""
    texts = {name: interpolated(str(value), **operators) for name, value in environment.items()}
    return {name: text.replace("/run/secrets", str(secrets)) for name, text in texts.items()}


def test_compose_and_chart_run_the_same_roles_and_every_role_that_exists() -> None:
    run = {name for name, service in services().items() if service.get("command", [""])[0] == "run"}
    assert ROLES.keys() == run
    assert CHART["roles"].keys() == run


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("name", OURS)
def test_compose_gives_settings_that_load(name: str, tls: bool, secrets: Path) -> None:
    environment = mounted(services(tls=tls)[name]["environment"], secrets)
    assert {variable.removesuffix("_FILE") for variable in environment} <= KNOWN
    settings = load_settings(environment)
    user = {"migrate": "url", "gateway": "app_url"}.get(name, "system_url")
    assert getattr(settings.database, user) == (secrets / f"database_{user}").read_text()


@pytest.mark.parametrize("name", ["endpoint", "chargers"])
def test_devices_can_show_certificates(name: str, secrets: Path) -> None:
    settings = load_settings(mounted(services(tls=True, authorities=True)[name]["environment"], secrets))
    door = settings.mqtt if name == "endpoint" else settings.chargers
    assert (door.tls_port is None, door.client_authorities) == (False, secrets / "device_authorities")


@pytest.mark.parametrize("name", OURS)
def test_what_the_operator_says_reaches_every_role(name: str, secrets: Path) -> None:
    """The migration makes the tenant that the roles serve, and the notifier gives the address that people use."""
    said = {"CITY_TENANT": "kobe", "CITY_PUBLIC_URL": "https://kobe.example.jp", "CITY_PROXIES": "172.16.0.0/12"}
    settings = load_settings(mounted(services()[name]["environment"], secrets, **said))
    assert settings.city.tenant == "kobe"
    assert settings.bridge is None or settings.bridge.tenant == "kobe"
    if name != "migrate":
        assert settings.gateway.public_url == alerting_settings(settings).public_url == "https://kobe.example.jp"
    if name == "gateway":
        assert settings.gateway.trusted_proxies == ("172.16.0.0/12",)


def operators_name(text: str) -> str:
    """The variable by which the operator says it, in Compose's `${NAME:-default}`."""
    return re.findall("[A-Z_]+", text)[0]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_building_block_can_be_taken(block: str) -> None:
    group = block.split("_")[1].lower()
    assert CHART["environment"][block] == "false"
    for role in ROLES:
        given = services()[role]["environment"][block]
        for said, taken in (({}, False), ({operators_name(given): "1"}, True)):
            settings = load_settings({block: interpolated(given, **said)})
            assert getattr(settings, group).enabled is taken


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_that_is_off_costs_no_container(block: str) -> None:
    """What turns the setting on makes the container, as on one machine it starts the role."""
    own = set(roles_of(load_settings({block: "true"}))) - set(roles_of(load_settings({})))
    assert own
    assert {name for name, role in CHART["roles"].items() if role.get("block") == block} == own
    said = operators_name(services()["gateway"]["environment"][block])
    for role in own:
        replicas = services()[role]["deploy"]["replicas"]
        assert (interpolated(replicas), interpolated(replicas, **{said: "1"})) == ("0", "1")


def test_every_other_role_runs_in_every_city() -> None:
    assert all("replicas" not in services()[role]["deploy"] for role in ROLES if "block" not in CHART["roles"][role])


@pytest.mark.parametrize("role", ["dispatch", "gateway"])
def test_who_compiles_the_planner_has_the_memory_for_it(role: str) -> None:
    """numba at work took 300 MB beside what the role holds; what it makes is gone with the container, so that a kill
    for memory would come again after each start."""
    least = 512
    assert int(services()[role]["deploy"]["resources"]["limits"]["memory"].removesuffix("M")) > least
    assert int(CHART["roles"][role]["resources"]["limits"]["memory"].removesuffix("Mi")) > least


def test_the_planner_is_compiled_while_the_image_is_built_for_the_processor_that_runs_it() -> None:
    """numba takes machine code only for the processor it was told of; what it writes is lost with the container."""
    stages = re.split(r"(?m)^FROM ", (ROOT / "deploy" / "Dockerfile").read_text())
    build = next(stage for stage in stages if "cityos buses compile" in stage)
    city = next(stage for stage in stages if " AS city\n" in stage)
    assert [re.findall(r"NUMBA_CPU_NAME=(\S+)", stage) for stage in (build, city)] == [["generic"], ["generic"]]
    (compiled,) = re.findall(r"NUMBA_CACHE_DIR=(\S+)", build)
    (command,) = re.findall(r'ENTRYPOINT \["(.+)"\]', city)
    assert f"COPY deploy/start.sh {command}\n" in city
    assert compiled == f"{command.removesuffix('/start.sh')}/numba", "start.sh takes it from beside itself"


@pytest.mark.parametrize("name", OURS)
def test_the_chart_gives_settings_that_load(name: str, secrets: Path) -> None:
    one = CHART["migrate"] if name == "migrate" else CHART["roles"][name]
    environment = (CHART["environment"] if name != "migrate" else {}) | one.get("environment", {})
    assert "CITYOS_GATEWAY_PUBLIC_URL" in environment or name == "migrate"
    load_settings(mounted(environment, secrets))


@pytest.mark.parametrize("name", sorted(ROLES))
def test_the_health_that_is_asked_is_the_health_that_is_served(name: str) -> None:
    service = services()[name]
    port = service["environment"]["CITYOS_GATEWAY_PORT" if name == "gateway" else "CITYOS_TELEMETRY_METRICS_PORT"]
    assert f"127.0.0.1:{port}/health/ready" in " ".join(service["healthcheck"]["test"])


@pytest.mark.parametrize("tls", [False, True])
def test_the_collector_asks_every_role_for_its_metrics(tls: bool) -> None:
    said = services(tls=tls)["collector"].get("environment", {})
    document = yaml.safe_load(interpolated((ROOT / "deploy" / "otel-collector.yaml").read_text(), **said))
    asked = {
        name: (job.get("scheme", "http"), target["port"])
        for job in document["receivers"]["prometheus"]["config"]["scrape_configs"]
        for target in job["dns_sd_configs"]
        for name in target["names"]
    }
    gateway = ("https", 8443) if tls else ("http", 8080)
    assert asked == {role: gateway if role == "gateway" else ("http", 9464) for role in CHART["roles"]}
    assert services(tls=tls)["gateway"]["environment"]["CITYOS_GATEWAY_PORT"] == str(gateway[1])


def test_the_image_sets_only_settings_that_exist() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    set_there = {line.split("=")[0].split()[-1] for line in text.splitlines() if "CITYOS_" in line}
    assert set_there
    assert set_there <= KNOWN
