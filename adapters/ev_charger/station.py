"""One connected station: its requests answered one after the other, ours sent one at a time."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult, pack, validate_payload
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from adapters.ev_charger import saying
from adapters.ev_charger.frames import NOBODY, Fault, Version, not_supported, read
from adapters.ev_charger.ports import Books
from adapters.ev_charger.settings import ChargersSettings
from broker.errors import CityError, Unavailable
from broker.ingest.ports import Inbound, Intake, Principal
from schemas.charging import (
    CertificateAsked,
    NeedsSaid,
    Registration,
    SessionSaid,
    StatusSaid,
    Variable,
    VariablesSaid,
    up_topic,
)
from schemas.clock import Clock, iso

WAY = "ocpp"
_MOST_FAULTS = 20
"""So many frames in a row that are none, and the connection ends: nobody listens to noise for ever."""
_BEFORE_APPROVAL = frozenset({"BootNotification", "NotifyReport", "Heartbeat"})
_log = logging.getLogger(__name__)


class Refused(CityError):
    """A station's answer to a request of ours was an error, or there was none. `whole` is all that it answered."""

    def __init__(self, message: str, whole: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.whole = whole


class Station:
    """Reads, answers and asks over one WebSocket."""

    def __init__(
        self,
        socket: ServerConnection,
        version: Version,
        principal: Principal,
        intake: Intake,
        books: Books,
        settings: ChargersSettings,
        clock: Clock,
    ) -> None:
        self.principal = principal
        self.version = version
        self.heard_at = clock()
        self.registration: Registration | None = None
        """How the city stands to it: what it is told when it boots. None while the books do not answer."""
        self._socket = socket
        self._intake = intake
        self._books = books
        self._settings = settings
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked: tuple[str, asyncio.Future[CallResult | CallError]] | None = None
        self._faults = 0

    @property
    def name(self) -> tuple[str, str]:
        """Tenant and station."""
        return self.principal.tenant, self.principal.device

    async def serve(self) -> None:
        """Answer until the connection ends."""
        try:
            async for frame in self._socket:
                self.heard_at = self._clock()
                await self._take(frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))
                if self._faults >= _MOST_FAULTS:
                    await self.close(1002, "too many frames that are no OCPP")
        except ConnectionClosed:
            pass
        finally:
            if self._asked is not None and not self._asked[1].done():
                self._asked[1].set_exception(Refused("the station's connection ended before it answered"))

    async def close(self, code: int = 1000, why: str = "") -> None:
        """End the connection."""
        await self._socket.close(code, why)

    async def ask(self, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request and return the answer's payload. One at a time (OCPP-J 1.6, 4.1.1).

        Raises `Refused` for an error, an answer against its schema, or none in time.
        """
        call = Call(secrets.token_hex(16), action, dict(payload))
        try:
            await validate_payload(call, self.version)
        except OCPPError as error:
            raise Refused(f"the request is not one of OCPP {self.version}: {error.details}") from error
        async with self._asking:
            answer = await self._ask(call)
        if isinstance(answer, CallError):
            told = {"errorCode": answer.error_code, "errorDescription": answer.error_description}
            whole = {**told, "errorDetails": answer.error_details}
            raise Refused(f"{answer.error_code}: {answer.error_description}", whole)
        answer.action = action
        try:
            await validate_payload(answer, self.version)
        except OCPPError as error:
            raise Refused(f"the station's answer is against the schema: {error.details}", answer.payload) from error
        return json.loads(json.dumps(answer.payload, default=float))  # type: ignore[no-any-return]

    async def _ask(self, call: Call) -> CallResult | CallError:
        waiting: asyncio.Future[CallResult | CallError] = asyncio.get_running_loop().create_future()
        self._asked = (call.unique_id, waiting)
        try:
            async with asyncio.timeout(self._settings.call_seconds):
                await self._socket.send(pack(call))
                return await waiting
        except TimeoutError as error:
            raise Refused(f"no answer within {self._settings.call_seconds:g} s") from error
        except ConnectionClosed as error:
            raise Refused("the station's connection ended") from error
        finally:
            self._asked = None

    async def _take(self, frame: str) -> None:
        try:
            message = read(self.version, frame)
            if isinstance(message, Call):
                answer = await self._answer(message)
                if answer is not None:
                    await self._socket.send(pack(CallResult(message.unique_id, answer)))
            else:
                self._settle(message)
            self._faults = 0
        except Fault as fault:
            self._faults += 1
            _log.info("%s/%s: %s", *self.name, fault)
            if fault.answer.unique_id != NOBODY or self.version == "2.0.1":
                await self._socket.send(pack(fault.answer))

    def _settle(self, message: CallResult | CallError) -> None:
        """An answer to nothing that was asked (too late, say) is overlooked."""
        if self._asked is not None and self._asked[0] == message.unique_id and not self._asked[1].done():
            self._asked[1].set_result(message)

    async def _answer(self, call: Call) -> Mapping[str, Any] | None:
        """The answer's payload, once what it promises is durable; None to stay silent, so that the station repeats."""
        now = self._clock()
        try:
            async with asyncio.timeout(self._settings.durable_seconds):
                return await self._handle(call, now)
        except (Unavailable, TimeoutError) as error:
            _log.warning("%s/%s: %s stays unanswered: %s", *self.name, call.action, error or "the log took too long")
            return None
        except Fault:
            raise
        except ValueError as error:
            raise Fault(self.version, call.unique_id, "PropertyConstraintViolation", str(error)) from error
        except CityError as error:
            raise Fault(self.version, call.unique_id, "GenericError", str(error)) from error
        except Exception as error:
            _log.exception("%s/%s: %s failed", *self.name, call.action)
            raise Fault(self.version, call.unique_id, "InternalError", "the request could not be handled") from error

    async def _handle(self, call: Call, now: datetime) -> Mapping[str, Any]:
        action, payload = call.action, call.payload
        if self.registration == "Rejected" and action != "BootNotification":
            raise Fault(self.version, call.unique_id, "SecurityError", "this station is not accepted: boot first")
        if self.registration == "Pending" and action not in _BEFORE_APPROVAL:
            raise Fault(self.version, call.unique_id, "SecurityError", "this station waits for approval")
        if action == "Heartbeat":
            return {"currentTime": iso(now)}
        if action == "Authorize":
            token = saying.token_of(self.version, payload)
            return saying.token_answer(self.version, await self._books.authorize(self.principal.tenant, token))
        if action == "DataTransfer":
            await self._publish(call, now)
            return {"status": "UnknownVendorId"}
        said = saying.said_by(self.version, action, self.principal.device, payload, now)
        if said is None and action not in saying.HEARD[self.version]:
            raise not_supported(self.version, call)
        await self._publish(call, now)
        if said is None:
            return {}
        booked = await self._books.book(self.principal.tenant, said)
        if action == "BootNotification":
            self.registration = booked.registration
            settings = self._settings
            return saying.boot_answer(booked, now, settings.heartbeat_seconds, settings.pending_seconds)
        if isinstance(said, StatusSaid | VariablesSaid) or action == "MeterValues":
            return {}
        if isinstance(said, CertificateAsked):
            return {"status": "Accepted"}
        if isinstance(said, NeedsSaid):
            return saying.needs_answer(booked)
        assert isinstance(said, SessionSaid)
        return saying.transaction_answer(self.version, action, said, booked)

    async def note(self, variables: tuple[Variable, ...]) -> None:
        """Keep what the station answered of how it is set up. Raises `Unavailable`."""
        said = VariablesSaid(station=self.principal.device, at=self._clock(), variables=variables)
        await self._books.book(self.principal.tenant, said)

    async def certified(self, since: datetime) -> None:
        """Note that the station took the certificate that it had asked for before `since`. Raises `Unavailable`."""
        await self._books.book(
            self.principal.tenant, CertificateAsked(station=self.principal.device, at=since, request=None)
        )

    async def _publish(self, call: Call, now: datetime) -> None:
        """Put the request on the log as any device's message; return once it is durable there."""
        body = {
            "ocpp": self.version,
            "action": call.action,
            "id": call.unique_id,
            "at": iso(now),
            "payload": call.payload,
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        await self.publish(up_topic(self.principal.device), text, now)

    async def publish(self, topic: str, payload: bytes, now: datetime) -> None:
        """Offer a message of this station's to the intake and wait until the log has it."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: BaseException | None) -> None:
            if durable.done():
                return
            if error is None:
                durable.set_result(None)
            else:
                durable.set_exception(error)

        message = Inbound(self.principal.tenant, self.principal.device, topic, payload, now, WAY)
        while not self._intake.offer(message, done):
            await self._intake.room()
        await durable
