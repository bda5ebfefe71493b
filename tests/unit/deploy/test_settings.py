"""The deployment against the code: every role is run, and every variable is a setting that takes the value given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cityos.roles import ROLES
from cityos.settings import load_settings, variables
from tests.unit.deploy.compose import ROOT, interpolated, services
from tests.unit.deploy.test_compose import make_secrets

KNOWN = {name for name, _ in variables()}
CHART: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "city-os" / "values.yaml").read_text())
OURS = sorted({*ROLES, "migrate"})


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated secrets, and stand-ins for the certificate that an operator puts beside them."""
    folder = tmp_path_factory.mktemp("deploy")
    make_secrets(folder)
    for name in ("tls_certificate", "tls_key"):
        (folder / "secrets" / name).write_text("PEM\n")
    return folder / "secrets"


def mounted(environment: Mapping[str, Any], secrets: Path) -> dict[str, str]:
    """The environment as the container sees it, with the secrets where they are here."""
    return {name: interpolated(str(value)).replace("/run/secrets", str(secrets)) for name, value in environment.items()}


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


@pytest.mark.parametrize("name", OURS)
def test_the_chart_gives_settings_that_load(name: str, secrets: Path) -> None:
    one = CHART["migrate"] if name == "migrate" else CHART["roles"][name]
    environment = (CHART["environment"] if name != "migrate" else {}) | one.get("environment", {})
    load_settings(mounted(environment, secrets))


@pytest.mark.parametrize("name", sorted(ROLES))
def test_the_health_that_is_asked_is_the_health_that_is_served(name: str) -> None:
    service = services()[name]
    port = service["environment"]["CITYOS_GATEWAY_PORT" if name == "gateway" else "CITYOS_TELEMETRY_METRICS_PORT"]
    assert f"127.0.0.1:{port}/health/ready" in " ".join(service["healthcheck"]["test"])


def test_the_collector_asks_every_role_for_its_metrics() -> None:
    document = yaml.safe_load((ROOT / "deploy" / "otel-collector.yaml").read_text())
    asked = {
        name: target["port"]
        for job in document["receivers"]["prometheus"]["config"]["scrape_configs"]
        for target in job["dns_sd_configs"]
        for name in target["names"]
    }
    assert asked == {role: 8080 if role == "gateway" else 9464 for role in CHART["roles"]}


def test_the_image_sets_only_settings_that_exist() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    set_there = {line.split("=")[0].split()[-1] for line in text.splitlines() if "CITYOS_" in line}
    assert set_there
    assert set_there <= KNOWN
