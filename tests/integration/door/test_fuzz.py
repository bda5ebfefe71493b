"""The published description, fuzzed: whatever is sent by its rules or against them, no answer is a fault of ours."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import httpx

from tests.integration.door.conftest import City

SECONDS = int(os.environ.get("CITYOS_TEST_FUZZ_SECONDS", "45"))
_STREAMS = r"/events|/stream"


async def test_no_answer_is_a_fault_of_ours(city: City, base_url: str, tmp_path: Path) -> None:
    async with city.client() as api:
        description = (await api.get("/openapi.json")).json()
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(description))
    token = await city.token(*description_scopes(description))
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "st"), "run", str(described), "--url", base_url),
        *("--checks", "not_a_server_error", "--phases", "coverage,fuzzing", "--max-time", str(SECONDS)),
        *("--exclude-path-regex", _STREAMS, "--continue-on-failure", "--no-shrink", "--no-color"),
        *("--generation-database", "none", "--request-timeout", "30", "--warnings", "off"),
        *("-H", f"Authorization: Bearer {token}"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(process.communicate(), SECONDS + 120))[0].decode(errors="replace")
    tried = re.search(r"(\d+) generated", said)
    assert tried is not None, said[-4000:]
    assert int(tried[1]) > 100, said[-4000:]
    assert process.returncode == 0, said[-12000:]
    async with httpx.AsyncClient(base_url=base_url) as client:
        assert (await client.get("/health/live")).status_code == 200


def description_scopes(description: dict[str, object]) -> list[str]:
    """All that an app can be granted: a refusal at the door would hide what is behind it."""
    from access.defaults import GRANTED_AT_ONCE, SCOPES

    assert description["openapi"]
    return sorted(set(SCOPES) - GRANTED_AT_ONCE)
