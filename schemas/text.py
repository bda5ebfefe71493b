"""Text that can be kept: JSON may write characters that are none."""

from __future__ import annotations

import json
from typing import Any


def keepable(value: Any) -> bool:
    """Whether every text in this JSON value can be kept: no U+0000, which PostgreSQL has not, and no half of a
    surrogate pair, which is no character (RFC 8259, 8.2)."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    # A backslash that is itself escaped begins no escape.
    return "\\u0000" not in text.replace("\\\\", "")
