"""From a station's request to what it says in the city's words, and from what became of it to the answer. Pure.

One function for each request that carries something for the books, by version; the payloads have been checked against
their schemas. Requests that only want to be heard (`HEARD`) are answered with an empty payload once they are durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from adapters.ev_charger.frames import Version
from adapters.ev_charger.readings import CHARGE, ENERGY, Reading, below_zero, latest, power, readings
from adapters.ev_charger.variables import reported
from adapters.times import parse_time
from schemas.charging import (
    Booked,
    Booted,
    CertificateAsked,
    NeedsSaid,
    SessionSaid,
    StationSaid,
    StatusSaid,
    VariablesSaid,
    Verdict,
)
from schemas.clock import iso

HEARD: dict[Version, frozenset[str]] = {
    "1.6": frozenset(
        {
            *("MeterValues", "StatusNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification"),
            *("SecurityEventNotification", "LogStatusNotification", "SignedFirmwareStatusNotification"),
        }
    ),
    "2.0.1": frozenset(
        {
            *("MeterValues", "StatusNotification", "NotifyEvent", "NotifyMonitoringReport", "NotifyReport"),
            *("SecurityEventNotification", "LogStatusNotification", "FirmwareStatusNotification"),
            *("NotifyChargingLimit", "ClearedChargingLimit", "ReportChargingProfiles", "ReservationStatusUpdate"),
            *("NotifyDisplayMessages", "NotifyCustomerInformation", "PublishFirmwareStatusNotification"),
            "NotifyEVChargingSchedule",
        }
    ),
}
_Said = Callable[[str, Mapping[str, Any], datetime], StationSaid | None]


def said_by(
    version: Version, action: str, station: str, payload: Mapping[str, Any], heard: datetime
) -> StationSaid | None:
    """What a request says for the books; None where it says nothing. Raises ValueError for a time, a connector or a
    register that is none."""
    teller = _TELLERS.get((version, action))
    said = teller(station, payload, heard) if teller else None
    if isinstance(said, StatusSaid | SessionSaid):
        if said.connector is not None and not 0 <= said.connector < 1000:
            raise ValueError(f"{said.connector} is no connector of a station (0 to 999)")
        if isinstance(said, SessionSaid) and said.transaction == "":
            raise ValueError("transactionId: an empty text names no transaction")
    return said


def boot_answer(booked: Booked, now: datetime, heartbeat: int, pending: int) -> dict[str, Any]:
    """The answer to BootNotification. `interval` is the heartbeat's, or when to boot again."""
    interval = heartbeat if booked.registration == "Accepted" else pending
    return {"status": booked.registration, "currentTime": iso(now), "interval": interval}


def transaction_answer(version: Version, action: str, said: SessionSaid, booked: Booked) -> dict[str, Any]:
    """The answer to StartTransaction, StopTransaction or TransactionEvent."""
    card = token_answer(version, booked.card) if said.token is not None else {}
    return {"transactionId": int(booked.transaction), **card} if action == "StartTransaction" else card


def needs_answer(booked: Booked) -> dict[str, Any]:
    """The answer to NotifyEVChargingNeeds: a profile follows where the city steers the station, else nobody has one."""
    return {"status": "Accepted" if booked.held else "Rejected"}


def token_of(version: Version, payload: Mapping[str, Any]) -> str:
    """The card that Authorize asks about."""
    return str(payload["idTag"] if version == "1.6" else payload["idToken"]["idToken"])


def token_answer(version: Version, card: Verdict) -> dict[str, Any]:
    """The answer to Authorize, with the time after which a station that keeps the card must not believe it any more."""
    until = "expiryDate" if version == "1.6" else "cacheExpiryDateTime"
    told = {"status": card.status} | ({until: iso(card.until)} if card.until is not None else {})
    return {"idTagInfo" if version == "1.6" else "idTokenInfo": told}


def _boot_16(station: str, payload: Mapping[str, Any], heard: datetime) -> Booted:
    return Booted(
        station=station,
        protocol="1.6",
        at=heard,
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial=payload.get("chargePointSerialNumber", ""),
        firmware=payload.get("firmwareVersion", ""),
    )


def _boot_201(station: str, payload: Mapping[str, Any], heard: datetime) -> Booted:
    told = payload["chargingStation"]
    return Booted(
        station=station,
        protocol="2.0.1",
        at=heard,
        vendor=told["vendorName"],
        model=told["model"],
        serial=told.get("serialNumber", ""),
        firmware=told.get("firmwareVersion", ""),
    )


def _status_16(station: str, payload: Mapping[str, Any], heard: datetime) -> StatusSaid:
    return StatusSaid(
        station=station,
        connector=payload["connectorId"],
        status=payload["status"],
        at=parse_time(payload["timestamp"]) if "timestamp" in payload else heard,
        error=payload["errorCode"],
        info=" ".join(filter(None, (payload.get("vendorErrorCode"), payload.get("info")))),
    )


def _status_201(station: str, payload: Mapping[str, Any], _heard: datetime) -> StatusSaid:
    return StatusSaid(
        station=station,
        connector=payload["evseId"],
        status=payload["connectorStatus"],
        at=parse_time(payload["timestamp"]),
    )


def _start_16(station: str, payload: Mapping[str, Any], heard: datetime) -> SessionSaid:
    at = parse_time(payload["timestamp"])
    return SessionSaid(
        station=station,
        phase="started",
        at=at,
        connector=payload["connectorId"],
        token=payload["idTag"],
        meter_wh=_register(payload, "meterStart"),
        charging=True,
        offline=_late(at, heard),
    )


