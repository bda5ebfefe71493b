"""What can be set about watch tags, as `CITYOS_TAGS_…`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TagsSettings(BaseModel):
    """Watch tags (見守りタグ)."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = Field(False, description="whether this city runs watch tags (見守りタグ)")
    key: SecretStr | None = Field(
        None, description="32 random bytes in base64: pseudonyms and seals come from it; made once on one machine"
    )
    epoch_days: int = Field(
        30, ge=1, le=366, description="after how many days every tag gets another pseudonym; fixed once in use"
    )
    window_s: int = Field(
        60,
        ge=10,
        le=600,
        description="seconds in which a detector's sightings of a tag count as one; fixed once in use",
    )
    unseen_after_s: int = Field(900, ge=60, description="seconds without a sighting after which a tag is unseen")
    dwell_s: float = Field(
        0.0,
        ge=0,
        le=3600,
        description="seconds that a stay in or out of a place must last before it counts; 0 tells a mere passing, too",
    )
    flow_least: int = Field(
        10,
        ge=2,
        description="the least number of tags that an open count may tell (k), where a city has no number of its own",
    )
    look_every_s: float = Field(5.0, gt=0, description="how often tags that are missing or late are looked for")
