"""The environment as the one source of settings: `NAME_FILE` variables, the running city's own, and misspellings."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from broker.errors import Invalid
from cityos.files import write_whole

PREFIX = "CITYOS_"


def read_environment(source: Mapping[str, str], running: Path | None) -> dict[str, str]:
    """Our variables: from `source`, else from the file that a running city leaves for its tools.

    ``CITYOS_X_FILE`` names a file whose content is ``CITYOS_X`` (container secrets). Raises `Invalid` where that
    file cannot be read.
    """
    values = dict(read_running(running)) if running else {}
    for name, value in source.items():
        if not name.startswith(PREFIX):
            continue
        if name.endswith("_FILE"):
            values[name.removesuffix("_FILE")] = _content(name, value)
        else:
            values[name] = value
    return values


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `Invalid` for a variable that no setting reads: a misspelt limit must not pass for a set one."""
    names = sorted(known)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise Invalid(f"the environment variable {name} is not a setting of ours{hint}", field=name)


def write_running(path: Path, values: Mapping[str, str]) -> None:
    """Leave the running city's addresses for the command line's tools (mode 0600: they hold passwords)."""
    write_whole(path, json.dumps(dict(values)), mode=0o600)


def read_running(path: Path) -> Mapping[str, str]:
    """What `write_running` left; nothing where no city runs here."""
    try:
        values: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return values


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise Invalid(f"{name} names a file that cannot be read: {error}", field=name) from error
