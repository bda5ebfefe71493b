"""The values that the rules take and return: what is known of a gauge, and what was decided.

Times inside the rules are POSIX seconds (float, UTC): they are compared and subtracted for every reading.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from schemas.river import Quality, Stage, Trend, stage_of_rank
from services.alerting.readings import Judged, Reading, Window

NOTHING = Stage.UNKNOWN.rank
"""The rank that stands for "no stage"."""


class Track(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the readings up to a time amount to. A fold over them in order of time, nothing else, changes it.

    `rank` is the assessed stage's; `base` is the last reading believed and `before` the one believed before it;
    `doubt` is a reading not believed yet that would be a stage (`doubt_rank`) above the assessed one. `tops` are the
    ranks of the latest readings believed; `below_since` starts the dwell of a lowering to `below_rank`; the level has
    stayed between `run_low` and `run_high` since `run_since`, exactly the same since `still_since`, and above the
    lowest stage since `above_since`.
    """

    rank: int = -2
    since: float = 0.0
    why: str = ""
    at: float = float("-inf")
    level: float = 0.0
    quality: Quality = Quality.MISSING
    reasons: tuple[str, ...] = ()
    trend: Trend = Trend.UNKNOWN
    base: Reading | None = None
    before: Reading | None = None
    doubt: Reading | None = None
    doubt_rank: int = -2
    tops: tuple[int, ...] = ()
    below_since: float | None = None
    below_rank: int = 0
    run_since: float = 0.0
    run_low: float = 0.0
    run_high: float = 0.0
    still_since: float = 0.0
    above_since: float | None = None
    recent: tuple[tuple[float, float], ...] = ()

    @property
    def stage(self) -> Stage:
        return stage_of_rank(self.rank)


class Note(StrEnum):
    """What neighbours said of one reading."""

    ENDORSED = "endorsed"
    DOUBTED = "doubted"


_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(Track)


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A track that is seldom looked at, at a quarter of its size."""

    content: bytes = b""

    @classmethod
    def of(cls, track: Track) -> Packed:
        """The track packed."""
        return cls(_packer.encode(track))

    @property
    def track(self) -> Track:
        """The track again."""
        return _unpacker.decode(self.content) if self.content else Track()


class GaugeState(msgspec.Struct, frozen=True):
    """All that the rules remember of a gauge: where it stood before the window, the window's readings in order of
    time, what neighbours said of some of them, and where the gauge stands after the last."""

    anchor: Packed = Packed()
    window: Window = Window()
    notes: tuple[tuple[float, Note], ...] = ()
    head: Track = Track()

    @property
    def known(self) -> bool:
        """Whether there is any reading: the first may not have come, or a person may have deleted all that came."""
        return self.head.at > float("-inf")


class Kind(StrEnum):
    """What a decision does."""

    RAISE = "raise"
    LOWER = "lower"
    FIRST = "first"
    SUSPECT = "suspect"
    CLEARED = "cleared"
    QUALITY = "quality"
    SILENT = "silent"
    RETURNED = "returned"


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One decision with what it was made from: enough to repeat it, and to explain it to a person years later."""

    kind: Kind
    at: float
    before: Stage
    after: Stage
    why: str
    rules: str
    inputs: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True):
    """What one reading led to. `marks` are the qualities that are new or differ from before; `changed` tells that the
    assessment (stage, trend, quality, doubt) is another one now; `late` that the reading was older than the newest."""

    state: GaugeState
    decisions: tuple[Decision, ...] = ()
    marks: tuple[Judged, ...] = ()
    changed: bool = False
    late: bool = False


class _Stored(msgspec.Struct, array_like=True):
    anchor: Track | None
    window: tuple[Judged, ...]
    notes: tuple[tuple[float, Note], ...]
    head: Track


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Stored)


def encode_state(state: GaugeState) -> str:
    """A state as JSON."""
    anchor = state.anchor.track if state.anchor.content else None
    return _encoder.encode(_Stored(anchor, tuple(state.window), state.notes, state.head)).decode()


def decode_state(text: str) -> GaugeState:
    """The inverse of `encode_state`."""
    stored = _decoder.decode(text)
    return GaugeState(
        Packed.of(stored.anchor) if stored.anchor else Packed(), Window(stored.window), stored.notes, stored.head
    )
