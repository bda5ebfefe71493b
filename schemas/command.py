"""The topics on which a command goes down to a device and its answer comes back, and the answer as a property."""

from __future__ import annotations

ANSWER_PROPERTY = "commandStatus"
"""The property of the device's own entity that holds its latest answer: ``done``, ``failed`` or ``failed: WHY``."""
ANSWER_FILTER = "city/device/+/reply/+"


def command_topic(device: str, number: str) -> str:
    """Where the device hears command `number`."""
    return f"city/device/{device}/down/{number}"
