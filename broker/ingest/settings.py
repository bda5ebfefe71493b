"""Limits of ingest."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class IntakeSettings(BaseModel):
    """How much is held in memory and how fast one device may speak."""

    model_config = ConfigDict(frozen=True)

    queue_messages: int = Field(20_000, gt=0, description="messages held while the log is slow; more is back-pressure")
    queue_bytes: int = Field(64 * 2**20, gt=0, description="bytes held while the log is slow; more is back-pressure")
    batch_messages: int = Field(2_000, gt=0, description="most messages in one append to the log")
    max_payload: int = Field(512 * 2**10, gt=0, description="largest payload taken, in bytes; larger is counted only")
    device_rate: float = Field(20.0, gt=0, description="messages per second that one device may send for long")
    device_burst: int = Field(3_000, gt=0, description="messages that one device may send at once after a silence")
    network_rate: float = Field(50_000.0, gt=0, description="the same for a network that speaks for many devices")
