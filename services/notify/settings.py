"""Settings of the role `notifier`, as `CITYOS_NOTIFY_…`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class NotifySettings(BaseModel):
    """How deliveries are sent."""

    model_config = ConfigDict(frozen=True)

    timeout_s: float = Field(default=10.0, gt=0, description="how long a receiver may take to answer")
    parallel: int = Field(default=32, ge=1, description="subscribers served at the same time by one process")
    each: int = Field(default=20, ge=1, description="deliveries to one subscriber before the others' turn")
    attempts: int = Field(default=12, ge=1, description="after so many a delivery is a dead letter")
    first_pause_s: float = Field(default=2.0, gt=0, description="pause after the first failure; it doubles")
    longest_pause_s: float = Field(default=3600.0, gt=0, description="the longest pause between attempts")
    keep_days: float = Field(default=30.0, gt=0, description="how long settled deliveries are kept")
    poll_s: float = Field(default=5.0, gt=0, description="how often due retries are looked for")
    allow_private_targets: bool = Field(
        default=False, description="webhooks may go to private and loopback addresses (tests, an intranet)"
    )
    exporter: str = Field(
        default="",
        description="function that makes documents for the channel `export` (Lアラート and its like), as"
        " package.module:function; empty: such deliveries wait",
    )
    smtp_host: str = Field(default="", description="mail server; empty: mail deliveries wait")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="the mail server's port")
    smtp_user: str = Field(default="", description="user name at the mail server; empty: no log-in")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="password at the mail server")
    smtp_starttls: bool = Field(default=True, description="require TLS; off only for a mail server on this machine")
    mail_from: str = Field(default="city-os@city.example", description="the sender's address of mails")
    mqtt_host: str = Field(default="", description="MQTT server for notices; empty: MQTT deliveries wait")
    mqtt_port: int = Field(default=1883, ge=1, le=65535, description="that server's port")
    mqtt_username: str = Field(default="", description="user name there; empty: none is given")
    mqtt_password: SecretStr = Field(default=SecretStr(""), description="password there")
    mqtt_tls: bool = Field(default=False, description="speak TLS with it, checking its certificate")
    mqtt_ca_file: Path | None = Field(default=None, description="PEM file of authorities to trust in place of ours")
    mqtt_prefix: str = Field(default="city/notices", description="topic prefix of MQTT deliveries")
