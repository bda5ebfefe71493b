"""Of what a family wants to be told, and when it is due. Pure: the city's time is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Literal

import msgspec

from schemas.clock import JST
from services.presence.track import Happening, State

Kind = Literal["enter", "leave", "not-arrived", "unseen", "outside", "battery-low"]


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One wish of a family.

    `place` is one of the tag's places (for `outside`: the usual area; leaving it is told). `by` is the local time
    (HH:MM, Japan) by which the wearer should have arrived, on `days` (0 is Monday). `minutes` are those without a
    sighting.
    """

    id: str
    kind: Kind
    place: str = ""
    by: Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:30"
    days: tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...] = (0, 1, 2, 3, 4)
    minutes: Annotated[int, msgspec.Meta(ge=5, le=1440)] = 60


def wanted(rules: Sequence[Rule], happening: Happening) -> bool:
    """Whether the family asked to be told of something that a detection showed. A copied tag is always told."""
    if happening.kind == "spoofed":
        return True
    return any(_asks(rule, happening) for rule in rules)


def _asks(rule: Rule, happening: Happening) -> bool:
    kind = "leave" if rule.kind == "outside" else rule.kind
    return kind == happening.kind and (kind == "battery-low" or rule.place == happening.place)


def due(rule: Rule, state: State, now: datetime) -> Happening | None:
    """What has happened by silence alone: unseen for too long, or not arrived by the time.

    Each has one time of its own, so finding it again is finding the same.
    """
    if rule.kind == "unseen" and state.at is not None:
        at = state.at + timedelta(minutes=rule.minutes)
        return Happening(kind="unseen", window=state.window, at=at, place=rule.id) if now >= at else None
    if rule.kind != "not-arrived":
        return None
    today = now.astimezone(JST).date()
    at = datetime.combine(today, time.fromisoformat(rule.by), JST)
    late = now - at
    if today.weekday() not in rule.days or not timedelta() <= late < timedelta(hours=2) or rule.place in state.inside:
        return None
    return Happening(kind="not-arrived", window=state.window, at=at, place=rule.place)
