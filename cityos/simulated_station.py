"""A charging station that is none: a client over a real WebSocket, for demonstrations, tests and measurements.

It speaks OCPP 1.6J or 2.0.1, charges simulated vehicles within the limit that it is told, keeps what it could not say
while its line was down, and says it later with the times at which it happened.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from schemas.clock import Clock, iso, utc_now

_ANSWER_SECONDS = 60.0


class CallFailed(Exception):
    """The central system answered with a CALLERROR; `code` is its code."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class SimulatedStation:
    """One station with one connector. Times are those of `clock`."""

    def __init__(
        self,
        url: str,
        name: str,
        version: Literal["1.6", "2.0.1"] = "1.6",
        *,
        password: str | None = None,
        most_w: float = 6000.0,
        clock: Clock = utc_now,
        ssl: Any = None,
        local: str | None = None,
    ) -> None:
        """`local` is the address of this machine that it comes from, where that matters."""
        self.name = name
        self.version = version
        self.limit_w = most_w
        self.most_w = most_w
        self.meter_wh = 1000.0
        self.transaction: str | None = None
        self.configuration = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
        """How it is set up (1.6)."""
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        """What the central system has asked of it, in order."""
        self._url = f"{url.rstrip('/')}/ocpp/{name}"
        self._password = password
        self._clock = clock
        self._ssl = ssl
        self._local = None if local is None else (local, 0)
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._reporting: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._sequence = itertools.count(0)
        self._one = asyncio.Lock()
        self._default_w = most_w
        self._later: list[tuple[str, dict[str, Any]]] = []
        self._changed = asyncio.Event()

    # the connection

    async def connect(self) -> None:
        """Open the WebSocket. Raises what `websockets` raises for a refusal."""
        headers = {}
        if self._password is not None:
            pair = base64.b64encode(f"{self.name}:{self._password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        self._socket = await connect(
            self._url, subprotocols=[Subprotocol(f"ocpp{self.version}")], additional_headers=headers,
            compression=None, ssl=self._ssl, open_timeout=60, ping_interval=None, local_addr=self._local,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        self._socket = None

    async def until_cut(self) -> None:
        """Wait for the end of the connection, whoever ends it."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    @property
    def connected(self) -> bool:
        """Whether the WebSocket is open."""
        return self._socket is not None and self._reading is not None and not self._reading.done()

    async def call(self, action: str, payload: Mapping[str, Any]) -> Any:
        """Send a request and return the answer's payload. Raises `CallFailed`, `ConnectionError` and `TimeoutError`."""
        async with self._one:
            if self._socket is None:
                raise ConnectionError("not connected")
            number = f"{self.name}-{next(self._numbers)}"[-36:]
            answer = self._answers[number] = asyncio.get_running_loop().create_future()
            try:
                await self._socket.send(json.dumps([2, number, action, payload]))
                async with asyncio.timeout(_ANSWER_SECONDS):
                    return await answer
            except ConnectionClosed as error:
                raise ConnectionError(str(error)) from error
            finally:
                self._answers.pop(number, None)

    # what a station does

    async def boot(self) -> str:
        """Tell who it is; `Accepted`, `Pending` or `Rejected`."""
        if self.version == "1.6":
            told: dict[str, Any] = {"chargePointVendor": "City OS", "chargePointModel": "simulated"}
        else:
            told = {"reason": "PowerUp", "chargingStation": {"vendorName": "City OS", "model": "simulated"}}
        return str((await self.call("BootNotification", told))["status"])

    async def status(self, status: str, error: str = "NoError") -> None:
        """Tell the connector's state, in 1.6's words."""
        at = iso(self._clock())
        if self.version == "1.6":
            await self.call(
                "StatusNotification", {"connectorId": 1, "errorCode": error, "status": status, "timestamp": at}
            )
        else:
            plain = status if status in ("Available", "Reserved", "Unavailable", "Faulted") else "Occupied"
            told = {"timestamp": at, "connectorStatus": plain, "evseId": 1, "connectorId": 1}
            await self.call("StatusNotification", told)

    async def heartbeat(self) -> None:
        """Say that it is there."""
        await self.call("Heartbeat", {})

    async def start(self, card: str) -> str:
        """Begin a transaction; whether the card may charge."""
        at = iso(self._clock())
        if self.version == "1.6":
            told = {"connectorId": 1, "idTag": card, "meterStart": int(self.meter_wh), "timestamp": at}
            answer = await self.call("StartTransaction", told)
            self.transaction = str(answer["transactionId"])
            return str(answer["idTagInfo"]["status"])
        self.transaction = f"{self.name}-{at}"[-36:]
        answer = await self.call("TransactionEvent", self._event("Started", "CablePluggedIn", card=card))
        return str(answer.get("idTokenInfo", {}).get("status", "Accepted"))

    async def meter(self, power_w: float | None = None, soc: float | None = None) -> None:
        """Tell the register, and the power and the battery's state where given."""
        if self.version == "2.0.1":
            await self.say("TransactionEvent", self._event("Updated", "MeterValuePeriodic", power_w=power_w, soc=soc))
            return
        told: dict[str, Any] = {"connectorId": 1, "meterValue": [self._sampled(power_w, soc)]}
        if self.transaction is not None:
            told["transactionId"] = int(self.transaction)
        await self.say("MeterValues", told)

    async def needs(self, energy_wh: int, departs: datetime, most_a: int = 30) -> str:
        """Tell what the vehicle asks for (2.0.1, K15); whether a profile will follow."""
        ac = {"energyAmount": energy_wh, "evMinCurrent": 6, "evMaxCurrent": most_a, "evMaxVoltage": 200}
        told = {"requestedEnergyTransfer": "AC_single_phase", "departureTime": iso(departs), "acChargingParameters": ac}
        answer = await self.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": told})
        return str(answer["status"])

    async def stop(self, card: str | None = None, reason: str = "Local") -> None:
        """End the transaction, and with it the limit that was told for it."""
        self.limit_w = self._default_w
        if self.version == "2.0.1":
            event = self._event("Ended", "StopAuthorized", card=card, reason=reason)
            self.transaction = None
            await self.say("TransactionEvent", event)
            return
        told: dict[str, Any] = {
            "transactionId": int(self.transaction or 0), "meterStop": int(self.meter_wh),
            "timestamp": iso(self._clock()), "reason": reason,
        }  # fmt: skip
        if card is not None:
            told["idTag"] = card
        self.transaction = None
        await self.say("StopTransaction", told)

    async def say(self, action: str, payload: dict[str, Any]) -> None:
        """Send now, or keep it for when the line is there again."""
        try:
            await self.call(action, payload)
        except ConnectionError:
            self._later.append((action, payload if self.version == "1.6" else {**payload, "offline": True}))

    async def say_what_was_kept(self) -> int:
        """Send what was kept, in order; how many those were."""
        count = 0
        while self._later:
            await self.call(*self._later[0])
            del self._later[0]
            count += 1
        return count

    def charge(self, span: timedelta, wants_w: float) -> float:
        """Let a vehicle that would take `wants_w` charge for a while within the limit; the watts it got."""
        power = min(wants_w, self.limit_w, self.most_w)
        self.meter_wh += power * span.total_seconds() / 3600
        return power

    async def until_asked(self, action: str, seconds: float = 60.0) -> Mapping[str, Any]:
        """Wait for a request of the central system's; its payload."""
        async with asyncio.timeout(seconds):
            while True:
                for name, payload in self.asked:
                    if name == action:
                        return payload
                self._changed.clear()
                await self._changed.wait()

    # the rest

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                message = json.loads(frame)
                if message[0] == 2:
                    answer = self._answer(message[2], message[3])
                    self.asked.append((message[2], message[3]))
                    await socket.send(json.dumps([3, message[1], answer]))
                    if message[2] == "GetBaseReport":
                        self._reporting = asyncio.create_task(self._report(message[3]["requestId"]))
                    self._changed.set()
                elif waiting := self._answers.get(message[1]):
                    _settle(waiting, message)
        except ConnectionClosed:
            pass
        finally:
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionError("the connection ended"))

    async def _report(self, number: int) -> None:
        """Tell the device model (2.0.1, B07); where the line ends meanwhile, nobody waits for it."""
        variables = (("OCPPCommCtrlr", "HeartbeatInterval", "300", "ReadWrite"),
                     ("EVSE", "AvailabilityState", "Available", "ReadOnly"))  # fmt: skip
        data = [
            {
                "component": {"name": component, **({"evse": {"id": 1}} if component == "EVSE" else {})},
                "variable": {"name": name},
                "variableAttribute": [{"value": value, "mutability": mutability}],
            }
            for component, name, value, mutability in variables
        ]
        told = {"requestId": number, "generatedAt": iso(self._clock()), "seqNo": 0, "reportData": data}
        with contextlib.suppress(ConnectionError):
            await self.call("NotifyReport", told)

    def _answer(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        if action == "SetChargingProfile":
            profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
            schedule = profile["chargingSchedule"]
            schedule = schedule[0] if isinstance(schedule, list) else schedule
            limit = schedule["chargingSchedulePeriod"][0]["limit"]
            self.limit_w = limit if schedule["chargingRateUnit"] == "W" else limit * 200
            if profile["chargingProfilePurpose"] == "TxDefaultProfile":
                self._default_w = self.limit_w
        elif action == "ClearChargingProfile":
            self.limit_w = self._default_w = self.most_w
        elif action == "GetConfiguration":
            return {"configurationKey": self.configuration}
        elif action == "GetDiagnostics":
            return {"fileName": "diagnostics.txt"}
        elif action == "UpdateFirmware" and self.version == "1.6":
            return {}
        elif action == "UnlockConnector":
            return {"status": "Unlocked"}
        elif action == "GetInstalledCertificateIds":
            return {"status": "NotFound"}
        elif action == "GetVariables":
            return {
                "getVariableResult": [
                    {**each, "attributeStatus": "Accepted", "attributeValue": "300"}
                    for each in payload["getVariableData"]
                ]
            }
        elif action == "SetVariables":
            kept = [
                {k: v for k, v in each.items() if k != "attributeValue"} | {"attributeStatus": "Accepted"}
                for each in payload["setVariableData"]
            ]
            return {"setVariableResult": kept}
        return {"status": "Accepted"}

    def _sampled(self, power_w: float | None, soc: float | None) -> dict[str, Any]:
        energy: dict[str, Any] = {"value": self.meter_wh, "measurand": "Energy.Active.Import.Register"}
        samples = [energy]
        if power_w is not None:
            samples.append({"value": power_w, "measurand": "Power.Active.Import"})
        if soc is not None:
            samples.append({"value": soc, "measurand": "SoC"})
        if self.version == "1.6":
            samples = [{**each, "value": f"{each['value']:.1f}"} for each in samples]
        return {"timestamp": iso(self._clock()), "sampledValue": samples}

    def _event(
        self,
        kind: str,
        trigger: str,
        *,
        card: str | None = None,
        power_w: float | None = None,
        soc: float | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        info: dict[str, Any] = {"transactionId": self.transaction or "none", "chargingState": "Charging"}
        if kind == "Ended":
            info = {"transactionId": self.transaction or "none", "chargingState": "Idle", "stoppedReason": reason}
        event: dict[str, Any] = {
            "eventType": kind, "timestamp": iso(self._clock()), "triggerReason": trigger,
            "seqNo": next(self._sequence), "transactionInfo": info, "evse": {"id": 1, "connectorId": 1},
            "meterValue": [self._sampled(power_w, soc)],
        }  # fmt: skip
        if card is not None:
            event["idToken"] = {"idToken": card, "type": "ISO14443"}
        return event


def _settle(waiting: asyncio.Future[Any], message: list[Any]) -> None:
    if waiting.done():
        return
    if message[0] == 3:
        waiting.set_result(message[2])
    else:
        waiting.set_exception(CallFailed(message[2], message[3]))
