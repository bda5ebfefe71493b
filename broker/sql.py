"""Named SQL: statements live in `.sql` files beside the code that uses them, each under a line ``-- name: x``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(package: str, name: str) -> Mapping[str, str]:
    """The statements of `name`.sql in `package`, by name."""
    text = (files(package) / f"{name}.sql").read_text("utf-8")
    parts = _NAME.split(text)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
