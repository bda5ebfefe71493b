"""What can be set about the gateway. Passed down; nothing here reads the environment."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class MapSettings(BaseModel):
    """What the live map shows before any data has come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    city_name: str = Field(default="都市OS", description="the city's name, in Japanese")
    city_name_en: str = Field(default="City OS", description="the city's name, in English")
    local_government_code: str | None = Field(default=None, description="全国地方公共団体コード, six digits")
    center: tuple[float, float] = Field(
        default=(136.2, 35.95), description="longitude and latitude of the map's middle"
    )
    zoom: float = Field(default=8.5, ge=0, le=22, description="the map's first zoom")
    tile_url: str | None = Field(
        default=None, description="raster tiles as https://…/{z}/{x}/{y}.png; none: no outside host"
    )
    tile_attribution: str | None = Field(default=None, description="what the tiles' owner wants said")
    data_attribution: str | None = Field(default=None, description="whose data it is, as its licence wants it said")
    languages: tuple[str, ...] = Field(default=("ja", "en"), description="languages offered, the first by default")


class GatewaySettings(BaseModel):
    """The gateway's own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="networks of the proxies in front of us, whose X-Forwarded-For is believed (10.0.0.0/8)"
    )
    reuse_port: bool = Field(
        default=False, description="let several gateway processes listen on one port (SO_REUSEPORT)"
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080",
        description="the address people use; issuer and audience of tokens. https unless on loopback",
    )
    default_tenant: str = Field(
        default="fukui", exclude=True, description="the tenant of requests without NGSILD-Tenant: the city's"
    )
    mode: Literal["live", "replay"] = Field(
        default="live", description="replay: the city's clock is the data's, not ours"
    )
    auth: Literal["on", "off"] = Field(
        default="on", description="off: anybody may do anything. For conformance tests, on loopback only"
    )
    private_hosts: bool = Field(
        default=False,
        description="fetch @contexts from, notify and forward to addresses that are not of the public internet",
    )
    map: MapSettings = MapSettings()
    web_folder: Path | None = Field(default=None, description="the built pages (web/dist); none: no pages are served")
    tls_certificate: Path | None = Field(
        default=None, description="PEM file; with tls_key the gateway speaks https itself"
    )
    tls_key: Path | None = Field(default=None, description="PEM file of the certificate's private key")
    policy_file: Path | None = Field(
        default=None, description="a policy as YAML in place of the default one (`cityos policy show` prints that)"
    )
    app_rate: float = Field(default=50.0, gt=0, description="requests a second that one app may keep up")
    app_burst: int = Field(default=500, ge=1, description="requests that one app may send at once after a silence")
    confirm_mail: bool = Field(
        default=False,
        description="who signs up follows a link in a mail first, and sign-up tells nobody which addresses are taken;"
        " needs CITYOS_NOTIFY_SMTP_HOST",
    )
    token_seconds: int = Field(default=3600, ge=60, le=86400, description="how long an access token is good")
    max_body_bytes: int = Field(default=10 * 1024 * 1024, ge=1024, description="the largest request body")
    max_batch: int = Field(default=1000, ge=1, description="the most entities in one batch operation")
    max_points: int = Field(default=10_000, ge=1, description="the most history values in one answer")
    max_streams: int = Field(default=1000, ge=1, description="the most event streams open at once, per process")
    stream_buffer: int = Field(
        default=512, ge=1, description="events kept for a slow reader before it is told of a gap"
    )
    stream_poll_seconds: float = Field(
        default=0.2, gt=0, description="how often the log is asked for changes to stream"
    )
    heartbeat_seconds: float = Field(default=15.0, gt=0, description="how often a silent stream says that it lives")
    source_seconds: float = Field(
        default=5.0, gt=0, le=60, description="how long a registered context source may take, unless it says otherwise"
    )
    source_rest_seconds: float = Field(
        default=0.0,
        ge=0,
        description="how long a context source that did not answer in time is left alone, unless it says otherwise",
    )
    database_seconds: float = Field(
        default=5.0,
        gt=0,
        description="how long a request may wait for the database before it is looked whether that answers at all:"
        " if not, the request is answered 503 within three seconds more; if so, it goes on",
    )
    shutdown_seconds: int = Field(default=10, ge=1, description="how long requests under way may take at shutdown")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for network in self.trusted_proxies:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"trusted_proxies: {error}") from error
        url = urlsplit(self.public_url)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
            raise ValueError("public_url must be https, or http on loopback: tokens must not travel in the clear")
        if url.path.rstrip("/") or url.query:
            raise ValueError("public_url is only scheme, host and port")
        if self.auth == "off" and self.host not in _LOOPBACK:
            raise ValueError("auth=off is for loopback only: host must be 127.0.0.1, ::1 or localhost")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self

    @property
    def issuer(self) -> str:
        """The issuer and audience of tokens (RFC 9068): the public address without a slash at its end."""
        return self.public_url.rstrip("/")
