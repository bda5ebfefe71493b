"""The device that a topic names, for adapters whose topics are ``city/FAMILY/DEVICE/up``."""

from __future__ import annotations

import re

from adapters.payload import shown
from schemas.observation import Reason, Rejection

_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def device_of(topic: str, topic_filter: str) -> str | Rejection:
    """What stands in `topic` where `topic_filter` has its ``+``; a `Rejection` that says what is right otherwise."""
    before, _, after = topic_filter.partition("+")
    if not (topic.startswith(before) and topic.endswith(after) and len(topic) >= len(before) + len(after)):
        detail = f"{shown(topic)} is no topic of this family; publish to {before}DEVICE{after}"
        return Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)
    device = topic[len(before) : len(topic) - len(after)]
    if _DEVICE.fullmatch(device) is None:
        detail = f"{shown(device)} cannot be a device's name: 1 to 100 of A-Z a-z 0-9 . _ : - are allowed"
        return Rejection(reason=Reason.UNKNOWN_DEVICE, detail=detail, field="topic")
    return device
