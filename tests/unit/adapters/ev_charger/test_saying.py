"""From requests to the city's words: what a version leaves unsaid is what its standard says that it means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.ev_charger.saying import said_by, transaction_answer
from schemas.charging import Booked, SessionSaid

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


def test_a_time_that_is_none_is_the_sender_s_fault() -> None:
    told = {"transactionId": 1, "meterStop": 5, "timestamp": "yesterday"}
    with pytest.raises(ValueError, match="ISO 8601"):
        said_by("1.6", "StopTransaction", "EV-1", told, HEARD)
