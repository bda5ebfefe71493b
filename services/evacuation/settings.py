"""Settings of evacuation notices, as `CITYOS_EVACUATION_…`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from schemas.river import Mode


class EvacuationSettings(BaseModel):
    """How notices are decided on and issued."""

    model_config = ConfigDict(frozen=True)

    mode: Mode = Field(
        default=Mode.ACTUAL, description="what is issued: actual, exercise or test; a replay never issues actual"
    )
    levels: Path | None = Field(
        default=None, description="names and colours of the warning levels by year (YAML); None: the national ones"
    )
    second_person: bool = Field(default=False, description="whether another officer must confirm each notice")
    answer_within_s: float = Field(
        default=300.0,
        gt=0,
        description="seconds until a proposal that nobody answers, or a notice that nobody confirms, is told again, to "
        "the next in line too",
    )
    repeat_every_s: float = Field(
        default=300.0,
        gt=0,
        description="seconds between further tellings, each to one more in line, until somebody does",
    )
    repeat_for_h: float = Field(
        default=24.0, gt=0, description="hours after which what nobody answered or confirmed is told no more"
    )
    look_every_s: float = Field(default=10.0, gt=0, description="how often it is looked for what nobody has answered")
    stills_kept_h: float = Field(default=72.0, gt=0, description="how long cameras' still images are kept, in hours")
    safety_kept_days: float = Field(
        default=30.0, gt=0, description="how long residents' words of safety are kept, in days"
    )
    sender: str = Field(default="evacuation@city.example", description="`sender` of CAP documents")
    issuer: str = Field(default="市長", description="in whose name notices are issued")
    issuer_en: str = Field(default="Mayor", description="the same in English")
