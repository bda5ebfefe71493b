"""Publishing with a bounded number of messages under way: for replays, and for whoever speaks as a device.

paho does the protocol in a thread of its own; this file is the bridge to asyncio. A message that was under way when
the connection broke is sent again on the next connection, so it may arrive twice and is never lost silently.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import BaseModel, Field, SecretStr

from broker.errors import CityError, Forbidden, Unavailable


class PublisherSettings(BaseModel, frozen=True):
    """Where to publish, as whom, and how much may be under way."""

    host: str = Field("127.0.0.1", description="the broker's or the endpoint's address")
    port: int = Field(1883, ge=1, le=65535, description="its port")
    username: str | None = Field(None, description="who publishes")
    password: SecretStr | None = Field(None, description="that device's or network's secret")
    tls: bool = Field(False, description="speak TLS, checking the server's certificate")
    ca_file: Path | None = Field(None, description="certificates to trust in place of the system's")
    version: Literal["3.1.1", "5.0"] = Field("5.0", description="the protocol's version")
    client_id: str = Field("", description="the MQTT client identifier; empty: a random one")
    max_inflight: int = Field(200, ge=1, le=65535, description="messages sent and not yet acknowledged, at most")
    connect_timeout_s: float = Field(10, gt=0, description="how long the first connection may take")
    stall_timeout_s: float = Field(60, gt=0, description="how long to wait for an acknowledgement before giving up")


class Refused(CityError):
    """The broker acknowledged the message with a reason code that says it did not take it (MQTT 5, 3.4.2.1)."""


class Publisher:
    """One MQTT connection that publishes. Used as an async context manager."""

    def __init__(self, settings: PublisherSettings) -> None:
        self._settings = settings
        self._limit = settings.max_inflight
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._settled = asyncio.Event()
        self._client = _new_client(settings)
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()

    async def __aenter__(self) -> Self:
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=30)
        self._client.loop_start()
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            await asyncio.wait_for(self._connected, self._settings.connect_timeout_s)
        except TimeoutError:
            await self._close()
            raise Unavailable(f"no MQTT connection to {where} within {self._settings.connect_timeout_s:g} s") from None
        except CityError:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> asyncio.Future[None]:
        """Send, as soon as fewer than the limit are under way. The future is done when the server has taken the
        message (PUBACK or PUBCOMP); at QoS 0, when it is sent.

        Raises `Unavailable` when nothing was acknowledged for `stall_timeout_s`. The future fails with `Refused`
        when the broker's PUBACK says so, and with `Unavailable` when the publisher closes before it came.
        """
        while len(self._pending) >= self._limit:
            await self._settling()
        number = self._client.publish(topic, payload, qos=qos).mid
        future: asyncio.Future[None] = self._loop.create_future()
        self._pending[number] = future
        return future

    async def drain(self) -> None:
        """Return when nothing is under way. Raises `Unavailable` as `publish` does."""
        while self._pending:
            await self._settling()

    async def _settling(self) -> None:
        self._settled.clear()
        try:
            await asyncio.wait_for(self._settled.wait(), self._settings.stall_timeout_s)
        except TimeoutError:
            seconds = f"{self._settings.stall_timeout_s:g} s"
            raise Unavailable(f"no acknowledgement for {seconds}, {len(self._pending)} messages under way") from None

    async def _close(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        for future in self._pending.values():
            if not future.done():
                future.set_exception(Unavailable("the publisher closed before this message was acknowledged"))
                future.exception()
        self._pending.clear()

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        """From paho's thread to the event loop, where all state of this object lives."""
        self._loop.call_soon_threadsafe(callback, *args)

    def _on_connect(
        self, _c: Client, _u: Any, _f: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._tell(self._greeted, code, getattr(properties, "ReceiveMaximum", 65535))

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self._tell(self._fail_first, Unavailable(f"nothing listens on {self._settings.host}:{self._settings.port}"))

    def _on_disconnect(
        self, _c: Client, _u: Any, _f: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._tell(self._fail_first, Unavailable(f"the connection was closed at once: {code}"))

    def _on_publish(self, _c: Client, _u: Any, number: int, code: ReasonCode, _properties: Properties) -> None:
        self._tell(self._settle, number, code)

    def _greeted(self, code: ReasonCode, receive_maximum: int) -> None:
        self._limit = min(self._settings.max_inflight, receive_maximum)
        if code.is_failure:
            self._fail_first(Forbidden(f"the MQTT server refuses {self._settings.username or 'anonymous'}: {code}"))
        elif not self._connected.done():
            self._connected.set_result(None)

    def _fail_first(self, error: CityError) -> None:
        if not self._connected.done():
            self._connected.set_exception(error)

    def _settle(self, number: int, code: ReasonCode) -> None:
        self._settled.set()
        future = self._pending.pop(number, None)
        if future is None or future.done():
            return
        if code.is_failure:
            future.set_exception(Refused(f"the MQTT server refused the message: {code}"))
        else:
            future.set_result(None)


def _new_client(settings: PublisherSettings) -> Client:
    client_id = settings.client_id or f"cityos-publisher-{secrets.token_hex(6)}"
    protocol = MQTTv5 if settings.version == "5.0" else MQTTv311
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
    client.max_inflight_messages_set(settings.max_inflight)
    client.reconnect_delay_set(1, 10)
    client.connect_timeout = settings.connect_timeout_s
    if settings.username is not None:
        password = settings.password
        client.username_pw_set(settings.username, password.get_secret_value() if password else None)
    if settings.tls:
        client.tls_set(ca_certs=str(settings.ca_file) if settings.ca_file else None)
    return client
