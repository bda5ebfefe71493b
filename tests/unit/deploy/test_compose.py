"""docker-compose.yml: every role contained, pinned, watched and without a secret in sight."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from cityos.roles import ROLES
from tests.unit.deploy.compose import AUTHORITIES, BASE, ROOT, TLS, compose, interpolated, services

ALL = sorted(services())
ONE_SHOT = {"migrate"}
PUBLISHED_WITHOUT_TLS = "127.0.0.1:"


@pytest.mark.parametrize("name", ALL)
def test_the_image_is_pinned_to_a_version(name: str) -> None:
    image = interpolated(services()[name]["image"])
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?", image), image


def test_every_image_built_from_is_pinned_too() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert images
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+(-[a-z0-9]+)*$", image)] == []


def test_the_images_of_ours_do_not_run_as_root() -> None:
    stages = re.split(r"(?m)^FROM ", (ROOT / "deploy" / "Dockerfile").read_text())
    final = {stage.split(" AS ")[1].split()[0]: stage for stage in stages[1:]}
    for target in ("city", "collector"):
        assert re.search(r"(?m)^USER 10001:10001$", final[target]), target


@pytest.mark.parametrize("name", ALL)
def test_the_service_is_contained(name: str) -> None:
    service = services()[name]
    user, _, group = str(service["user"]).partition(":")
    assert (int(user) > 0, int(group) > 0) == (True, True)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    # The root is read-only, and even mosquitto_passwd writes there.
    assert [mount for mount in service["tmpfs"] if mount.startswith("/tmp:")], "no /tmp"


@pytest.mark.parametrize("name", sorted(set(ALL) - ONE_SHOT))
def test_the_service_is_watched_and_started_again(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_role_has_a_service(role: str) -> None:
    assert services()[role]["command"] == ["run", role]
    assert services()[role]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_whoever_is_waited_for_exists_and_says_when_it_is_ready() -> None:
    known = services()
    for name, service in known.items():
        for other, how in service.get("depends_on", {}).items():
            watched = "test" in known[other].get("healthcheck", {})
            ready = how["condition"] == "service_completed_successfully" if other in ONE_SHOT else watched
            assert ready, f"{name} waits for {other}"


def test_nothing_is_published_to_the_world_without_tls() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith(PUBLISHED_WITHOUT_TLS)] == []
    tls = [port for service in compose(TLS)["services"].values() for port in service.get("ports", [])]
    assert {port.split(":")[-1] for port in tls} == {"8883", "9221", "8443"}


@pytest.mark.parametrize("door", ["endpoint", "chargers", "gateway"])
def test_every_door_of_ours_has_tls_in_the_supplement(door: str) -> None:
    group = {"endpoint": "MQTT", "chargers": "CHARGERS", "gateway": "GATEWAY"}[door]
    given = services(tls=True)[door]
    assert {"tls_certificate", "tls_key"} <= set(given["secrets"])
    for file in ("certificate", "key"):
        assert given["environment"][f"CITYOS_{group}_TLS_{file.upper()}"] == f"/run/secrets/tls_{file}"
    inside = given["environment"]["CITYOS_GATEWAY_PORT" if door == "gateway" else f"CITYOS_{group}_TLS_PORT"]
    assert [port.rpartition(":")[2] for port in compose(TLS)["services"][door]["ports"]] == [inside]


def test_database_log_and_collector_are_reachable_only_from_inside() -> None:
    assert compose()["networks"]["back"] == {"internal": True}
    for name in ("postgres", "kafka", "collector", "writer", "alerting", "relay"):
        assert services()[name]["networks"] == ["back"]


def test_whoever_answers_strangers_cannot_see_every_tenant() -> None:
    assert not {"database_url", "database_system_url"} & set(services(tls=True)["gateway"]["secrets"])


def test_no_secret_is_written_down() -> None:
    for name, service in services(tls=True).items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_.*URL|_KEY$", variable):
                assert str(value).startswith("/run/secrets/"), f"{name}: {variable}"
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), f"{name}: {variable}"


def test_every_secret_used_is_declared_and_mounted() -> None:
    declared = compose()["secrets"] | compose(TLS)["secrets"] | compose(AUTHORITIES)["secrets"]
    for name, service in services(tls=True, authorities=True).items():
        mounted = set(service.get("secrets", []))
        assert mounted <= declared.keys(), name
        text = str([service.get("environment"), service.get("command"), service.get("entrypoint")])
        assert set(re.findall(r"/run/secrets/([a-z_]+)", text)) | {"kafka_password"} & mounted == mounted, name


def test_the_secrets_are_made_once_and_are_nobodys_default(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "one")
    assert made.keys() == compose()["secrets"].keys()
    again = make_secrets(tmp_path / "one")
    assert again == made
    other = make_secrets(tmp_path / "two")
    assert [name for name in made if made[name] == other[name]] == []
    assert stat.S_IMODE((tmp_path / "one" / "secrets").stat().st_mode) == 0o700
    assert made["postgres_password"] in made["database_url"]
    assert made["mosquitto_users"] == f"cityos-bridge:{made['bridge_password']}\n"
    assert all(len(made[name]) >= 43 for name in ("postgres_password", "kafka_password", "bridge_password"))


def make_secrets(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    script = folder / "make-secrets.sh"
    script.write_bytes((ROOT / "deploy" / "make-secrets.sh").read_bytes())
    subprocess.run(["sh", str(script)], check=True, capture_output=True, timeout=30)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_what_is_mounted_from_the_checkout_exists() -> None:
    for file in (BASE, TLS, AUTHORITIES):
        for service in compose(file)["services"].values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                assert not source.startswith(".") or (ROOT / source).is_file(), source
