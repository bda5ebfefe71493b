"""A real mosquitto for the tests, and a wire-tap between it and the client under test."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

import mqtt5

from adapters.mqtt.packets.codec import Codec
from adapters.mqtt.packets.framing import Framer
from adapters.mqtt.patience import until
from tests.integration.mqtt.kit import PATIENCE
from tests.requirements import need

SHIPPED = Path(__file__).parents[3] / "deploy" / "mosquitto.conf"


def find(program: str) -> str:
    """Where a program of mosquitto's is; skips the test (fails it in CI) when it is not installed."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    need(path is not None, program)
    assert path
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker with the settings that the project ships, on a port and a directory of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._program = find("mosquitto")
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        lines = [
            line
            for line in SHIPPED.read_text().splitlines()
            if not line.startswith(("listener ", "password_file ", "persistence_location ", "allow_anonymous "))
        ]
        lines += [f"listener {self.port} 127.0.0.1", "allow_anonymous true"]
        lines += [f"persistence_location {self._folder}/", f"user {self._user()}"]
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join(lines))
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                [self._program, "-c", str(config)], stdout=log, stderr=log
            )
        assert await until(self._answers, within=PATIENCE), (self._folder / "mosquitto.log").read_text()

    async def saved(self) -> bool:
        """Whether all that it holds is in its file: it is once a writing has begun and ended after this call."""
        written: set[int] = set()

        def twice() -> bool:
            with contextlib.suppress(OSError):
                written.add((self._folder / "mosquitto.db").stat().st_mtime_ns)
            return len(written) > 2

        return await until(twice, within=PATIENCE)

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _user(self) -> str:
        return Path(self._folder).owner()


class Tap:
    """Passes bytes between a client and its broker, and counts the packets that it sees. Can cut the wire."""

    def __init__(self, codec: Codec, broker_port: int) -> None:
        self.port = 0
        self.acknowledged = 0
        self.delivered = 0
        self._codec = codec
        self._broker_port = broker_port
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        self.cut()
        await until(lambda: not self._writers, within=PATIENCE)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._broker_port)
        except OSError:
            writer.transport.abort()
            return
        # What is on its way to a client that does not read shall be little, and not what the kernel likes to keep.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        both = {writer, back}
        self._writers |= both
        up, down = (asyncio.create_task(self._pass(a, b)) for a, b in ((reader, back), (there, writer)))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.transport.abort()
        await asyncio.gather(up, down, return_exceptions=True)
        self._writers -= both

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        framer = Framer(1 << 24)
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                framer.feed(data)
                for frame in framer.frames():
                    self._count(frame)
                target.write(data)
                await target.drain()

    def _count(self, frame: memoryview) -> None:
        kind = frame[0] >> 4
        if kind == 4:
            assert isinstance(self._codec.decode(frame), mqtt5.PubAckPacket)
            self.acknowledged += 1
        elif kind == 3:
            self.delivered += 1
