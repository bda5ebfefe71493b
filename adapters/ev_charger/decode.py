"""What a station said, as observations of it. Pure: no clock, no I/O.

The central system publishes each request of a station on `city/ev/{station}/up`, with what it adds around it::

    {"ocpp": "1.6", "action": "StatusNotification", "id": "19223201", "at": "2026-11-21T09:00:00+09:00",
     "payload": {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}}

`at` is when the city heard it, and stands for the station's own time where the request has none. A connector's values
are attributes such as `connector1Status` and `connector1PowerActiveImport`; 2.0.1's EVSE is the connector here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.ev_charger.readings import Reading, Unread, named, readings
from adapters.payload import read_json, shown
from adapters.times import parse_time
from schemas.observation import Observation, Reason, Rejection

_TOPIC = re.compile(r"city/ev/([A-Za-z0-9][A-Za-z0-9._:-]{0,99})/up")
_WORDS = re.compile(r"[\x00-\x1f]")
_MOST_TEXT = 300
_LONGEST_NAME = 100
_PROGRESS = {
    "FirmwareStatusNotification": "firmwareStatus",
    "SignedFirmwareStatusNotification": "firmwareStatus",
    "DiagnosticsStatusNotification": "diagnosticsStatus",
    "LogStatusNotification": "diagnosticsStatus",
}
"""How far an update of the firmware came, and the sending of a log: one attribute whichever version tells it."""


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """One outcome per value, at least one. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = f"{shown(topic)} is no topic of a charging station; publish to city/ev/STATION/up"
        return [Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail, field="topic")]
    station = match[1]
    message = read_json(payload, station)
    if isinstance(message, Rejection):
        return [message]
    said = message.get("payload") if isinstance(message, dict) else None
    if not isinstance(said, dict) or not isinstance(message.get("action"), str):
        detail = 'a message is {"ocpp": "1.6", "action": "…", "at": "…", "payload": {…}}'
        return [Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=station)]
    try:
        heard = parse_time(message.get("at"))
    except ValueError as error:
        return [Rejection(reason=Reason.BAD_TIME, detail=f"at {error}", field="at", device=station)]
    outcomes = list(_outcomes(station, str(message["action"]), said, heard))
    return outcomes or [_event(station, str(message["action"]), heard)]


def _outcomes(station: str, action: str, said: Mapping[str, Any], heard: datetime) -> Iterator[Observation | Rejection]:
    if action == "BootNotification":
        yield from _boot(station, said, heard)
    elif action == "StatusNotification":
        yield from _status(station, said, heard)
    elif action in _PROGRESS and isinstance(said.get("status"), str):
        yield Observation(device=station, property=_PROGRESS[action], value=_text(said["status"]), observed_at=heard)
    connector = _connector(said)
    values = said.get("meterValue", said.get("transactionData", ()))
    if connector is None or not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        return
    for found in readings(values):
        yield _measured(station, connector, found)


def _boot(station: str, said: Mapping[str, Any], heard: datetime) -> Iterator[Observation]:
    told = said.get("chargingStation", said)
    if not isinstance(told, Mapping):
        return
    names = (("chargePointVendor", "vendorName"), ("vendorName", "vendorName"), ("chargePointModel", "modelName"),
             ("model", "modelName"), ("firmwareVersion", "firmwareVersion"))  # fmt: skip
    for name, property_ in names:
        if isinstance(told.get(name), str) and told[name]:
            yield Observation(device=station, property=property_, value=_text(told[name]), observed_at=heard)


def _status(station: str, said: Mapping[str, Any], heard: datetime) -> Iterator[Observation | Rejection]:
    connector, status = _connector(said), said.get("status", said.get("connectorStatus"))
    if connector is None or not isinstance(status, str):
        detail = "a status names its connector (or evse) by a number and its state by a text"
        yield Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=station, field="status")
        return
    at = heard
    if "timestamp" in said:
        try:
            at = parse_time(said["timestamp"])
        except ValueError as error:
            yield Rejection(reason=Reason.BAD_TIME, detail=f"timestamp {error}", field="timestamp", device=station)
            return
    yield Observation(device=station, property=f"connector{connector}Status", value=_text(status), observed_at=at)


def _measured(station: str, connector: int, found: Reading | Unread) -> Observation | Rejection:
    if isinstance(found, Unread):
        reason = Reason.BAD_TIME if found.field == "timestamp" else Reason.OUT_OF_RANGE
        return Rejection(reason=reason, detail=found.why, field=found.field[:100], device=station)
    property_ = f"connector{connector}{named(found.measurand, found.phase, found.place)}"
    if len(property_) > _LONGEST_NAME:
        detail = f"measurand, phase and location make a name of {len(property_)} characters; OCPP has none so long"
        return Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field="measurand", device=station)
    return Observation(device=station, property=property_, value=found.value, observed_at=found.at, unit=found.unit)


def _connector(said: Mapping[str, Any]) -> int | None:
    evse = said.get("evse")
    number = evse.get("id") if isinstance(evse, Mapping) else said.get("connectorId", said.get("evseId"))
    if "evseId" in said and not isinstance(evse, Mapping):
        number = said["evseId"]
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1000 else None


def _event(station: str, action: str, heard: datetime) -> Observation:
    return Observation(device=station, property="lastEvent", value=_text(action), observed_at=heard)


def _text(value: str) -> str:
    return _WORDS.sub(" ", value)[:_MOST_TEXT]
