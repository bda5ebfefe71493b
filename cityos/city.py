"""`cityos up`: the whole city on one machine, from an empty folder to an address to open."""

from __future__ import annotations

import asyncio
import base64
import errno
import fcntl
import logging
import os
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from broker.errors import CityError, Invalid, Unavailable
from broker.store.migrate import migrate
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from cityos.environment import write_running
from cityos.files import write_whole
from cityos.nursery import Nursery
from cityos.schema import MIGRATED_PACKAGES
from cityos.settings import Settings, variables
from cityos.supervisor import Supervised, supervise

ONE_MACHINE = ("endpoint", "writer", "alerting", "evacuation", "notifier", "gateway")
"""The roles that `cityos up` always runs.

Buses, points and charging stations join them where the city has those, the relay with an outside Kafka, the bridge with
an outside broker.
"""

MOSTLY_WAITING = frozenset({"evacuation", "points"})
"""Roles that have little to do: on one machine they share one process, which saves what a process costs."""

_DATABASE_ROLES = {"url": "cityos", "system_url": "cityos_system", "app_url": "cityos_app", "tail_url": "cityos_tail"}
_READY_SECONDS = 180.0
_log = logging.getLogger(__name__)


class Stopped(CityError):
    """The city was told to stop while it started."""


class City:
    """One machine's city while it runs: its settings with every address filled in."""

    def __init__(self, settings: Settings, roles: Sequence[Supervised]) -> None:
        self.settings = settings
        self.roles = roles

    @property
    def map_url(self) -> str:
        """Where a resident opens the map."""
        gateway = self.settings.gateway
        return f"http://{gateway.host}:{gateway.port}/"


@asynccontextmanager
async def running_city(settings: Settings, stop: asyncio.Event) -> AsyncIterator[City]:
    """Start everything, yield when the gateway answers, and stop everything when the block is left.

    Raises `Invalid` when the folder's city runs already or a port is taken, `Stopped` when `stop` was set before all
    was up, `Unavailable` when it does not come up in three minutes.
    """
    folder = settings.city.folder.resolve()
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(folder))
        check_ports(settings)
        filled = with_tags_key(await stack.enter_async_context(_database(settings, folder)), folder)
        await prepare(filled)
        environment = environment_of(filled)
        running = folder / "running.json"
        write_running(running, {k: v for k, v in environment.items() if k.startswith("CITYOS_")})
        processes = processes_of(filled)
        nursery = stack.enter_context(closing(Nursery(processes, environment)))
        roles = [Supervised(process, nursery.start, folder) for process in processes]
        supervision = asyncio.create_task(supervise(roles, stop))
        try:
            city = City(filled, roles)
            await _until_ready(city, supervision, stop)
            yield city
        finally:
            stop.set()
            await supervision
            running.unlink(missing_ok=True)


def roles_of(settings: Settings) -> tuple[str, ...]:
    """The roles this machine runs by these settings."""
    buses = ("dispatch",) if settings.dispatch.enabled else ()
    points = ("points",) if settings.points.enabled else ()
    chargers = ("chargers",) if settings.chargers.enabled else ()
    tags = ("presence",) if settings.tags.enabled else ()
    relay = ("relay",) if settings.log.driver == "kafka" else ()
    bridge = ("bridge",) if settings.bridge else ()
    return (*ONE_MACHINE, *buses, *points, *tags, *chargers, *relay, *bridge)


def processes_of(settings: Settings) -> tuple[str, ...]:
    """The processes that run these roles, each named after its roles, which `+` joins."""
    roles = roles_of(settings)
    waiting = [role for role in roles if role in MOSTLY_WAITING]
    return (*(role for role in roles if role not in MOSTLY_WAITING), "+".join(waiting))


def with_tags_key(settings: Settings, folder: Path) -> Settings:
    """The settings with the key of watch tags, which is made once and kept beside the database, never in it."""
    if not settings.tags.enabled or settings.tags.key is not None:
        return settings
    path = folder / "tags.key"
    if not path.exists():
        write_whole(path, base64.b64encode(os.urandom(32)).decode(), mode=0o600)
    tags = settings.tags.model_copy(update={"key": SecretStr(path.read_text())})
    return settings.model_copy(update={"tags": tags})


