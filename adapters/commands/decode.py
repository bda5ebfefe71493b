"""Answers to commands, on `city/device/{device}/reply/{command}`. Pure: no clock, no I/O::

    {"t": "2026-11-21T12:00:00+09:00", "outcome": "failed", "detail": "the gate is blocked"}

`t` is read by `times.parse_time`, `outcome` is `done` or `failed`, and `detail`, which may be missing, says why in at
most 300 characters. The command's number is the observation's message key: an answer sent twice counts once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.payload import read_json, shown
from adapters.times import parse_time
from schemas.command import ANSWER_PROPERTY
from schemas.observation import Observation, Reason, Rejection

_TOPIC = re.compile(r"city/device/([A-Za-z0-9][A-Za-z0-9._:-]{0,99})/reply/([A-Za-z0-9_-]{1,64})")
_LONGEST = 300


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """The answer as one observation of the device, or why it is none. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = f"{shown(topic)} answers no command; publish to city/device/DEVICE/reply/COMMAND"
        return [Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail, field="topic")]
    device, number = match.groups()
    message = read_json(payload, device)
    if isinstance(message, Rejection):
        return [message]
    if not isinstance(message, dict):
        detail = f'an answer is an object like {{"t": …, "outcome": "done"}}, not {shown(message)}'
        return [Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=device)]
    outcome, said = message.get("outcome"), message.get("detail", "")
    if outcome not in ("done", "failed"):
        return [_wrong(device, "outcome", f"outcome is done or failed, not {shown(outcome)}")]
    if not isinstance(said, str) or len(said) > _LONGEST or "\x00" in said:
        return [_wrong(device, "detail", f"detail is a text of at most {_LONGEST} characters")]
    try:
        at = parse_time(message.get("t"))
    except ValueError as error:
        return [Rejection(reason=Reason.BAD_TIME, detail=f"t {error}", field="t", device=device)]
    value = f"{outcome}: {said}" if said else outcome
    return [Observation(device=device, property=ANSWER_PROPERTY, value=value, observed_at=at, message_key=number)]


def _wrong(device: str, field: str, detail: str) -> Rejection:
    return Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field=field, device=device)
