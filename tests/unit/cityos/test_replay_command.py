"""What a person may ask a replay for."""

from __future__ import annotations

import pytest

from broker.errors import Invalid
from cityos.commands.replay import parse_speed


@pytest.mark.parametrize(
    ("text", "speed"), [("1", 1.0), ("600", 600.0), ("x60", 60.0), ("×3600", 3600.0), ("max", None)]
)
def test_speeds(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "0.5", "3601", "fast", "nan", "inf", "-1"])
def test_no_speeds(text: str) -> None:
    with pytest.raises(Invalid, match="from 1 to 3600, or max"):
        parse_speed(text)
