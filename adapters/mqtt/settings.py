"""What can be set about the city's MQTT endpoint and about the client of somebody else's broker."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from access.topics import valid_filter

_WEEK = 7 * 24 * 3600


class EndpointSettings(BaseModel):
    """The city's own MQTT endpoint."""

    model_config = ConfigDict(frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface")
    port: int | None = Field(1883, ge=0, le=65535, description="Port without TLS; 0 picks a free one, none closes it")
    tls_port: int | None = Field(None, ge=0, le=65535, description="Port with TLS (8883 is customary)")
    tls_certificate: Path | None = Field(None, description="PEM file with the server's certificate chain")
    tls_key: Path | None = Field(None, description="PEM file with the server's private key")
    client_authorities: Path | None = Field(None, description="PEM file of authorities whose device certificates count")
    require_client_certificate: bool = Field(False, description="Refuse TLS connections that show no certificate")
    max_connections: int = Field(60_000, ge=1, description="Connections at once; one more is closed at once")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds within which a new socket must have been admitted")
    write_timeout: float = Field(30.0, gt=0, description="Seconds that a device may leave its answers unread")
    max_keep_alive: int = Field(
        1200, ge=5, le=65535, description="Longest keep-alive, seconds; 5.0 devices asking for none get it too"
    )
    max_packet_bytes: int = Field(1_048_576, ge=1024, description="Largest packet; a larger one ends the connection")
    max_connect_bytes: int = Field(65_536, ge=1024, description="Largest CONNECT, from whom nothing is known yet")
    max_topic_bytes: int = Field(1024, ge=16, le=65535, description="Longest topic in bytes of UTF-8")
    receive_maximum: int = Field(
        1000,
        ge=1,
        le=65535,
        description="Messages of a connection that may wait; then its socket is not read",
    )
    topic_alias_maximum: int = Field(32, ge=0, le=65535, description="Topic aliases (5.0) a connection may set")
    max_session_expiry: int = Field(_WEEK, ge=0, description="Longest life of a session without connection, seconds")
    sessions_per_device: int = Field(4, ge=1, description="Sessions (client identifiers) that one device may keep")
    subscriptions_per_session: int = Field(32, ge=1, description="Filters that one session may subscribe to")
    downlink_inflight: int = Field(16, ge=1, le=65535, description="Commands sent to a device and not yet acknowledged")
    downlink_queue: int = Field(100, ge=1, description="Commands kept for a device; one more is refused to its sender")
    downlink_queue_bytes: int = Field(1_048_576, ge=1024, description="Bytes of commands kept for a device")
    write_buffer_bytes: int = Field(262_144, ge=4096, description="Unsent answers after which a socket is not read")

    @model_validator(mode="after")
    def _complete(self) -> EndpointSettings:
        if self.port is None and self.tls_port is None:
            raise ValueError("set port or tls_port: an endpoint without either hears nobody")
        if self.tls_port is not None and not (self.tls_certificate and self.tls_key):
            raise ValueError("tls_port needs tls_certificate and tls_key")
        if self.require_client_certificate and not self.client_authorities:
            raise ValueError("require_client_certificate needs client_authorities")
        return self


class BrokerClientSettings(BaseModel):
    """A client of an existing broker (Mosquitto, EMQX, ChirpStack, The Things Stack)."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(description="The broker's host")
    port: int = Field(1883, ge=1, le=65535, description="The broker's port")
    protocol: Literal["3.1.1", "5"] = Field("5", description="The version of MQTT to speak")
    client_id: str = Field(min_length=1, description="Stable and used once: the broker keeps its session by this name")
    username: str | None = Field(None, description="User name, where the broker wants one")
    password: SecretStr | None = Field(None, description="Password, where the broker wants one")
    tls: bool = Field(False, description="Speak TLS")
    tls_authorities: Path | None = Field(None, description="PEM file of authorities; none: the machine's own")
    tls_certificate: Path | None = Field(None, description="PEM file with this client's certificate")
    tls_key: Path | None = Field(None, description="PEM file with this client's private key")
    tenant: str = Field(min_length=1, description="The tenant that messages from this broker belong to")
    device: str = Field(min_length=1, description="The registered device that stands for this network")
    subscriptions: tuple[str, ...] = Field(min_length=1, description="Topic filters to take from the broker")
    qos: int = Field(1, ge=0, le=1, description="Quality of service of the subscriptions; 1 keeps the guarantee")
    receive_maximum: int = Field(2000, ge=1, le=65535, description="Messages that may wait for our acknowledgement")
    max_packet_bytes: int = Field(1_048_576, ge=1024, description="Largest packet the broker may send (5.0)")
    session_expiry: int = Field(_WEEK, ge=0, le=0xFFFFFFFF, description="Seconds the broker keeps our session (5.0)")
    keep_alive: int = Field(30, ge=5, le=65535, description="Seconds between signs of life")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds to wait for the broker to accept us")
    backoff_min: float = Field(0.5, gt=0, description="Seconds before the first try to reconnect")
    backoff_max: float = Field(30.0, gt=0, description="Longest pause between tries, seconds")

    @model_validator(mode="after")
    def _filters(self) -> BrokerClientSettings:
        for each in self.subscriptions:
            plain = each.split("/", 2)[-1] if each.startswith("$share/") else each
            if not valid_filter(plain):
                raise ValueError(f"subscriptions: {each!r} is no topic filter (# only last, + alone in its level)")
        return self
