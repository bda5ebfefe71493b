"""Settings of the log's two drivers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class GatheringSettings(BaseModel):
    """How concurrent appends are merged into few commits."""

    model_config = ConfigDict(frozen=True)

    commit_records: int = Field(default=4000, ge=1, description="most records in one commit")
    commit_bytes: int = Field(
        default=4_194_304, ge=1, description="most bytes in one commit, unless one record is larger"
    )
    waiting_bytes: int = Field(
        default=33_554_432, ge=1, description="bytes that may wait for a commit; beyond that `append` waits for room"
    )


class PostgresLogSettings(BaseModel):
    """The log inside PostgreSQL."""

    model_config = ConfigDict(frozen=True)

    gathering: GatheringSettings = GatheringSettings()
    append_seconds: float = Field(default=20.0, gt=0, description="an append that takes longer fails as unavailable")
    batch_bytes: int = Field(
        default=1_048_576, ge=1, description="bytes packed in one row, unless one record is larger"
    )
    fetch_bytes: int = Field(
        default=8_388_608, ge=1, description="about how much one fetch of a consumer brings, in bytes"
    )
    look_again_seconds: float = Field(
        default=1.0, gt=0, le=1, description="how long a missed notification goes unnoticed"
    )
    lease_seconds: float = Field(
        default=10.0, gt=0, description="a consumer silent for this long is taken for dead and its partitions move"
    )
    processing_seconds: float = Field(
        default=300.0,
        gt=0,
        description="a consumer that does not come back for more within this time is taken for stuck",
    )


class KafkaSettings(BaseModel):
    """The log on Apache Kafka."""

    model_config = ConfigDict(frozen=True)

    bootstrap: str = Field(
        default="localhost:9092", description="host:port of one or more brokers, with commas between"
    )
    client_id: str = Field(default="cityos", description="how the brokers' logs and quotas name us")
    topic_prefix: str = Field(default="", description="put before every topic and group, where a cluster is shared")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="how the brokers are spoken to"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="how we log in, where security_protocol is one of SASL"
    )
    sasl_username: str | None = Field(default=None, description="user name at the brokers")
    sasl_password: SecretStr | None = Field(default=None, description="password at the brokers")
    ca_file: str | None = Field(
        default=None, description="certificates that sign the brokers' (PEM); None: the system's"
    )
    replication_factor: int = Field(default=1, ge=1, description="copies of each partition, for topics that we make")
    min_insync_replicas: int = Field(
        default=1,
        ge=1,
        description="copies that must have a record before it counts as appended (2 with three brokers)",
    )
    retention_hours: int = Field(default=168, ge=1, description="how long topics that we make keep records")
    gathering: GatheringSettings = GatheringSettings()
    append_seconds: float = Field(default=30.0, gt=0, description="an append that takes longer fails as unavailable")
    request_seconds: float = Field(default=10.0, gt=0, description="time-out of every other request")
    read_seconds: float = Field(default=30.0, gt=0, description="time-out of one replay's read")
    fetch_wait_ms: int = Field(
        default=50, ge=1, description="how long a broker may hold a fetch; a new record may wait this long to be seen"
    )
    session_seconds: float = Field(
        default=10.0, ge=6, description="a consumer silent for this long is taken for dead and its partitions move"
    )
    processing_seconds: float = Field(
        default=300.0,
        gt=0,
        description="a consumer that does not come back for more within this time is taken for stuck",
    )

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")
        return self


class OutboxSettings(BaseModel):
    """The relay from the database's outbox to a log outside it."""

    model_config = ConfigDict(frozen=True)

    batch_records: int = Field(default=2000, ge=1, description="most records relayed in one transaction")
    batch_bytes: int = Field(
        default=4_194_304, ge=1, description="most bytes relayed at once, unless one record is larger"
    )
    look_again_seconds: float = Field(default=1.0, gt=0, description="how long a missed notification goes unnoticed")
