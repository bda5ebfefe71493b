"""From requests to the city's words: what a version leaves unsaid is what its standard says that it means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from ocpp.messages import CallResult, validate_payload

from adapters.ev_charger.frames import Version
from adapters.ev_charger.saying import needs_answer, said_by, token_answer, transaction_answer
from schemas.charging import Booked, NeedsSaid, SessionSaid, Verdict

AT = "2026-11-21T09:00:00Z"
HEARD = datetime(2026, 11, 21, 9, 0, 30, tzinfo=UTC)


def event(kind: str, **info: Any) -> SessionSaid:
    payload = {"eventType": kind, "timestamp": AT, "triggerReason": "Trigger", "seqNo": 1,
               "transactionInfo": {"transactionId": "T-1", **info}}  # fmt: skip
    said = said_by("2.0.1", "TransactionEvent", "EV-1", payload, HEARD)
    assert isinstance(said, SessionSaid)
    return said


def test_an_end_without_a_reason_is_a_local_one() -> None:
    assert event("Ended").reason == "Local"
    assert event("Ended", stoppedReason="PowerLoss").reason == "PowerLoss"
    assert event("Updated").reason is None


def test_a_start_told_hours_later_was_told_offline() -> None:
    told = {"connectorId": 1, "idTag": "CARD", "meterStart": 5, "timestamp": "2026-11-21T05:00:00Z"}
    said = said_by("1.6", "StartTransaction", "EV-1", told, HEARD)
    assert isinstance(said, SessionSaid)
    assert (said.offline, said.meter_wh, said.transaction) == (True, 5.0, None)
    answer = transaction_answer("1.6", "StartTransaction", said, Booked("17", Verdict("Blocked")))
    assert answer == {"transactionId": 17, "idTagInfo": {"status": "Blocked"}}


@pytest.mark.parametrize("version", get_args(Version))
async def test_a_station_that_keeps_a_card_hears_until_when(version: Version) -> None:
    answer = token_answer(version, Verdict("Accepted", HEARD))
    await validate_payload(CallResult("1", answer, action="Authorize"), version)
    assert "2026-11-21T09:00:30Z" in str(answer)
    assert token_answer("1.6", Verdict()) == {"idTagInfo": {"status": "Accepted"}}


def test_a_stop_that_names_no_transaction_is_none_s() -> None:
    told = {"transactionId": -1, "meterStop": 5, "timestamp": AT}
    said = said_by("1.6", "StopTransaction", "EV-1", told, HEARD)
    assert isinstance(said, SessionSaid)
    assert said.transaction is None


@pytest.mark.parametrize(
    ("action", "told", "why"),
    [
        ("StatusNotification", {"connectorId": 70_000, "errorCode": "NoError", "status": "Available"}, "70000"),
        ("StartTransaction", {"connectorId": 1, "idTag": "C", "meterStart": 10**400, "timestamp": AT}, "meterStart"),
    ],
)
def test_numbers_that_nothing_has_are_the_sender_s_fault(action: str, told: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        said_by("1.6", action, "EV-1", told, HEARD)


def test_a_register_below_zero_is_told_to_the_session_and_an_old_power_is_old() -> None:
    def meter(value: str, measurand: str) -> SessionSaid:
        block = {"timestamp": AT, "sampledValue": [{"value": value, "measurand": measurand}]}
        said = said_by("1.6", "MeterValues", "EV-1", {"connectorId": 1, "meterValue": [block]}, HEARD)
        assert isinstance(said, SessionSaid)
        return said

    assert meter("-5", "Energy.Active.Import.Register").meter_wh == -5
    assert meter("3000", "Power.Active.Import").at == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert said_by("1.6", "MeterValues", "EV-1", {"connectorId": 1, "meterValue": [
        {"timestamp": AT, "sampledValue": [{"value": "1e308", "unit": "kWh"}]}]}, HEARD) is None  # fmt: skip


def needs(transfer: str, evse: int = 1, **told: Any) -> NeedsSaid:
    payload = {"evseId": evse, "chargingNeeds": {"requestedEnergyTransfer": transfer, **told}}
    said = said_by("2.0.1", "NotifyEVChargingNeeds", "EV-1", payload, HEARD)
    assert isinstance(said, NeedsSaid)
    return said


def test_what_a_vehicle_asks_for() -> None:
    ac = {"energyAmount": 12_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 200}
    asked = needs("AC_three_phase", departureTime=AT, acChargingParameters=ac)
    assert (asked.energy_wh, asked.most_w, asked.at) == (12_000, 9600, HEARD)
    assert asked.departs_at == datetime(2026, 11, 21, 9, tzinfo=UTC)
    dc = {"evMaxCurrent": 125, "evMaxVoltage": 400, "stateOfCharge": 30, "evEnergyCapacity": 60_000, "fullSoC": 80}
    asked = needs("DC", dcChargingParameters=dc)
    assert (asked.energy_wh, asked.most_w, asked.departs_at) == (30_000, 50_000, None)
    assert needs("DC").most_w is None
    with pytest.raises(ValueError, match="evseId"):
        needs("DC", evse=0)
    assert [needs_answer(Booked(held=held))["status"] for held in (True, False)] == ["Accepted", "Rejected"]


def test_a_time_that_is_none_is_the_sender_s_fault() -> None:
    told = {"transactionId": 1, "meterStop": 5, "timestamp": "yesterday"}
    with pytest.raises(ValueError, match="ISO 8601"):
        said_by("1.6", "StopTransaction", "EV-1", told, HEARD)
