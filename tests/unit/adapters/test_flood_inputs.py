"""Rain, dams and flood notices: the messages of the handbook, and how each wrong thing is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dam.routes import ROUTES as DAM
from adapters.flood_notice.routes import ROUTES as NOTICE
from adapters.rain_gauge.routes import ROUTES as RAIN
from schemas.observation import Observation, Reason, Received, Rejection, encode_arrival

AT = datetime(2023, 7, 12, 22, 20, tzinfo=UTC)
HANDBOOK = Path(__file__).parents[3] / "docs" / "devices" / "flood-inputs.md"
BY_FAMILY = {route.family: route for route in (*RAIN, *DAM, *NOTICE)}
NOTICE_MESSAGE = {"t": AT.isoformat(), "kind": "water-level", "status": "actual", "headline": "足羽川"}


def decode(family: str, message: Any) -> Sequence[Observation | Rejection]:
    route = BY_FAMILY[family]
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return route.decode(route.filter.replace("+", "x1"), payload)


def values(outcomes: Sequence[Observation | Rejection]) -> dict[str, Any]:
    assert all(isinstance(one, Observation) and one.observed_at == AT for one in outcomes)
    return {one.property: one.value for one in outcomes if isinstance(one, Observation)}


def test_the_messages_of_the_handbook() -> None:
    rain, dam, notice = (json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", HANDBOOK.read_text("utf-8")))
    assert values(decode("rain_gauge", rain)) == {
        "precipitation10min": 12.5,
        "precipitation": 43.0,
        "precipitationTotal": 181.5,
    }
    assert values(decode("dam", dam)) == {
        "reservoirLevel": 302.41,
        "inflow": 210.4,
        "outflow": 180.0,
        "storageVolume": 31_200_000.0,
        "storageRate": 92.0,
    }
    found = values(decode("flood_notice", notice))
    assert (found["noticeKind"], found["warningLevel"], found["noticeStatus"]) == ("flood-forecast", 3, "actual")
    assert (found["headline"], found["ended"]) == ("九頭竜川 氾濫警戒情報", False)


@pytest.mark.parametrize(
    ("family", "message", "reason", "field"),
    [
        ("rain_gauge", {"t": AT.isoformat(), "hour": -1}, Reason.OUT_OF_RANGE, "hour"),
        ("rain_gauge", {"t": AT.isoformat(), "tenMinutes": 430}, Reason.OUT_OF_RANGE, "tenMinutes"),
        ("rain_gauge", {"t": AT.isoformat(), "total": None}, Reason.SENSOR_FAULT, "total"),
        ("rain_gauge", {"t": "?", "total": 1}, Reason.BAD_TIME, "t"),
        ("rain_gauge", {"total": 1}, Reason.BAD_TIME, "t"),
        ("rain_gauge", {"t": AT.isoformat()}, Reason.WRONG_SHAPE, "tenMinutes"),
        ("dam", {"t": AT.isoformat(), "inflow": "12"}, Reason.WRONG_SHAPE, "inflow"),
        ("dam", b'{"t": 1689200400, "inflow": NaN}', Reason.NOT_A_NUMBER, "inflow"),
        ("dam", [], Reason.WRONG_SHAPE, None),
        ("dam", [7], Reason.WRONG_SHAPE, "level"),
        ("flood_notice", {**NOTICE_MESSAGE, "kind": "洪水予報"}, Reason.WRONG_SHAPE, "kind"),
        ("flood_notice", {**NOTICE_MESSAGE, "status": None}, Reason.WRONG_SHAPE, "status"),
        ("flood_notice", {**NOTICE_MESSAGE, "level": 6}, Reason.WRONG_SHAPE, "level"),
        ("flood_notice", {**NOTICE_MESSAGE, "level": True}, Reason.WRONG_SHAPE, "level"),
        ("flood_notice", {**NOTICE_MESSAGE, "over": "yes"}, Reason.WRONG_SHAPE, "over"),
        ("flood_notice", {**NOTICE_MESSAGE, "headline": " "}, Reason.WRONG_SHAPE, "headline"),
        ("flood_notice", {**NOTICE_MESSAGE, "text": "\ud800"}, Reason.NOT_UTF8, None),
        ("flood_notice", {**NOTICE_MESSAGE, "text": "a\0"}, Reason.WRONG_SHAPE, "text"),
        ("flood_notice", {**NOTICE_MESSAGE, "t": None}, Reason.BAD_TIME, "t"),
        ("flood_notice", [NOTICE_MESSAGE], Reason.WRONG_SHAPE, "kind"),
    ],
)
def test_what_is_wrong_is_named(family: str, message: Any, reason: Reason, field: str | None) -> None:
    (found,) = decode(family, message)
    assert isinstance(found, Rejection)
    assert (found.reason, found.field, found.device) == (reason, field, "x1")


def test_a_wrong_value_spoils_no_other() -> None:
    good, bad, later = decode("rain_gauge", [{"t": AT.isoformat(), "hour": 3, "total": "*"}, {"t": 1, "hour": 4}])
    assert isinstance(good, Observation)
    assert isinstance(bad, Rejection)
    assert isinstance(later, Observation)


@pytest.mark.parametrize("family", BY_FAMILY)
@given(topic=st.text(), payload=st.binary() | st.from_type(dict).map(lambda one: repr(one).encode("utf-8", "replace")))
def test_no_bytes_break_it(family: str, topic: str, payload: bytes) -> None:
    check: Callable[[str, bytes], Sequence[Observation | Rejection]] = BY_FAMILY[family].decode
    assert check(topic, payload)
    assert decode(family, payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda one: st.lists(one),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from(["t", "kind", "level", "status", "headline", "text", "over"]), _JSON))
def test_whatever_a_notice_holds_can_be_kept(changes: dict[str, Any]) -> None:
    outcomes = decode("flood_notice", {**NOTICE_MESSAGE, **changes})
    observations = tuple(one for one in outcomes if isinstance(one, Observation))
    rejections = tuple(one for one in outcomes if isinstance(one, Rejection))
    record = Received(
        tenant="t",
        device="x1",
        topic="",
        payload=b"",
        received_at=AT,
        way="mqtt",
        observations=observations,
        rejections=rejections,
    )
    assert encode_arrival(record)
    assert outcomes
