"""What a test needs from the machine: skipped and listed where it cannot be had, never skipped in CI."""

from __future__ import annotations

import os

import pytest


def in_ci() -> bool:
    """Whether this run decides if a change lands."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def need(available: bool, what: str) -> None:
    """Go on if `available`; otherwise skip the test naming `what` is missing, or fail it when `CI=true`."""
    if available:
        return
    reason = f"needs {what} (deploy/test-requirements.sh installs it, as root)"
    if in_ci():
        pytest.fail(f"{reason}; in CI nothing is skipped", pytrace=False)
    pytest.skip(reason)
