"""The central system: listens for stations over WebSocket, admits them and keeps track of who is connected."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from adapters.ev_charger.door import Door, Refusal
from adapters.ev_charger.frames import VERSIONS
from adapters.ev_charger.ports import Books
from adapters.ev_charger.settings import ChargersSettings
from adapters.ev_charger.station import Station
from adapters.mqtt.tls import renew, server_context
from broker.errors import Invalid, Unavailable
from broker.ingest.ports import Intake, Principal
from schemas.charging import ConnectionSaid
from schemas.clock import Clock, utc_now

_PROTOCOL_ERROR, _POLICY, _GOING_AWAY = 1002, 1008, 1001
_SUBPROTOCOLS = [Subprotocol(name) for name in VERSIONS]
_BACKLOG = 4096
_FRAMES_AHEAD = 16
"""Frames of a station that are read ahead; with so many unanswered its socket is not read."""
_WRITE_BUFFER = 65_536
_log = logging.getLogger(__name__)


class StationSocket(ServerConnection):
    """A WebSocket of a station, which knows whom it speaks as once the handshake was let through."""

    principal: Principal


class CentralSystem:
    """Serves stations until `stop`. A station that connects again takes its place over: the older socket is dead."""

    def __init__(
        self, intake: Intake, books: Books, door: Door, settings: ChargersSettings, *, clock: Clock = utc_now
    ) -> None:
        self._intake = intake
        self._books = books
        self._door = door
        self._settings = settings
        self._clock = clock
        self._stations: dict[tuple[str, str], Station] = {}
        self._servers: list[Server] = []
        self._tls: ssl.SSLContext | None = None
        self._sockets = 0
        self._burials: set[asyncio.Task[None]] = set()
        self.arrived = asyncio.Event()
        """Set whenever a station has connected; whoever follows it clears it."""
        self.port: int | None = None
        """The port without TLS, once started."""
        self.tls_port: int | None = None
        """The port with TLS, once started."""

    async def start(self) -> None:
        """Listen. Raises `Invalid` for certificates or ports that are no good."""
        settings = self._settings
        if settings.port is not None:
            self.port = await self._listen(settings.port, None, "port")
        if settings.tls_port is not None:
            self._tls = server_context(settings)
            self.tls_port = await self._listen(settings.tls_port, self._tls, "tls_port")

    async def stop(self) -> None:
        """Accept no more; requests under way are answered, then every connection is closed."""
        for server in self._servers:
            server.close(code=_GOING_AWAY, reason="the central system is stopping; connect again")
        for server in self._servers:
            await server.wait_closed()

    def reload_certificates(self) -> None:
        """Use renewed certificate files for the connections to come. Raises `Invalid` and keeps the old ones."""
        if self._tls is not None:
            renew(self._tls, self._settings)

    def station(self, tenant: str, name: str) -> Station | None:
        """The station, where it is connected here."""
        return self._stations.get((tenant, name))

    def stations(self) -> Sequence[Station]:
        """All that are connected here."""
        return list(self._stations.values())

    async def evict(self, still: Callable[[Principal], bool]) -> int:
        """End the connections of those who would not be admitted any more; how many those were."""
        gone = [each for each in self.stations() if not self._door.still(each.principal, still)]
        for each in gone:
            await each.close(_POLICY, "this station may not speak any more")
        return len(gone)

    async def _listen(self, port: int, context: ssl.SSLContext | None, field: str) -> int:
        settings = self._settings
        try:
            server = await serve(
                self._serve,
                settings.host,
                port,
                subprotocols=_SUBPROTOCOLS,
                select_subprotocol=_choose,
                create_connection=StationSocket,
                process_request=self._admit,
                ssl=context,
                compression=None,
                max_size=settings.max_frame_bytes,
                max_queue=_FRAMES_AHEAD,
                write_limit=_WRITE_BUFFER,
                open_timeout=settings.open_seconds,
                ping_interval=settings.ping_seconds,
                ping_timeout=settings.ping_seconds,
                close_timeout=5,
                backlog=_BACKLOG,
                server_header="city-os",
            )
        except OSError as error:
            why = f"cannot listen on {settings.host} port {port}: {error.strerror or error}"
            raise Invalid(why, field=field) from error
        self._servers.append(server)
        return int(next(iter(server.sockets)).getsockname()[1])

    async def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Let the handshake go on, or answer it with why not."""
        if self._sockets >= self._settings.max_connections:
            return _refuse(
                socket, Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many stations", (("Retry-After", "30"),))
            )
        headers = request.headers.get_all("Authorization")
        authorization = headers[0] if len(headers) == 1 else None
        peer = socket.transport.get_extra_info("ssl_object")
        address = str((socket.remote_address or ("",))[0])
        try:
            admitted = await self._door.admit(request.path, authorization, peer, address)
        except Unavailable:
            admitted = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "try again", (("Retry-After", "10"),))
        if isinstance(admitted, Refusal):
            _log.info("%s is refused at %s: %s", address, request.path[:100], admitted.why)
            return _refuse(socket, admitted)
        assert isinstance(socket, StationSocket)
        socket.principal = admitted
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        version = VERSIONS.get(socket.subprotocol or "")
        if version is None:
            # OCPP-J 1.6, 3.1.2: complete the handshake without a subprotocol, then close.
            await socket.close(_PROTOCOL_ERROR, "offer the subprotocol ocpp1.6 or ocpp2.0.1")
            return
        assert isinstance(socket, StationSocket)
        station = Station(socket, version, socket.principal, self._intake, self._books, self._settings, self._clock)
        older = self._stations.get(station.name)
        self._stations[station.name] = station
        self._sockets += 1
        try:
            if older is not None:
                burial = asyncio.create_task(older.close(_POLICY, "another connection has taken this station's place"))
                self._burials.add(burial)
                burial.add_done_callback(self._burials.discard)
            await self._tell(station, connected=True)
            self.arrived.set()
            await station.serve()
        finally:
            self._sockets -= 1
            if self._stations.get(station.name) is station:
                del self._stations[station.name]
                await self._tell(station, connected=False)

    async def _tell(self, station: Station, *, connected: bool) -> None:
        """Book that a connection came or went. Where that fails, the next one tells it."""
        tenant, name = station.name
        try:
            said = ConnectionSaid(station=name, connected=connected, at=self._clock())
            booked = await self._books.book(tenant, said)
            station.registration = booked.registration
        except Unavailable as error:
            _log.warning("%s/%s: the connection is not booked: %s", tenant, name, error)


def _choose(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((each for each in _SUBPROTOCOLS if each in offered), None)


def _refuse(socket: ServerConnection, refusal: Refusal) -> Response:
    response = socket.respond(refusal.status, refusal.why + "\n")
    for name, value in refusal.headers:
        response.headers[name] = value
    return response
