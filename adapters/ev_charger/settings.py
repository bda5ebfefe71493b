"""What can be set about the central system for charging stations."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ChargersSettings(BaseModel):
    """The central system (OCPP 1.6J and 2.0.1 over WebSocket)."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = Field(False, description="whether this city runs charging stations (EV充電器)")
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface")
    port: int | None = Field(9220, ge=0, le=65535, description="Port without TLS; 0 picks a free one, none closes it")
    tls_port: int | None = Field(None, ge=0, le=65535, description="Port with TLS (security profiles 2 and 3)")
    tls_certificate: Path | None = Field(None, description="PEM file with the server's certificate chain")
    tls_key: Path | None = Field(None, description="PEM file with the server's private key")
    client_authorities: Path | None = Field(None, description="PEM file of authorities of stations' certificates")
    require_client_certificate: bool = Field(False, description="Refuse TLS connections that show no certificate")
    allow_open: bool = Field(
        False, description="Let registered stations without a secret in (old 1.6 stations on a closed network only)"
    )
    max_connections: int = Field(10_000, ge=1, description="Stations connected at once; one more is told 503")
    max_frame_bytes: int = Field(
        262_144, ge=1024, description="Largest message; a larger one ends the connection (1009)"
    )
    open_seconds: float = Field(10.0, gt=0, description="Seconds within which a new socket must have been admitted")
    ping_seconds: float = Field(30.0, gt=0, description="Seconds between pings; an unanswered one ends the connection")
    call_seconds: float = Field(30.0, gt=0, description="Seconds that a station has to answer a request of ours")
    heartbeat_seconds: int = Field(300, ge=10, le=86_400, description="Heartbeat interval that stations are told")
    pending_seconds: int = Field(60, ge=5, description="After how long a station that is not approved boots again")
    durable_seconds: float = Field(
        60.0, gt=0, description="Seconds to wait for the log before a message stays unanswered"
    )
    wrong_per_minute: float = Field(
        6.0,
        gt=0,
        description="Wrong passwords a minute for one station from one address before 429; from all, ten times as many",
    )

    @model_validator(mode="after")
    def _complete(self) -> ChargersSettings:
        if self.port is None and self.tls_port is None:
            raise ValueError("set port or tls_port: a central system without either hears nobody")
        if self.tls_port is not None and not (self.tls_certificate and self.tls_key):
            raise ValueError("tls_port needs tls_certificate and tls_key")
        if self.require_client_certificate and not self.client_authorities:
            raise ValueError("require_client_certificate needs client_authorities")
        return self
