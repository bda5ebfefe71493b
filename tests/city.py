"""A whole city as a person would start it: `cityos up` in a folder of its own, on ports of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

_UP_SECONDS = 200.0


class WholeCity:
    """Runs `cityos up` as a child process. Roles are found, and killed, by their process ids."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.http_port = free_port()
        self.mqtt_port = free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CITYOS_")},
            "CITYOS_CITY_FOLDER": str(folder),
            "CITYOS_GATEWAY_PORT": str(self.http_port),
            "CITYOS_GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{self.http_port}",
            "CITYOS_MQTT_PORT": str(self.mqtt_port),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> float:
        """Start and return after how many seconds the gateway was ready."""
        began = time.monotonic()
        self.launch()
        wait_until(lambda: self._ready(), _UP_SECONDS, f"the city did not start; see {self.folder}")
        return time.monotonic() - began

    def launch(self) -> subprocess.Popen[bytes]:
        """Start and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cityos", "up"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._process

    def said(self) -> str:
        """What `cityos up` printed."""
        return (self.folder / "up.log").read_text()

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
        self._process = None

    @property
    def supervisor(self) -> int:
        """The process id of `cityos up` itself."""
        assert self._process is not None
        return self._process.pid

    def pid(self, part: str) -> int:
        """The id of the process that runs a role, alone or among others, or of `postgres`."""
        [file] = [file for file in (self.folder / "run").glob("*.pid") if part in file.stem.split("+")]
        return int(file.read_text())

    def kill(self, part: str) -> None:
        """`kill -9` one part."""
        os.kill(self.pid(part), signal.SIGKILL)

    def command(
        self, *arguments: str, check: bool = True, settings: Mapping[str, str] | None = None, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run `cityos …` against this city, with other `settings` where some are given, for `seconds` at most."""
        return subprocess.run(
            [sys.executable, "-m", "cityos", *arguments],
            env={**self._environment, **(settings or {})},
            capture_output=True,
            text=True,
            check=check,
            timeout=seconds,
        )

    def get(self, path: str, **params: str) -> Any:
        """The JSON at `path`."""
        response = httpx.get(self.url + path, params=params, timeout=30)
        response.raise_for_status()
        return response.json()

    def running(self) -> dict[str, str]:
        """The addresses that the running city leaves for its tools."""
        values: dict[str, str] = json.loads((self.folder / "running.json").read_text())
        return values

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "up.log").read_text()[-3000:]
        try:
            ready = httpx.get(self.url + "/health/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
        return ready and (self.folder / "running.json").exists()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, seconds: float, what: str) -> None:
    """Ask again and again until `condition()` is true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
