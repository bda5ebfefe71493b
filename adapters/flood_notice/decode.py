"""Flood notices as JSON over MQTT, on `city/flood-notice/{device}/up`. Pure: no clock, no I/O.

    {"t": "2023-07-13T07:20:00+09:00", "kind": "flood-forecast", "level": 3, "status": "actual",
     "headline": "九頭竜川 氾濫警戒情報", "text": "…", "over": false}

A device here is one kind of notice for one river or dam, fed by whoever receives the agency's notices. `level` is the
warning level that the notice answers to (警戒レベル相当), 0 where its kind has none (水防警報, ダム放流通知).
`over`: it has been lifted. A notice replaces the one before: what it leaves out is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.payload import read_json, shown
from adapters.times import EXPECTED, parse_time
from adapters.topics import device_of
from schemas.flood_notice import NoticeKind
from schemas.observation import Observation, Reason, Rejection
from schemas.river import Mode

TOPIC_FILTER = "city/flood-notice/+/up"
_LONGEST = 8_000


class _Refused(Exception):
    def __init__(self, field: str, detail: str, reason: Reason = Reason.WRONG_SHAPE) -> None:
        super().__init__(detail)
        self.field, self.detail, self.reason = field, detail, reason


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """The notice, one observation per property, or one rejection for the whole: half a notice misleads."""
    device = device_of(topic, TOPIC_FILTER)
    if isinstance(device, Rejection):
        return [device]
    message = read_json(payload, device)
    if isinstance(message, Rejection):
        return [message]
    try:
        return list(_read(message, device))
    except _Refused as refused:
        return [Rejection(reason=refused.reason, detail=refused.detail, field=refused.field, device=device)]


def _read(message: Any, device: str) -> Iterator[Observation]:
    if not isinstance(message, Mapping):
        raise _Refused("kind", f"got {shown(message)}; a notice is an object with `t`, `kind`, `status` and `headline`")
    try:
        at = parse_time(message.get("t"))
    except ValueError as error:
        raise _Refused("t", f"{shown(message.get('t'))} {error or EXPECTED}", Reason.BAD_TIME) from error
    level, over = message.get("level", 0), message.get("over", False)
    if isinstance(level, bool) or level not in (0, 1, 2, 3, 4, 5):
        raise _Refused("level", f"{shown(level)} is no warning level; send 1 to 5, or 0 where the notice has none")
    if not isinstance(over, bool):
        raise _Refused("over", f"{shown(over)} is neither true nor false; true says that the notice has been lifted")
    values: dict[str, str | int | bool] = {
        "noticeKind": _word(message, "kind", [kind.value for kind in NoticeKind]),
        "noticeStatus": _word(message, "status", [mode.value for mode in Mode]),
        "warningLevel": int(level),
        "headline": _text(message, "headline", 200),
        "description": _text(message, "text", _LONGEST, needed=False),
        "ended": over,
    }
    for name, value in values.items():
        yield Observation(device=device, property=name, value=value, observed_at=at)


def _word(message: Mapping[str, Any], field: str, known: Sequence[str]) -> str:
    word = message.get(field)
    if not isinstance(word, str) or word not in known:
        raise _Refused(field, f"{shown(word)} is not known; send one of {', '.join(known)}")
    return word


def _text(message: Mapping[str, Any], field: str, longest: int, *, needed: bool = True) -> str:
    text: Any = message.get(field, "")
    fits = isinstance(text, str) and len(text) <= longest and "\0" not in text
    if not fits or (needed and not text.strip()):
        raise _Refused(field, f"{shown(text)} is not a text of {int(needed)} to {longest} characters")
    return str(text).strip()
