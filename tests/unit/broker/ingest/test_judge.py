"""Every element of a message gets its own decision, and the decision says why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from broker.ingest.intake import record_of
from broker.ingest.judge import Judge
from broker.ingest.ports import AdapterRoute, Inbound
from broker.store.devices import Device
from schemas.device import DeviceProfile
from schemas.observation import Observation, Reason, Received, Rejection, decode_arrival
from tests.unit.broker.ingest.registries import WrittenRegistry

NOW = datetime(2023, 7, 13, 0, 0, tzinfo=UTC)
NETWORK = Device("fukui", "telemetry", "river_gauge", kind="network")
GAUGE = Device("fukui", "gauge-1", "river_gauge", profile=DeviceProfile(valid_range={"waterLevel": (-2.0, 10.0)}))


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """Payload: `device=level` pairs separated by spaces; `!` stands for a decoder that has a fault."""
    if payload == b"!":
        raise ZeroDivisionError
    pairs = (part.split("=") for part in payload.decode().split())
    return [Observation(device=d, property="waterLevel", value=float(v), observed_at=NOW) for d, v in pairs]


ROUTES = (AdapterRoute("city/river/+/up", "river_gauge", decode),)


def message(payload: str, sender: str = "telemetry", topic: str = "city/river/x/up") -> Inbound:
    return Inbound("fukui", sender, topic, payload.encode(), NOW, "endpoint")


def reasons(judge: Judge, inbound: Inbound) -> list[Reason]:
    return [rejection.reason for rejection in judge.judge(inbound).rejections]


def test_what_is_right_is_accepted_with_its_bytes() -> None:
    record = Judge(ROUTES, WrittenRegistry(NETWORK, GAUGE)).judge(message("gauge-1=2.5"))
    assert [o.value for o in record.observations] == [2.5]
    assert record.rejections == ()
    assert record.payload == b"gauge-1=2.5"
    assert record.family == "river_gauge"


def test_one_wrong_element_does_not_take_the_others_with_it() -> None:
    record = Judge(ROUTES, WrittenRegistry(NETWORK, GAUGE)).judge(message("gauge-1=2.5 gauge-1=99 gauge-1=3"))
    assert [o.value for o in record.observations] == [2.5, 3.0]
    assert [(r.reason, r.field) for r in record.rejections] == [(Reason.OUT_OF_RANGE, "waterLevel")]


@pytest.mark.parametrize(("policy", "reason"), [("reject", Reason.UNKNOWN_DEVICE), ("quarantine", Reason.QUARANTINED)])
def test_an_unknown_device_is_dealt_with_by_the_tenants_policy(policy: str, reason: Reason) -> None:
    judge = Judge(ROUTES, WrittenRegistry(NETWORK, unknown=policy))
    assert reasons(judge, message("stranger=1")) == [reason]


def test_a_suspended_device_is_refused() -> None:
    judge = Judge(ROUTES, WrittenRegistry(NETWORK, GAUGE._replace(status="suspended")))
    assert reasons(judge, message("gauge-1=1")) == [Reason.SUSPENDED]


def test_a_policy_silences_one_device_whoever_speaks_for_it() -> None:
    judge = Judge(
        ROUTES, WrittenRegistry(NETWORK, GAUGE, GAUGE._replace(id="gauge-2")), None, lambda d: d.id != "gauge-1"
    )
    record = judge.judge(message("gauge-1=1 gauge-2=2"))
    assert [(o.device, o.value) for o in record.observations] == [("gauge-2", 2.0)]
    assert [(r.reason, r.device) for r in record.rejections] == [(Reason.FORBIDDEN, "gauge-1")]


def test_a_device_speaks_only_for_itself() -> None:
    judge = Judge(ROUTES, WrittenRegistry(GAUGE, GAUGE._replace(id="gauge-2")))
    assert reasons(judge, message("gauge-1=1", sender="gauge-1")) == []
    assert reasons(judge, message("gauge-2=1", sender="gauge-1")) == [Reason.NOT_YOURS]


def test_a_network_speaks_only_for_its_family() -> None:
    judge = Judge(ROUTES, WrittenRegistry(NETWORK._replace(family="ev_charger"), GAUGE))
    assert reasons(judge, message("gauge-1=1")) == [Reason.NOT_YOURS]


def test_families_that_share_a_topic_filter_are_told_apart_by_the_sender() -> None:
    """All uplinks of a LoRaWAN network server look alike; which family's payload it is, the registry knows."""
    routes = (*ROUTES, AdapterRoute("city/river/+/up", "rain_gauge", decode))
    rain = Device("fukui", "rain-1", "rain_gauge")
    judge = Judge(routes, WrittenRegistry(NETWORK, GAUGE, rain))
    assert judge.judge(message("rain-1=1", sender="rain-1")).family == "rain_gauge"
    assert judge.judge(message("gauge-1=1", sender="gauge-1")).family == "river_gauge"
    assert judge.judge(message("gauge-1=1", sender="unheard-of")).family == "river_gauge"


def test_a_topic_of_no_adapter_is_named() -> None:
    record = Judge(ROUTES, WrittenRegistry(NETWORK)).judge(message("x=1", topic="home/kitchen"))
    assert [r.reason for r in record.rejections] == [Reason.UNKNOWN_TOPIC]
    assert "home/kitchen" in record.rejections[0].detail


def test_a_decoder_with_a_fault_is_a_rejection_with_the_bytes() -> None:
    record = Judge(ROUTES, WrittenRegistry(NETWORK)).judge(message("!"))
    assert [r.reason for r in record.rejections] == [Reason.DECODER_FAILED]
    assert record.payload == b"!"


@pytest.mark.parametrize(("unit", "value"), [("m\ud800", 1.0), ("m", 2**70), ("m\ud800", 99.0)])
def test_what_no_record_can_hold_is_a_rejection_with_the_bytes(unit: str, value: float) -> None:
    def careless(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
        return [Observation(device="gauge-1", property=unit, value=value, observed_at=NOW)]

    judge = Judge((AdapterRoute("city/river/+/up", "river_gauge", careless),), WrittenRegistry(NETWORK, GAUGE))
    kept = decode_arrival(record_of(judge.judge(message("what came"))).value)
    assert isinstance(kept, Received)
    assert [rejection.reason for rejection in kept.rejections] == [Reason.DECODER_FAILED]
    assert (kept.observations, kept.payload) == ((), b"what came")


def test_an_observation_that_cannot_be_checked_is_a_rejection_too() -> None:
    def careless(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
        return [Observation(device="gauge-1", property="waterLevel", value=1.0, observed_at="noon")]  # type: ignore[arg-type]

    judge = Judge((AdapterRoute("city/river/+/up", "river_gauge", careless),), WrittenRegistry(NETWORK, GAUGE))
    assert reasons(judge, message("x")) == [Reason.DECODER_FAILED]
