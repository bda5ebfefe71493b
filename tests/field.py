"""Material that lies beside the repository and is not ours to copy: standards' schemas and whole recorded floods."""

from __future__ import annotations

import os
from pathlib import Path

from tests.requirements import need


def beside(path: str) -> Path:
    """`path` in the folder ``shared`` beside the repository, or in the folder that CITYOS_SHARED names.

    A test that asks for something that is not there is skipped, or fails in CI.
    """
    named = os.environ.get("CITYOS_SHARED")
    folders = [Path(named)] if named else [parent / "shared" for parent in Path(__file__).resolve().parents]
    found = next((folder / path for folder in folders if (folder / path).exists()), None)
    need(found is not None, f"shared/{path} beside the repository (or CITYOS_SHARED)")
    assert found is not None
    return found
