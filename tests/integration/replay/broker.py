"""A real Mosquitto of the test's own, and what it says it received."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.requirements import need


class Mosquitto:
    """One broker on a free port, with one user. May be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        need(binary is not None and shutil.which("mosquitto_passwd") is not None, "mosquitto")
        self._binary = str(binary)
        self._folder = folder
        self.password = "a password of this test only"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._configure()

    def _configure(self) -> None:
        passwords = self._folder / "passwords"
        subprocess.run(
            ["mosquitto_passwd", "-b", "-c", str(passwords), "replay", self.password], check=True, timeout=30
        )
        (self._folder / "acl").write_text("user replay\ntopic write city/river/+/up\ntopic read city/#\n")
        settings = [
            f"listener {self.port} 127.0.0.1",
            f"password_file {passwords}",
            f"acl_file {self._folder / 'acl'}",
            "allow_anonymous false",
            "max_inflight_messages 20",
            # A whole flood: by default it throws away what a slower listener has not taken beyond a thousand.
            "max_queued_messages 10000",
            "user root",
        ]
        (self._folder / "mosquitto.conf").write_text("\n".join(settings) + "\n")

    def start(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as log:
            command = [self._binary, "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"mosquitto did not start: {(self._folder / 'mosquitto.log').read_text()}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Listener:
    """Everything that is published under `city/`, in order of arrival."""

    def __init__(self, broker: Mosquitto) -> None:
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._grown = asyncio.Event()
        self.received: list[tuple[str, bytes]] = []

    async def __aenter__(self) -> Listener:
        client = self._client = Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set("replay", self._broker.password)
        client.on_connect = lambda *_: client.subscribe("city/#", qos=1)
        client.on_subscribe = lambda *_: self._loop.call_soon_threadsafe(self._ready.set)
        client.on_message = lambda _client, _data, message: self._loop.call_soon_threadsafe(self._take, message)
        client.connect_async("127.0.0.1", self._broker.port)
        client.loop_start()
        await asyncio.wait_for(self._ready.wait(), 60)
        return self

    def _take(self, message: MQTTMessage) -> None:
        self.received.append((message.topic, message.payload))
        self._grown.set()

    async def until(self, count: int) -> None:
        """Return when `count` messages have come. Raises TimeoutError when nothing comes for a minute."""
        while len(self.received) < count:
            self._grown.clear()
            await asyncio.wait_for(self._grown.wait(), 60)

    async def __aexit__(self, *_: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
