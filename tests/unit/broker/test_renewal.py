"""Files that are replaced while a server runs: taken once they stand still; what is refused is tried again."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from adapters.mqtt.patience import until
from broker.errors import Invalid
from broker.renewal import follow


async def test_replaced_files_are_taken_once_and_a_refused_pair_when_it_changes_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text("1")
    key.write_text("1")
    taken: list[str] = []
    asked = 0

    def renew() -> None:
        nonlocal asked
        asked += 1
        if certificate.read_text() != key.read_text():
            raise Invalid("they do not belong together", field="tls_certificate")
        taken.append(key.read_text())

    caplog.set_level(logging.INFO, "broker.renewal")
    following = asyncio.create_task(follow([certificate, key, None], renew, every=0.01))
    await asyncio.sleep(0.1)
    assert asked == 0
    certificate.write_text("22")
    assert await until(lambda: asked == 1, within=30)
    assert "they do not belong together" in caplog.text
    key.write_text("22")
    assert await until(lambda: taken == ["22"], within=30)
    key.unlink()
    key.write_text("333")
    certificate.unlink()
    certificate.write_text("333")
    assert await until(lambda: taken[-1] == "333", within=30)
    following.cancel()
