"""What can be kept, and what only looks as if it could not."""

from __future__ import annotations

import json

import pytest

from schemas.text import keepable


@pytest.mark.parametrize("text", ["", "水位", "\U0001f30a", "\\u0000", "\\\\u0000", "\\ud800", "\x01", "\\"])
def test_characters_can_be_kept_and_so_can_what_names_them(text: str) -> None:
    assert keepable({"a": [text]})


@pytest.mark.parametrize("written", ['"\\u0000"', '{"\\u0000": 1}', '["a", {"b": "\\ud83c"}]', '"\\\\\\u0000"'])
def test_what_is_no_character_cannot(written: str) -> None:
    assert not keepable(json.loads(written))
