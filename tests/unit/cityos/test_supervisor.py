"""One machine's processes: what cannot be started now is started later, and the others run meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapters.mqtt.patience import until
from cityos.nursery import Nursery
from cityos.supervisor import Supervised, supervise


async def test_a_role_that_cannot_be_started_is_tried_again_and_ends_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No role is called so: each process ends at once, and is started again."""
    caplog.set_level(logging.WARNING)
    in_the_way, elsewhere = tmp_path / "full" / "logs", tmp_path / "well"
    in_the_way.parent.mkdir()
    in_the_way.write_text("no folder can be made here")
    with closing(Nursery([], os.environ)) as nursery:
        roles = [Supervised("nobody", nursery.start, folder) for folder in (in_the_way.parent, elsewhere)]
        stop = asyncio.Event()
        supervision = asyncio.create_task(supervise(roles, stop))
        assert await until(lambda: roles[0].restarts > 0 and roles[1].restarts > 0, within=60)
        assert "could not be started" in caplog.text
        in_the_way.unlink()
        assert await until(lambda: (in_the_way.parent / "run" / "nobody.pid").exists(), within=60)
        stop.set()
        await asyncio.wait_for(supervision, 60)
    assert "cityos: 'nobody' is not a role" in (elsewhere / "logs" / "nobody.log").read_text()


PROCESS = """
import os, pathlib, socket
server = socket.create_server(("127.0.0.1", 0))
folder = pathlib.Path({folder!r}) / "metrics"
folder.mkdir(exist_ok=True)
(folder / f"nobody-{{os.getpid()}}.port").write_text(str(server.getsockname()[1]))
while {answers}:
    connection, _ = server.accept()
    connection.recv(1000)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n")
    connection.close()
connection, _ = server.accept()
while True:
    pass
"""


@pytest.mark.parametrize(("answers", "killed"), [(True, False), (False, True)])
async def test_a_process_that_stands_still_is_killed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answers: bool, killed: bool
) -> None:
    async def start(_role: str, _log_file: Path) -> asyncio.subprocess.Process:
        program = PROCESS.format(folder=str(tmp_path), answers=answers)
        return await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    monkeypatch.setattr("cityos.liveness._ANSWER_SECONDS", 2.0)
    role, stop = Supervised("nobody", start, tmp_path, look_seconds=0.05), asyncio.Event()
    supervision = asyncio.create_task(supervise([role], stop))
    await until(lambda: role.restarts > 0, within=60 if killed else 3)
    assert (role.restarts > 0) is killed
    assert ("stood still and was killed" in caplog.text) is killed
    stop.set()
    await asyncio.wait_for(supervision, 60)
