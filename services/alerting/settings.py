"""Settings of the role `alerting`, as `CITYOS_ALERTING_…`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.river import Mode


class AlertingSettings(BaseModel):
    """How the role runs. What counts as a flood is in the rules file, not here."""

    model_config = ConfigDict(frozen=True)

    rules: Path | None = Field(
        default=None, description="a rules file for tenants that have none stored; None: the defaults"
    )
    mode: Mode | None = Field(default=None, description="overrides the rules' mode: a replay runs as an exercise")
    clock: Literal["wall", "data"] = Field(
        default="wall",
        description="the city's present: this machine's clock, or (in a replay) the newest time that more than one"
        " gauge has observed",
    )
    silence_every_s: float = Field(default=30.0, gt=0, description="how often silent gauges are looked for")
    checkpoint_s: float = Field(
        default=600.0, ge=0, description="observed seconds after which an uneventful state is stored all the same"
    )
    batch: int = Field(default=2000, ge=1, description="change records taken in one transaction at most")
    public_url: str = Field(
        default="", description="the address in links to CAP documents; none: CITYOS_GATEWAY_PUBLIC_URL"
    )
