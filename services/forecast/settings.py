"""Settings of level forecasts, as `CITYOS_FORECAST_…`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ForecastSettings(BaseModel):
    """How often levels are forecast."""

    model_config = ConfigDict(frozen=True)

    every_s: float = Field(default=60.0, gt=0, description="seconds between two rounds of forecasts")
