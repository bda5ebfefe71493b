"""What can be set about points."""

from __future__ import annotations

from pydantic import BaseModel, Field


class PointsSettings(BaseModel, frozen=True):
    """CITYOS_POINTS_…"""

    enabled: bool = Field(False, description="whether this city runs local points (地域ポイント)")
    ledger_batch: int = Field(500, ge=1, le=5000, description="transfers that one transaction carries out at most")
    ledger_queue: int = Field(5000, ge=1, description="submissions that wait at most; more are asked to come again")
    ledger_workers: int = Field(2, ge=1, le=16, description="tenants served at the same time by one process")
    ledger_timeout_s: float = Field(20.0, gt=0, description="after how long a submission is told to ask again")
    sweep_s: float = Field(1.0, gt=0, description="how often timed-out reservations and expired points are looked for")
    seal_s: float = Field(10.0, gt=0, description="how often the journal is sealed")
    announce_days: int = Field(30, ge=0, description="days before points expire that residents are told; 0: never")
    announce_s: float = Field(3600.0, gt=0, description="how often points that expire soon are looked for")
    max_payment: int = Field(0, ge=0, description="points that a new resident's account may pay at once; 0: no limit")
    max_day: int = Field(0, ge=0, description="points that a new resident's account may pay in a day; 0: no limit")
    fare_shop: str = Field("", description="the member shop that bus fares paid in points go to; empty: none are taken")
