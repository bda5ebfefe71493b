"""From requests to the city's words: what a version leaves unsaid is what its standard says that it means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.ev_charger.saying import needs_answer, said_by, transaction_answer
from schemas.charging import Booked, NeedsSaid, SessionSaid

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
    answer = transaction_answer("1.6", "StartTransaction", said, Booked("17", "Blocked"))
    assert answer == {"transactionId": 17, "idTagInfo": {"status": "Blocked"}}


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
