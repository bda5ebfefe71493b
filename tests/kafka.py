"""Apache Kafka itself, from its published Maven artifacts: one KRaft broker on loopback for tests and the bench."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import shutil
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_RECIPE = _ROOT / "deploy" / "kafka"
_READY = b"Kafka Server started"
_START_SECONDS = 90.0
_INSTALL_SECONDS = 600.0
_JVM = (
    "-Xmx384m",
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
)
_PR_SET_PDEATHSIG = 1

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A test says which topics exist; a misspelt name must fail.
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a kill the controller waits this long for the dead incarnation before it lets the new one in.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # The default buffer alone is a third of the small heap.
    "log.cleaner.dedupe.buffer.size": "8388608",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


def missing() -> list[str]:
    """What this machine lacks to run Kafka, in words for a person; empty when nothing."""
    lacking = [] if shutil.which("java") else ["a Java runtime 17 or newer"]
    if not _library().exists() and not shutil.which("mvn"):
        lacking.append("Maven, to fetch Kafka")
    return lacking


def installed() -> Path:
    """The folder with Kafka's jars, fetched by Maven on first use. RuntimeError in Maven's words if it cannot."""
    library = _library()
    library.parent.mkdir(parents=True, exist_ok=True)
    with (library.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.exists():
            _fetch(library)
    return library


def _library() -> Path:
    """Named by the recipe's content, so that a new version is another folder and a half-fetched one is never used."""
    version = hashlib.sha256((_RECIPE / "pom.xml").read_bytes()).hexdigest()[:12]
    return _ROOT / ".tools" / "kafka" / version


def _fetch(library: Path) -> None:
    partial = library.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(_RECIPE / "pom.xml"), "dependency:copy-dependencies"]
    result = subprocess.run(
        [*command, f"-DoutputDirectory={partial}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if result.returncode != 0:
        raise RuntimeError(f"Maven could not fetch Kafka: {(result.stdout + result.stderr).strip()[-2000:]}")
    partial.rename(library)


class KafkaBroker:
    """One broker and controller in `folder`; its address stays the same across `kill` and `restart`."""

    def __init__(
        self, folder: Path, library: Path, *, protocol: str = "PLAINTEXT", settings: Mapping[str, str] | None = None
    ) -> None:
        """`library` is what `installed()` returned; `folder` is made, and holds the log and the broker's output.
        Clients speak `protocol`; `settings` are the broker's further ones."""
        self._protocol = protocol
        self._further = dict(settings or {})
        self._folder = folder.resolve()
        self._library = library
        self._port, self._controller_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` for a client's `bootstrap_servers`."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id while the broker runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start and return when it serves. Raises RuntimeError with the broker's own words if it does not."""
        if self.pid is not None:
            raise RuntimeError(f"Kafka already runs in {self._folder}")
        if not (self._folder / "log" / "meta.properties").exists():
            self._format()
        output = self._folder / "server.out"
        seen = output.stat().st_size if output.exists() else 0
        with output.open("ab") as out:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._folder / "server.properties")),
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._wait_until_ready(output, seen)

    def kill(self) -> None:
        """`kill -9`, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Start again on the same data and address, killing a broker that still runs."""
        self.kill()
        self.start()

    def stop(self, *, seconds: float = 30.0) -> None:
        """Ask for an orderly end; after `seconds` force it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        if not settings.exists():  # a test may have put its own there
            settings.write_text(
                "".join(f"{name}={value}\n" for name, value in (_SETTINGS | self._addresses() | self._further).items())
            )
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings))
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_START_SECONDS, stdin=subprocess.DEVNULL
        )
        if result.returncode != 0:
            raise RuntimeError(f"Kafka's storage could not be formatted: {(result.stdout + result.stderr).strip()}")

    def _addresses(self) -> dict[str, str]:
        return {
            "listeners": f"{self._protocol}://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"{self._protocol}://{self.bootstrap}",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "log.dirs": str(self._folder / "log"),
        }

    def _java(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={_RECIPE / 'log4j2.properties'}"
        return ["java", *_JVM, logging, "-cp", f"{self._library}/*", main, *arguments]

    def _wait_until_ready(self, output: Path, seen: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.pid is not None:
            if _READY in output.read_bytes()[seen:]:
                return
            time.sleep(0.05)
        self.kill()
        tail = output.read_bytes()[-3000:].decode(errors="replace")
        raise RuntimeError(f"Kafka did not start in {self._folder}. Its output ends:\n{tail}")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on; all probes are open at once, so that they differ."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _die_with_parent() -> None:
    """A test run that is itself killed must not leave a JVM behind (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
