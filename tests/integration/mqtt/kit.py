"""What the tests of both ways in share: an intake whose outcomes the test decides, a door, and a bare device."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any, ClassVar

import mqtt5

from adapters.mqtt.packets.codec import V5, Codec
from adapters.mqtt.packets.framing import Framer
from broker.ingest.ports import Credentials, Done, Inbound, Principal

TENANT = "fukui"
PATIENCE = 30.0


class TestIntake:
    """Takes up to `capacity` messages, and tells their outcome at once or when the test says so."""

    __test__ = False

    def __init__(self, *, hold: bool = False, capacity: int = 1_000_000) -> None:
        self.hold = hold
        self.capacity = capacity
        self.poison = b""
        """A payload that it fails at, as a fault of the program would."""
        self.messages: list[Inbound] = []
        self.refusals = 0
        self._waiting: deque[Done] = deque()
        self._room = asyncio.Event()
        self._changed = asyncio.Event()

    def offer(self, message: Inbound, done: Done) -> bool:
        if len(self._waiting) >= self.capacity:
            self.refusals += 1
            self._room.clear()
            return False
        if self.poison and message.payload == self.poison:
            raise RuntimeError("nobody expected this")
        self.messages.append(message)
        self._changed.set()
        if self.hold:
            self._waiting.append(done)
        else:
            done(None)
        return True

    async def room(self) -> None:
        if len(self._waiting) >= self.capacity:
            await self._room.wait()

    def release(self, count: int | None = None, error: BaseException | None = None) -> int:
        """Tell the outcome of the next `count` held messages, of all by default."""
        many = len(self._waiting) if count is None else min(count, len(self._waiting))
        for _ in range(many):
            self._waiting.popleft()(error)
        self._room.set()
        return many

    def release_last(self) -> None:
        """Tell the outcome of the newest held message, before that of the older ones."""
        self._waiting.pop()(None)

    def let_go(self) -> None:
        """Hold nothing any more."""
        self.hold = False
        self.release()

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.messages) < count:
                self._changed.clear()
                await self._changed.wait()


class Door:
    """Admits users by password or by the name on their certificate, each as the device of the same name."""

    def __init__(self, **passwords: str) -> None:
        self.passwords = passwords
        self.seen: list[Credentials] = []
        self.pause = 0.0

    async def admit(self, credentials: Credentials) -> Principal | None:
        self.seen.append(credentials)
        await asyncio.sleep(self.pause)
        name = credentials.certificate_name or credentials.username
        if name is None:
            return None
        shown = (credentials.password or b"").decode()
        if credentials.certificate_name is None and self.passwords.get(name) != shown:
            return None
        return Principal(TENANT, name, (f"river/{name}/#",), (f"commands/{name}/#",))


class Closed(Exception):
    """The server has closed the connection."""


class Device:
    """A device that sends and expects single packets: what no well-behaved client library lets one do."""

    opened: ClassVar[list[Device]] = []

    def __init__(self, codec: Codec = V5, *, name: str = "g1", password: str = "secret") -> None:
        self.codec = codec
        self.name = name
        self.password = password
        self._framer = Framer(1 << 24)
        self._ready: deque[Any] = deque()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self, port: int, context: ssl.SSLContext | None = None) -> None:
        """Only the socket."""
        if self in self.opened:
            self.drop()
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost" if context else None
        )
        self.opened.append(self)

    async def connect(self, port: int, **options: Any) -> mqtt5.ConnAckPacket:
        """A socket, CONNECT and its answer."""
        context = options.pop("context", None)
        await self.open(port, context)
        defaults: dict[str, Any] = {"username": self.name, "password": self.password.encode(), "clean_start": True}
        await self.send(mqtt5.ConnectPacket(options.pop("client_id", self.name), **(defaults | options)))
        return await self.expect(mqtt5.ConnAckPacket)

    async def send(self, *packets: Any) -> None:
        await self.write(b"".join(map(self.codec.encode, packets)))

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def publish(self, payload: bytes, packet_id: int | None = None, **options: Any) -> None:
        topic = options.pop("topic", f"river/{self.name}/level")
        qos = mqtt5.QoS(options.pop("qos", 1 if packet_id else 0))
        await self.send(mqtt5.PublishPacket(topic, payload, qos=qos, packet_id=packet_id, **options))

    async def subscribe(self, *patterns: str, qos: int = 1) -> list[int]:
        """The granted qualities or reason codes."""
        filters = [mqtt5.TopicFilter(pattern, max_qos=mqtt5.QoS(qos)) for pattern in patterns]
        await self.send(mqtt5.SubscribePacket(77, filters))
        return [code.value for code in (await self.expect(mqtt5.SubAckPacket)).reason_codes]

    async def packet(self) -> Any:
        """The next packet from the server. Raises `Closed` when it has closed instead."""
        async with asyncio.timeout(PATIENCE):
            return await self.packet_without_limit()

    async def packet_without_limit(self) -> Any:
        """The next packet from the server, however long it takes."""
        while not self._ready:
            try:
                data = await self._reader.read(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.drop()
                raise Closed
            self._framer.feed(data)
            self._ready.extend([self.codec.decode(frame) for frame in self._framer.frames()])
        return self._ready.popleft()

    async def expect(self, kind: type) -> Any:
        packet = await self.packet()
        assert isinstance(packet, kind), f"expected {kind.__name__}, got {packet}"
        return packet

    async def expect_nothing(self, seconds: float = 0.2) -> None:
        try:
            async with asyncio.timeout(seconds):
                packet = await self.packet()
        except TimeoutError:
            return
        raise AssertionError(f"expected nothing, got {packet}")

    async def expect_closed(self) -> list[Any]:
        """Whatever the server said before it closed."""
        said = []
        try:
            while True:
                said.append(await self.packet())
        except Closed:
            return said

    def drop(self) -> None:
        """Break the connection without a word."""
        self._writer.transport.abort()

    async def leave(self) -> None:
        """DISCONNECT, and close."""
        await self.send(mqtt5.DisconnectPacket())
        self._writer.close()
