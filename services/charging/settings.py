"""Settings of charging, as `CITYOS_CHARGING_…`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ChargingSettings(BaseModel):
    """Who may charge, and how the load is held."""

    model_config = ConfigDict(frozen=True)

    cards: Literal["listed", "anyone"] = Field(
        "listed", description="whose cards may charge: those on the city's list, or any that is not blocked"
    )
    batch: int = Field(200, ge=1, le=5000, description="messages of stations that one transaction books at most")
    queue: int = Field(20_000, ge=1, description="messages that wait to be booked; one more stays unanswered")
    balance_s: float = Field(5.0, gt=0, description="how often the load of each site is looked at, seconds")
    reserve: float = Field(0.0, ge=0, lt=0.5, description="part of each site's limit that is not given out")
    load_days: int = Field(90, ge=1, description="how long each site's load by the minute is kept, days")
    meter_s: float = Field(120.0, gt=0, description="after how long a site's meter counts as not heard, seconds")
    reaction_s: float = Field(60.0, gt=0, description="within how long a station follows a new limit, seconds")