def _stop_16(station: str, payload: Mapping[str, Any], heard: datetime) -> SessionSaid:
    at = parse_time(payload["timestamp"])
    return SessionSaid(
        station=station,
        phase="ended",
        at=at,
        transaction=_given(payload["transactionId"]),
        token=payload.get("idTag"),
        meter_wh=_register(payload, "meterStop"),
        charging=False,
        reason=payload.get("reason", "Local"),
        offline=_late(at, heard),
    )


def _meter(station: str, payload: Mapping[str, Any], heard: datetime) -> SessionSaid | None:
    found = list(readings(payload.get("meterValue")))
    energy, soc, watts = latest(found, ENERGY), latest(found, CHARGE), power(found)
    metered = energy or below_zero(found)
    if metered is None and soc is None and watts is None:
        return None
    newest = max((r.at for r in found if isinstance(r, Reading)), default=heard)
    at = max((r.at for r in (metered, soc) if r is not None and r.at is not None), default=newest)
    transaction = payload.get("transactionId")
    return SessionSaid(
        station=station,
        phase="updated",
        at=at,
        connector=payload.get("connectorId", payload.get("evseId")),
        transaction=None if transaction is None else _given(transaction),
        meter_wh=metered.value if metered else None,
        power_w=watts,
        soc=soc.value if soc else None,
    )


def _event_201(station: str, payload: Mapping[str, Any], _heard: datetime) -> SessionSaid:
    found = list(readings(payload.get("meterValue")))
    energy, soc = latest(found, ENERGY) or below_zero(found), latest(found, CHARGE)
    told = payload["transactionInfo"]
    state = told.get("chargingState")
    phase = {"Started": "started", "Updated": "updated", "Ended": "ended"}[payload["eventType"]]
    return SessionSaid(
        station=station,
        phase=phase,  # type: ignore[arg-type]  # one of the three by the table above
        at=parse_time(payload["timestamp"]),
        connector=payload.get("evse", {}).get("id"),
        transaction=told["transactionId"],
        token=payload.get("idToken", {}).get("idToken"),
        meter_wh=energy.value if energy else None,
        power_w=power(found),
        soc=soc.value if soc else None,
        charging=None if state is None else state == "Charging",
        reason=told.get("stoppedReason", "Local") if phase == "ended" else None,
        offline=bool(payload.get("offline", False)),
    )


def _needs_201(station: str, payload: Mapping[str, Any], heard: datetime) -> NeedsSaid:
    told, evse = payload["chargingNeeds"], payload["evseId"]
    if not 0 < evse < 1000:
        raise ValueError(f"evseId: {evse!r} is no EVSE of a station (1 to 999)")
    ac, dc = told.get("acChargingParameters"), told.get("dcChargingParameters")
    energy, most = None, 0
    if ac is not None:
        energy = ac["energyAmount"]
        most = ac["evMaxCurrent"] * ac["evMaxVoltage"] * _PHASES.get(told["requestedEnergyTransfer"], 1)
    elif dc is not None:
        energy, most = dc.get("energyAmount"), dc.get("evMaxPower", dc["evMaxCurrent"] * dc["evMaxVoltage"])
        if energy is None and {"evEnergyCapacity", "stateOfCharge"} <= dc.keys():
            energy = dc["evEnergyCapacity"] * max(dc.get("fullSoC", 100) - dc["stateOfCharge"], 0) / 100
    return NeedsSaid(
        station=station,
        connector=evse,
        at=heard,
        energy_wh=None if energy is None else float(min(max(energy, 0), _MOST_WH)),
        departs_at=parse_time(told["departureTime"]) if "departureTime" in told else None,
        most_w=float(min(most, _MOST_W)) if most > 0 else None,
    )


def _report_201(station: str, payload: Mapping[str, Any], heard: datetime) -> VariablesSaid:
    return VariablesSaid(station=station, at=heard, variables=reported(payload))


def _certificate(station: str, payload: Mapping[str, Any], heard: datetime) -> CertificateAsked:
    return CertificateAsked(station=station, at=heard, request=payload["csr"])


def _given(transaction: int | str) -> str | None:
    """A transaction's id. Stations of 1.6 name one that they never got an id for 0 or below: those are not one and the
    same."""
    return None if isinstance(transaction, int) and transaction <= 0 else str(transaction)


def _register(payload: Mapping[str, Any], name: str) -> float:
    value = payload[name]
    if abs(value) > _MOST_REGISTER_WH:
        raise ValueError(f"{name}: no register of energy reads so much (in Wh)")
    return float(value)


def _late(at: datetime, heard: datetime) -> bool:
    """1.6 does not say that it was offline: who tells more than a minute later was."""
    return (heard - at).total_seconds() > 60


_MOST_REGISTER_WH = 10**15
_MOST_WH, _MOST_W = 10_000_000, 10_000_000
"""What no vehicle asks for: more is taken for this much."""
_PHASES = {"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}
"""A vehicle tells its current and voltage for each phase."""
_TELLERS: Mapping[tuple[Version, str], _Said] = {
    ("1.6", "BootNotification"): _boot_16,
    ("2.0.1", "BootNotification"): _boot_201,
    ("1.6", "StatusNotification"): _status_16,
    ("2.0.1", "StatusNotification"): _status_201,
    ("1.6", "StartTransaction"): _start_16,
    ("1.6", "StopTransaction"): _stop_16,
    ("1.6", "MeterValues"): _meter,
    ("2.0.1", "MeterValues"): _meter,
    ("2.0.1", "TransactionEvent"): _event_201,
    ("2.0.1", "NotifyEVChargingNeeds"): _needs_201,
    ("2.0.1", "NotifyReport"): _report_201,
    ("1.6", "SignCertificate"): _certificate,
    ("2.0.1", "SignCertificate"): _certificate,
}