async def prepare(settings: Settings) -> list[str]:
    """Migrate the database and make the default tenant. Returns the migrations applied."""
    owner = await open_database(settings.database.url, system=True, size=2)
    try:
        urls = (settings.database.system_url, settings.database.app_url, settings.database.tail_url)
        passwords = dict(_login_in(url) for url in urls)
        applied = await migrate(owner, MIGRATED_PACKAGES, passwords)
        async with owner.transaction() as tx:
            await tx.execute("insert into tenant (name) values ($1) on conflict do nothing", settings.city.tenant)
    finally:
        await owner.close()
    return applied


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that gives a child process exactly these settings."""
    ours = {name: _text(_value(settings, name)) for name, _ in variables()}
    rest = {name: value for name, value in os.environ.items() if not name.startswith("CITYOS_")}
    return {**rest, **{name: text for name, text in ours.items() if text is not None}}


def check_ports(settings: Settings) -> None:
    """Raise `Invalid` naming the variable where another program listens on a port that this city is to open."""
    gateway, mqtt = settings.gateway, settings.mqtt
    places: list[tuple[str, str, int | None]] = [
        ("CITYOS_GATEWAY_PORT", gateway.host, gateway.port),
        ("CITYOS_MQTT_PORT", mqtt.host, mqtt.port),
        ("CITYOS_MQTT_TLS_PORT", mqtt.host, mqtt.tls_port),
    ]
    if settings.chargers.enabled:
        chargers = settings.chargers
        places.append(("CITYOS_CHARGERS_PORT", chargers.host, chargers.port))
        places.append(("CITYOS_CHARGERS_TLS_PORT", chargers.host, chargers.tls_port))
    for variable, host, port in places:
        if port and (fault := _port_fault(host, port)):
            raise Invalid(f"{host}:{port} cannot be opened ({fault}): set {variable} to another port", field=variable)


def _port_fault(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return "another program uses it" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
    return None


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Invalid(f"a city runs in {folder} already; stop it, or set CITYOS_CITY_FOLDER") from error
        yield


@asynccontextmanager
async def _database(settings: Settings, folder: Path) -> AsyncIterator[Settings]:
    """The settings with the database's addresses: those given, or those of an embedded server kept running here."""
    if settings.database.url:
        yield settings
        return
    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    keeper = asyncio.create_task(keep_alive(server, folder / "run" / "postgres.pid"))
    try:
        urls = {name: server.url(user) for name, user in _DATABASE_ROLES.items()}
        yield settings.model_copy(update={"database": settings.database.model_copy(update=urls)})
    finally:
        keeper.cancel()
        server.stop()


async def keep_alive(server: EmbeddedPostgres, pid_file: Path) -> None:
    """Start the server again when it dies; it recovers from its own log, and the roles wait meanwhile.

    What stands in the way, a full disk say, is tried again until it does no longer.
    """
    noted: int | None = None
    while True:
        try:
            if server.revive():
                _log.warning("PostgreSQL had died and is started again")
            # It may have died again already: while children of the last one live, none may start.
            if (pid := server.pid) is not None and pid != noted:
                write_whole(pid_file, str(pid))
                noted = pid
        except OSError as error:
            _log.warning("what keeps PostgreSQL alive is tried again: %s", error)
        await asyncio.sleep(0.5)


async def _until_ready(city: City, supervision: asyncio.Task[None], stop: asyncio.Event) -> None:
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS
    url = f"{city.map_url}health/ready"
    while not await asyncio.to_thread(_answers, url):
        if stop.is_set():
            raise Stopped("stopped before everything was up; nothing is lost, start it again at any time")
        if supervision.done() or asyncio.get_running_loop().time() > deadline:
            logs = city.settings.city.folder / "logs"
            raise Unavailable(f"the city did not come up within {_READY_SECONDS:.0f} s; see {logs}")
        await asyncio.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own gateway
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _value(settings: Settings, variable: str) -> object:
    group, _, name = variable.removeprefix("CITYOS_").lower().partition("_")
    return getattr(getattr(settings, group), name, None)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple | list):
        return ",".join(str(item) for item in value)
    return str(value)


def _login_in(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.username or "", unquote(parts.password or "")
