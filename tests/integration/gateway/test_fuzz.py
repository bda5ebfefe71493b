"""Every published operation under fire: whatever is sent, no answer is a fault of the server's."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from access.defaults import SCOPES
from tests.integration.gateway.conftest import City

SECONDS = 60
EXAMPLES = 12
"""For each operation and phase; the time above ends the run, whatever is left."""


@pytest.mark.timeout(SECONDS * 4)
async def test_nothing_that_is_sent_is_answered_with_a_fault(city: City, base_url: str, tmp_path: Path) -> None:
    token = await city.token(*SCOPES)
    fuzzing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{base_url}/openapi.json", "--url", base_url),
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", "not_a_server_error", "--phases", "coverage,fuzzing"),
        # One worker: in Python 3.11 two threads that parse source at once end in a SystemError (python/cpython#106905).
        *("--max-examples", str(EXAMPLES), "--max-time", str(SECONDS), "--seed", "1", "--workers", "1"),
        *("--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "20", "--no-color"),
        *("--exclude-path", "/api/v1/events", "--generation-database", "none", "--warnings", "off"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await fuzzing.communicate())[0].decode(errors="replace")
    tried = re.search(r"(\d+) generated", said)
    assert tried is not None, said[-4000:]
    assert int(tried[1]) > 100, said[-4000:]
    assert fuzzing.returncode == 0, said[-6000:]
