"""Where a reader of the change stream stands: the next offset of each partition, as text for Last-Event-ID."""

from __future__ import annotations

import re
from collections.abc import Mapping

from broker.errors import Invalid

_TEXT = re.compile(r"\d{1,5}:\d{1,18}(,\d{1,5}:\d{1,18}){0,1023}")

Offsets = dict[int, int]


def encode(offsets: Mapping[int, int]) -> str:
    """Such as ``0:17,1:4``."""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(offsets.items()))


def decode(text: str) -> Offsets:
    """The inverse. Raises `Invalid`."""
    if not _TEXT.fullmatch(text):
        raise Invalid("not a cursor of this stream; leave the header out to start now", field="Last-Event-ID")
    pairs = (part.split(":") for part in text.split(","))
    return {int(partition): int(offset) for partition, offset in pairs}
