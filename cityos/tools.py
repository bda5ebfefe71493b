"""Which `pg_dump` and `pg_restore` go with a server: those of its own major version.

A newer `pg_restore` says things that an older server refuses (`transaction_timeout` before 17), and an older `pg_dump`
refuses a newer server; so neither is tried.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from broker.errors import Invalid
from cityos.embedded import binary

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")


class _Tools(NamedTuple):
    folder: Path
    version: int
    """As `server_version_num`, such as 180004."""


def tools_for(server: int) -> Path:
    """The folder of the tools for a server of version `server` (as `server_version_num`).

    The wheel's where they are exactly of that version, else those that the system's packages installed or that are on
    the PATH, else the wheel's of the same major version. Raises `Invalid` where there are none.
    """
    major = server // 10_000
    wheel = Path(binary("pg_dump")).parent
    path = shutil.which("pg_dump")
    places = [Path(f"/usr/lib/postgresql/{major}/bin"), Path(f"/usr/pgsql-{major}/bin")]
    places += [Path(path).parent] if path else []
    found = [tools for place in (*places, wheel) if (tools := _tools_in(place)) and tools.version // 10_000 == major]
    exact = [tools for tools in found if tools.folder == wheel and tools.version == server]
    if not found:
        raise Invalid(
            f"the server is PostgreSQL {major} and no pg_dump and pg_restore of that version are here: install its"
            f" client programs (Debian: postgresql-client-{major}) or put them on the PATH",
            field="url",
        )
    return (exact or found)[0].folder


def _tools_in(folder: Path) -> _Tools | None:
    if not all((folder / name).is_file() for name in ("pg_dump", "pg_restore")):
        return None
    said = subprocess.run([str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False).stdout
    match = _VERSION.search(said)
    return _Tools(folder, int(match[1]) * 10_000 + int(match[2] or 0)) if match else None
