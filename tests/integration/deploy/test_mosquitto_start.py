"""The container's own start of Mosquitto, on a real one: the generated password is let in, another is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.city import free_port
from tests.requirements import need
from tests.unit.deploy.compose import ROOT, services
from tests.unit.deploy.test_compose import make_secrets

pytestmark = pytest.mark.mosquitto


def publish(port: int, password: str) -> int:
    """The exit status of one QoS 1 publish as the bridge's user."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-u", "cityos-bridge", "-P", password]
    done = subprocess.run([*command, "-t", "city/river/a/up", "-m", "{}"], capture_output=True, check=False, timeout=60)
    return done.returncode


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The service's entry point with this test's folders and port; yields the port and the secrets."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    need(shutil.which("mosquitto", path=path) is not None, "mosquitto")
    need(shutil.which("mosquitto_pub", path=path) is not None, "mosquitto_pub")
    secrets = make_secrets(tmp_path)
    tmp_path.chmod(0o755)
    for folder in ("config", "data"):
        (tmp_path / folder).mkdir()
    port = free_port()
    settings = tmp_path / "mosquitto.conf"
    shipped = (ROOT / "deploy" / "mosquitto.conf").read_text().replace("/mosquitto/", f"{tmp_path}/")
    # As root it would become another user, which the container, not being root, does not.
    settings.write_text(shipped.replace("listener 1883", f"listener {port} 127.0.0.1") + "\nuser root\n")
    script = services()["mosquitto"]["entrypoint"][-1].replace("$$", "$")
    for there, here in {
        "/run/secrets": tmp_path / "secrets",
        "/etc/city/mosquitto.conf": settings,
        "/mosquitto/config": tmp_path / "config",
    }.items():
        assert there in script
        script = script.replace(there, str(here))
    process = subprocess.Popen(["sh", "-ec", script], env={**os.environ, "PATH": path}, stderr=subprocess.DEVNULL)
    yield port, secrets
    process.terminate()
    process.wait(20)


def test_the_generated_password_is_let_in_and_no_other(broker: tuple[int, dict[str, str]], tmp_path: Path) -> None:
    port, secrets = broker
    deadline = time.monotonic() + 20
    while publish(port, secrets["bridge_password"]) != 0:
        assert time.monotonic() < deadline, "the generated password is not let in"
        time.sleep(0.1)
    assert publish(port, "guessed") != 0
    kept = (tmp_path / "config" / "passwords").read_text()
    assert secrets["bridge_password"] not in kept
    assert kept.startswith("cityos-bridge:$")
