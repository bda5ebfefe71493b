"""How often and in what portions the store is looked after."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class KeeperSettings(BaseModel):
    """Upkeep of the store. How long data is kept is not here but in the table `retention`, by tenant and kind."""

    model_config = ConfigDict(frozen=True)

    round_seconds: float = Field(15.0, gt=0, description="seconds between rounds: accounts folded, roll-ups, books")
    fold_seconds: float = Field(
        60.0, gt=0, description="seconds between foldings of the accounts; the rejected's quota too"
    )
    sweep_seconds: float = Field(3600.0, gt=0, description="seconds between sweeps: partitions, retention, log")
    months_ahead: int = Field(2, ge=1, le=24, description="months of history whose partitions are made ahead")
    month_rows: int = Field(
        1_000, gt=0, description="rows of one month in the default partition from which on it gets a partition"
    )
    slice_rows: int = Field(10_000, gt=0, description="rows deleted or buckets computed in one transaction")
    round_slices: int = Field(20, gt=0, description="transactions of one job in one round at most")
    hour_grace_seconds: float = Field(120.0, ge=0, description="seconds after an hour's end until it is rolled up")
    log_keep_days: float = Field(14.0, gt=0, description="days that the log keeps records which everybody has read")
    books_days: int = Field(3, gt=0, description="days back that the books are checked in every round")
