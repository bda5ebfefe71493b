"""Signs webhooks so that their receiver can tell a forgery and a replay: HMAC-SHA256 over id, time and body.

The header names and the signed text follow the open convention of Standard Webhooks; a receiver's library checks it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"


def new_secret() -> bytes:
    """A key of 256 bits."""
    return secrets.token_bytes(32)


def shown(secret: bytes) -> str:
    """A key as it is shown, once, to the subscriber."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secret: bytes, notice_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a delivery. `timestamp` is POSIX seconds of this attempt; the id is the same at each."""
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + _digest(secret, notice_id, timestamp, body),
    }


def verify(secret: bytes, received: dict[str, str], body: bytes, *, now: int, tolerance: int = 300) -> bool:
    """What a receiver does: the signature is right and the time is near."""
    try:
        timestamp = int(received["webhook-timestamp"])
        expected = "v1," + _digest(secret, received["webhook-id"], timestamp, body)
        offered = received["webhook-signature"].split(" ")
    except (KeyError, ValueError):
        return False
    return abs(now - timestamp) <= tolerance and any(hmac.compare_digest(expected, one) for one in offered)


def _digest(secret: bytes, notice_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
