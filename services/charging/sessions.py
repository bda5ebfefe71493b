"""One charging session, folded from what its station says of it, in whatever order and however often it comes. Pure.

Energy is billed by this rule: what the register rose between readings in the order of their own times. A fall adds
nothing and is flagged, a reading below zero is overlooked and flagged, a rise beyond what any connector can deliver in
the time is not billed and flagged. A flagged session is looked at by a person before anybody pays for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import msgspec

from schemas.charging import SessionSaid

MOST_W = 1_000_000.0
"""No connector delivers a megawatt: a register that rises faster has jumped."""
DRIFT = timedelta(minutes=5)
"""A station's clock may be ahead of the city's by so much before its session is flagged."""
_READINGS = 64

Flag = Literal[
    "meter-fell",
    "meter-negative",
    "meter-jumped",
    "unknown-start",
    "superseded",
    "clock-ahead",
    "offline",
    "not-authorized",
]


class Meter(NamedTuple):
    """A register's reading."""

    at: datetime
    wh: float


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session. `card` is a fingerprint of the card that began it, never the card. Times are the station's own."""

    station: str
    transaction: str
    connector: int | None = None
    card: str | None = None
    authorized: bool = True
    started_at: datetime | None = None
    ended_at: datetime | None = None
    last_at: datetime
    meters: tuple[Meter, ...] = ()
    power_w: float | None = None
    soc: float | None = None
    charging: bool = False
    reason: str | None = None
    flags: frozenset[Flag] = frozenset()

    @property
    def open(self) -> bool:
        """Whether it goes on, as far as is known."""
        return self.ended_at is None

    @property
    def energy_wh(self) -> float:
        """The energy billed, by the rule above."""
        return sum(rise for rise, _ in _rises(self.meters))


def fold(session: Session | None, said: SessionSaid, transaction: str, card: str | None, now: datetime) -> Session:
    """The session after what its station said; the same said again changes nothing. `now` is the city's time."""
    known = session or Session(station=said.station, transaction=transaction, last_at=said.at)
    meters, flags = _metered(known.meters, said, set(known.flags))
    if said.at > now + DRIFT:
        flags.add("clock-ahead")
    if said.offline:
        flags.add("offline")
    newest = said.at >= known.last_at
    started = _earliest(known.started_at, said.at) if said.phase == "started" else known.started_at
    ended = said.at if said.phase == "ended" else known.ended_at
    if ended is not None and started is None:
        flags.add("unknown-start")
    elif started is not None:
        flags.discard("unknown-start")
    if said.phase == "ended":
        flags.discard("superseded")
    fresh = newest and ended is None
    return msgspec.structs.replace(
        known,
        connector=said.connector if said.connector is not None else known.connector,
        card=known.card if known.card is not None and said.phase != "started" else (card or known.card),
        started_at=started,
        ended_at=ended,
        last_at=max(known.last_at, said.at),
        meters=meters,
        power_w=0.0 if ended is not None else (said.power_w if fresh and said.power_w is not None else known.power_w),
        soc=said.soc if newest and said.soc is not None else known.soc,
        charging=ended is None and (said.charging if newest and said.charging is not None else known.charging),
        reason=said.reason if said.phase == "ended" else known.reason,
        flags=frozenset(flags),
    )


def superseded(session: Session) -> Session:
    """The session where its connector has begun another and its end was never told: over when it was last heard."""
    flags: frozenset[Flag] = session.flags | {"superseded"}
    return msgspec.structs.replace(session, ended_at=session.last_at, charging=False, power_w=0.0, flags=flags)


def form(session: Session) -> dict[str, Any]:
    """The session's values as JSON can hold them."""
    return {**msgspec.to_builtins(session), "flags": sorted(session.flags)}


def parse(values: Any) -> Session:
    """The inverse of `form`."""
    return msgspec.convert(values, Session)


def _metered(meters: tuple[Meter, ...], said: SessionSaid, flags: set[Flag]) -> tuple[tuple[Meter, ...], set[Flag]]:
    if said.meter_wh is None:
        return meters, flags
    if said.meter_wh < 0:
        return meters, flags | {"meter-negative"}
    reading = Meter(said.at, said.meter_wh)
    if reading not in meters:
        meters = _thinned(tuple(sorted({*meters, reading})))
    for _, flag in _rises(meters):
        if flag is not None:
            flags = flags | {flag}
    return meters, flags


def _rises(meters: tuple[Meter, ...]) -> list[tuple[float, Flag | None]]:
    """The energy that counts between neighbouring readings, and what is wrong with it."""
    found: list[tuple[float, Flag | None]] = []
    for before, after in pairwise(meters):
        rise = after.wh - before.wh
        possible = MOST_W * max((after.at - before.at).total_seconds(), 60.0) / 3600
        if rise < 0:
            # What ends a session says whole watt hours (1.6, 6.49), what was said meanwhile may say parts of them.
            found.append((0.0, "meter-fell" if rise <= -1 else None))
        elif rise > possible:
            found.append((0.0, "meter-jumped"))
        else:
            found.append((rise, None))
    return found


def _thinned(meters: tuple[Meter, ...]) -> tuple[Meter, ...]:
    """At most `_READINGS`: of a steadily rising register the readings in between say nothing about its energy."""
    while len(meters) > _READINGS:
        place = next((i for i in range(1, len(meters) - 1) if _steady(meters[i - 1 : i + 2])), None)
        if place is None:
            return (*meters[: _READINGS - 1], meters[-1])
        meters = meters[:place] + meters[place + 1 :]
    return meters


def _steady(three: tuple[Meter, ...]) -> bool:
    return all(flag is None for _, flag in _rises(three)) and three[0].wh <= three[1].wh <= three[2].wh


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)
