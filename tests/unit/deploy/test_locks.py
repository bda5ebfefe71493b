"""The locks: every package pinned by hash, and no registry's host in them, since each site reaches its own mirror."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ["requirements-bootstrap.txt", "requirements.txt", "requirements-dev.txt"]


def pinned(lock: str) -> dict[str, str]:
    """The lock's packages, each with its text up to the next one."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / lock).read_text())
    return {re.split(r"[=\s;]", block, maxsplit=1)[0].lower(): block for block in blocks if block.strip()}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_by_hash(lock: str) -> None:
    packages = pinned(lock)
    assert packages
    unpinned = [name for name, text in packages.items() if "==" not in text or "--hash=sha256:" not in text]
    assert unpinned == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_python_lock_names_a_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert re.findall(r"\S*(?:://|--(?:extra-)?index-url|--find-links|--trusted-host)\S*", text) == []


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_lock_holds_every_declared_dependency(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = list(project["project"]["dependencies"])
    if lock == "requirements-dev.txt":
        declared += project["dependency-groups"]["dev"]
    names = {re.split(r"[^A-Za-z0-9._-]", name, maxsplit=1)[0].lower().replace("_", "-") for name in declared}
    assert names - pinned(lock).keys() == set()


def test_the_runtime_and_the_test_lock_agree() -> None:
    runtime, dev = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert {name for name, text in runtime.items() if dev.get(name) != text} == set()


def npm_locks() -> list[Path]:
    found = [*ROOT.glob("web/package-lock.json"), *(ROOT / "tests").rglob("package-lock.json")]
    return [path for path in found if "node_modules" not in path.relative_to(ROOT).parts]


def test_no_npm_lock_names_a_host() -> None:
    for path in npm_locks():
        packages = json.loads(path.read_text())["packages"]
        assert {name for name, package in packages.items() if "resolved" in package} == set(), path


def test_every_npm_package_is_pinned_by_hash() -> None:
    for path in npm_locks():
        packages = json.loads(path.read_text())["packages"]
        registry = {name: package for name, package in packages.items() if name and not package.get("link")}
        assert {name for name, package in registry.items() if "integrity" not in package} == set(), path


def test_the_npm_lock_holds_what_its_packages_ask_for_on_every_platform() -> None:
    """An optional package that is missing here fails `npm ci` everywhere."""
    for path in npm_locks():
        packages = json.loads(path.read_text())["packages"]
        held = {name.rpartition("node_modules/")[2] for name in packages}
        asked = {name for package in packages.values() for name in package.get("optionalDependencies", {})}
        assert asked - held == set(), path
