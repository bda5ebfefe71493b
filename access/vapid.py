"""How a push service knows who pushes: a token signed by the application server (VAPID, RFC 8292). Pure."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from joserfc import jwt

from access.keys import ALGORITHM, SigningKey

_GOOD_FOR = timedelta(hours=12)
"""A token may be good for a day at most (RFC 8292, 2)."""


def application_key(key: SigningKey) -> str:
    """The public key as browsers want it (``applicationServerKey``): the uncompressed point in base64url."""
    public = key.public()
    point = b"\x04" + _bytes(public["x"]) + _bytes(public["y"])
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def authorization(key: SigningKey, endpoint: str, contact: str, now: datetime) -> str:
    """The header ``Authorization`` of a push to `endpoint`; `contact` is whom the push service writes to (a URL)."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + _GOOD_FOR).timestamp()),
        "sub": contact,
    }
    token = jwt.encode({"typ": "JWT", "alg": ALGORITHM}, claims, key.key)
    return f"vapid t={token}, k={application_key(key)}"


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).rjust(32, b"\0")
