"""Before the log: pseudonyms for tags, seals for what was rejected, the right time, and not a trace of either."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.watch_tag.routes import ROUTES
from broker.errors import Invalid
from broker.ingest.judge import Judge
from broker.ingest.personal import Curtain
from broker.ingest.ports import AdapterRoute, Inbound
from broker.store.devices import Device
from broker.veil import Veil
from schemas.detection import CLOCK_AHEAD, CLOCK_CORRECTED, SENT_LATE
from schemas.device import DeviceProfile, Point
from schemas.observation import Reason, Received, encode_arrival
from tests.unit.broker.ingest.registries import WrittenRegistry

NOW = datetime(2026, 11, 23, 23, 2, 5, tzinfo=UTC)
UUID = "fda50693a4e24fb1afcfc6eb07647825"
FRAME = "0201061aff4c000215" + UUID + "000a0007c5"
GATE = Device("kakogawa", "gate-1", "watch_tag", profile=DeviceProfile(location=Point((134.84, 34.76))))
BARE = Device("kakogawa", "bare", "watch_tag")
NETWORK = Device("kakogawa", "gateways", "watch_tag", kind="network")
REGISTRY = WrittenRegistry(GATE, BARE, NETWORK)
VEIL = Veil(bytes(range(32)), 30)
JUDGE = Judge(ROUTES, REGISTRY, Curtain(VEIL))
HOME = "home/gate-1/BTtoMQTT/AABBCCDDEEFF"


def judged(payload: Any, topic: str = "city/tag/gate-1/up", sender: str = "gate-1", judge: Judge = JUDGE) -> Received:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return judge.judge(Inbound("kakogawa", sender, topic, data, NOW, "endpoint"))


def sighting(**more: Any) -> dict[str, Any]:
    return {"adv": FRAME, "rssi": -67, **more}


def test_the_log_has_the_pseudonym_and_neither_topic_nor_bytes() -> None:
    record = judged({"sightings": [sighting()]})
    (seen,) = record.detections
    assert seen.tag == VEIL.pseudonym("kakogawa", f"ibeacon:{UUID}:10:7", VEIL.epoch_of(NOW))
    assert (seen.device, seen.place, seen.observed_at, seen.rssi) == ("gate-1", (134.84, 34.76), NOW, -67)
    assert (record.payload, record.topic, record.observations) == (b"", "city/tag/+/up", ())
    assert UUID.encode() not in encode_arrival(record)


@pytest.mark.parametrize(
    ("payload", "topic", "sender"),
    [
        (f'{{"sightings": "{UUID}"'.encode(), "city/tag/gate-1/up", "gate-1"),
        ({"sightings": [sighting(), sighting(rssi=UUID)]}, "city/tag/gate-1/up", "gate-1"),
        ({"id": UUID, "uuid": UUID, "major": UUID, "minor": 1, "rssi": -7}, f"home/gate-1/BTtoMQTT/{UUID}", "gateways"),
        ({"sightings": [sighting()]}, "city/tag/stranger/up", "gateways"),
        ({"uuid": UUID}, f"no/such/topic/{UUID}", "gateways"),
        ({"sightings": [sighting()]}, "city/tag/bare/up", "bare"),
    ],
)
def test_what_is_rejected_is_sealed_and_opens_again(payload: Any, topic: str, sender: str) -> None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    record = judged(data, topic, sender)
    assert record.rejections
    assert UUID.encode() not in encode_arrival(record)
    kept = Inbound("kakogawa", sender, record.topic, record.payload, NOW, "replay")
    again = JUDGE.judge(kept)
    assert [r.reason for r in again.rejections] == [r.reason for r in record.rejections]
    assert again.detections == record.detections
    with pytest.raises(Invalid, match="CITYOS_TAGS_KEY"):
        Judge(ROUTES, REGISTRY).judge(kept)


def test_passers_by_are_counted_and_nothing_of_them_is_kept() -> None:
    record = judged({"id": "AA:BB:CC:DD:EE:FF", "rssi": -70, "name": "phone"}, HOME, "gateways")
    assert [r.reason for r in record.rejections] == [Reason.NOT_A_TAG]
    assert record.payload == b""
    assert b"AA:BB" not in encode_arrival(record)


def test_a_decoder_that_fails_is_logged_without_a_value(caplog: pytest.LogCaptureFixture) -> None:
    def broken(topic: str, payload: bytes) -> Any:
        raise ValueError(payload.decode())

    judge = Judge([AdapterRoute("city/tag/+/up", "watch_tag", broken, personal=True)], REGISTRY, Curtain(VEIL))
    with caplog.at_level(logging.DEBUG):
        record = judged(UUID.encode(), judge=judge)
    assert [r.reason for r in record.rejections] == [Reason.DECODER_FAILED]
    assert UUID not in caplog.text + record.rejections[0].detail
    assert UUID.encode() not in encode_arrival(record)


@pytest.mark.parametrize(
    ("sent", "heard", "expected", "flags"),
    [
        (0, -4, -4, ()),
        (3600, 3596, -4, (CLOCK_CORRECTED,)),
        (-3600, -3604, -3604, (SENT_LATE,)),
        (None, 2, 0, ()),
        (None, 60, 0, (CLOCK_AHEAD,)),
        (None, -7200, -7200, ()),
    ],
)
def test_a_detectors_clock_is_put_right_or_flagged(
    sent: int | None, heard: int, expected: int, flags: tuple[str, ...]
) -> None:
    def at(seconds: int) -> str:
        return (NOW + timedelta(seconds=seconds)).isoformat()

    message: dict[str, Any] = {"sightings": [sighting(t=at(heard))]}
    if sent is not None:
        message["sent"] = at(sent)
    (seen,) = judged(message).detections
    assert (seen.observed_at - NOW, seen.flags) == (timedelta(seconds=expected), flags)


def test_a_time_far_ahead_is_refused() -> None:
    record = judged({"sightings": [sighting(t=(NOW + timedelta(hours=2)).isoformat())]})
    assert [r.reason for r in record.rejections] == [Reason.TIME_IN_FUTURE]
