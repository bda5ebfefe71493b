"""The image's start: machine code that was compiled while the image was built is used, and the image stays as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deploy.compose import ROOT

KERNEL = """
import numba


@numba.njit(cache=True)
def twice(number):
    return number + number


print(twice(21), sum(twice.stats.cache_hits.values()))
"""


class Image:
    """The image's folder, with a kernel in place of the planner, and a Python in place of `cityos`."""

    def __init__(self, folder: Path) -> None:
        self.compiled, self.used, self._path = folder / "numba", folder / "tmp" / "numba", folder / "bin"
        self._start = folder / "start.sh"
        self._start.write_bytes((ROOT / "deploy" / "start.sh").read_bytes())
        kernel = folder / "kernel.py"
        kernel.write_text(KERNEL)
        self.used.parent.mkdir()
        self._path.mkdir()
        self._cityos = self._path / "cityos"
        self._cityos.write_text(f'#!/bin/sh\nexec {sys.executable} {kernel} "$@"\n')
        self._cityos.chmod(0o755)

    def build(self) -> str:
        """What the image's build does."""
        return self._run([str(self._cityos)], self.compiled)

    def start(self) -> str:
        """What a container does."""
        return self._run(["sh", str(self._start), "run", "dispatch"], self.used)

    def _run(self, command: list[str], cache: Path) -> str:
        environment = {
            **os.environ,
            "PATH": f"{self._path}:{os.environ['PATH']}",
            "NUMBA_CACHE_DIR": str(cache),
            "NUMBA_CPU_NAME": "generic",
        }
        return subprocess.run(
            command, check=True, env=environment, stdout=subprocess.PIPE, text=True, timeout=120
        ).stdout.strip()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_image_holds_is_not_compiled_again(image: Image) -> None:
    assert image.build() == "42 0"
    held = contents(image.compiled)
    assert held
    for _ in ("the first start", "a further one in the same container"):
        assert image.start() == "42 1"
    assert contents(image.used) == held
    assert all(path.is_symlink() for path in image.used.rglob("*") if path.is_file()), "something was compiled anew"


def test_what_the_image_lacks_is_compiled_beside_it(image: Image) -> None:
    assert image.build() == "42 0"
    for index in image.compiled.rglob("*.nbi"):
        index.unlink()
    held = contents(image.compiled)
    assert image.start() == "42 0"
    assert contents(image.compiled) == held
    assert image.start() == "42 1"


def test_an_image_without_any_still_starts(image: Image) -> None:
    assert image.start() == "42 0"
