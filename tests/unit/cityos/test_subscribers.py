"""`cityos subscriber add` says what is wrong before it touches anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker.errors import Invalid
from cityos.commands.subscribers import app


@pytest.mark.parametrize(
    ("channel", "held", "said"),
    [
        ("x", b"app-key app-secret account-token", "holds 3 words; four are expected"),
        ("x", b"a b c d e", "holds 5 words"),
        ("x", b" \n", "holds no token"),
        ("line", "鍵".encode(), "holds no token"),
        ("mastodon", None, "cannot be read"),
    ],
)
def test_a_wrong_token_file_is_named(tmp_path: Path, channel: str, held: bytes | None, said: str) -> None:
    file = tmp_path / "token"
    if held is not None:
        file.write_bytes(held)
    done = CliRunner().invoke(app, ["add", channel, "https://api.example", "--token-file", str(file)])
    assert isinstance(done.exception, Invalid)
    assert (done.exception.field, said in str(done.exception)) == ("token_file", True)


def test_an_account_without_a_token_is_refused() -> None:
    done = CliRunner().invoke(app, ["add", "x", "https://api.example"])
    assert isinstance(done.exception, Invalid)
    assert done.exception.field == "token_file"
