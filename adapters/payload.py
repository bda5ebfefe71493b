"""Bytes to JSON values, for every adapter: each way of being wrong has its own reason, and nothing raises."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from schemas.observation import Reason, Rejection

_decode = msgspec.json.Decoder().decode
_SHOWN = 60
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""How JSON spells one half of a character beyond U+FFFF."""

FAULT_MARKS = frozenset({"", "*", "-", "欠測"})
"""What gauges and their recorders write where the sensor gave no value."""


def read_json(payload: bytes, device: str | None = None) -> Any:
    """The JSON value in `payload` (RFC 8259, UTF-8, a byte order mark is overlooked), or a `Rejection`.

    ``NaN``, ``Infinity`` and numbers too large for a float are no JSON, but many firmwares send them: they become
    non-finite floats, so that the caller can reject that one value and keep what stands beside it. A half of a
    character (a lone ``\\ud800`` to ``\\udfff``), which JSON can spell, is in no text that UTF-8 or a store can hold.
    """
    try:
        return _decode(payload)
    except UnicodeDecodeError as error:
        return _not_utf8(error, device)
    except (msgspec.DecodeError, RecursionError):
        return _read_leniently(payload, device)


def _read_leniently(payload: bytes, device: str | None) -> Any:
    try:
        value = json.loads(payload.decode().removeprefix("\ufeff"))
        if _HALF.search(payload):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeDecodeError as error:
        return _not_utf8(error, device)
    except UnicodeEncodeError:
        detail = "a text holds half a character (a lone \\ud800 to \\udfff): send both halves, or the character itself"
        return Rejection(reason=Reason.NOT_UTF8, detail=detail, device=device)
    except json.JSONDecodeError as error:
        detail = f"not JSON: {error.msg} at character {error.pos}; the payload starts {shown(payload[:40])}"
    except (ValueError, RecursionError):
        detail = "not JSON that can be read: nested too deeply, or a number of thousands of digits"
    return Rejection(reason=Reason.NOT_JSON, detail=detail, device=device)


def _not_utf8(error: UnicodeDecodeError, device: str | None) -> Rejection:
    detail = f"the payload is not UTF-8 (byte {error.start}: {error.reason}); send JSON encoded in UTF-8"
    return Rejection(reason=Reason.NOT_UTF8, detail=detail, device=device)


def shown(value: object) -> str:
    """A stranger's value for an error message: short, and without characters that a text column refuses."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        value = value[: _SHOWN + 1]
    elif isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    elif isinstance(value, int) and value.bit_length() > 200:
        return "a number of dozens of digits"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
