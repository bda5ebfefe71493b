"""CAP documents are valid against the OASIS schema, say what they should, and form a chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from broker.delivery.atom import Entry, atom_feed
from schemas.device import DeviceProfile, Point
from schemas.river import Mode, Stage, Trend
from services.alerting.cap import cap_document
from services.alerting.lifecycle import Alert, Gauge, Message, Situation, Step, compose, next_step
from services.alerting.rulebook import load_rules
from tests.field import beside

NOON = datetime(2024, 7, 1, 3, 0, tzinfo=UTC)
PROFILE = DeviceProfile(name="江波", river="天王川", address="越前町江波", location=Point((136.07416, 35.9425)))
PLACE = Gauge("urn:ngsi-ld:WaterObserved:180009:124", "124", PROFILE)


def alert(mode: Mode = Mode.ACTUAL) -> Alert:
    entity = PLACE.entity_id
    return Alert(id="urn:ngsi-ld:Alert:180009:124:1", entity_id=entity, mode=mode, rank=-2, highest=-2, issued_at=NOON)


def chain(*steps: tuple[Step, Stage], mode: Mode = Mode.ACTUAL, place: Gauge = PLACE) -> list[Message]:
    book, current, messages = load_rules(""), alert(mode), []
    for minutes, (step, stage) in enumerate(steps):
        now = Situation(stage.rank, 2.034, NOON, Trend.RISING, "danger-at-once")
        sent = NOON + timedelta(minutes=minutes)
        current, message = compose(step, current, place, now, book, sent_at=sent, government_code="180009")
        messages.append(message)
    return messages


WHOLE = (
    (Step.ALERT, Stage.CAUTION),
    (Step.UPDATE, Stage.DANGER),
    (Step.UPDATE, Stage.CAUTION),
    (Step.CLEAR, Stage.BELOW),
)


def parse(message: Message) -> etree._Element:
    return etree.fromstring(cap_document(message).encode())


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(beside("specs/cap/CAP-v1.2.xsd")))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("last", [(Step.CLEAR, Stage.BELOW), (Step.CANCEL, Stage.BELOW)])
def test_every_message_is_valid(schema: etree.XMLSchema, mode: Mode, last: tuple[Step, Stage]) -> None:
    for message in chain(*WHOLE[:3], last, mode=mode):
        schema.assertValid(parse(message))


def test_a_gauge_of_which_nothing_is_known_makes_a_valid_message(schema: etree.XMLSchema) -> None:
    bare = Gauge("urn:ngsi-ld:WaterObserved:x", "x", DeviceProfile())
    (message,) = chain((Step.ALERT, Stage.DANGER), place=bare)
    schema.assertValid(parse(message))


@given(st.text(), st.text())
def test_any_name_makes_a_document(name: str, river: str) -> None:
    place = Gauge(PLACE.entity_id, "124", DeviceProfile(name=name, river=river))
    (message,) = chain((Step.ALERT, Stage.DANGER), place=place)
    assert parse(message).findtext("{*}identifier") == message.identifier


def test_an_all_clear_is_an_update_and_a_cancel_retracts() -> None:
    *_, clear = chain(*WHOLE)
    assert parse(clear).findtext("{*}msgType") == "Update"
    assert {r.text for r in parse(clear).findall("{*}info/{*}responseType")} == {"AllClear"}
    _, cancel = chain((Step.ALERT, Stage.DANGER), (Step.CANCEL, Stage.BELOW))
    assert parse(cancel).findtext("{*}msgType") == "Cancel"
    assert {r.text for r in parse(cancel).findall("{*}info/{*}responseType")} == {"None"}


def test_each_message_refers_to_all_before_it() -> None:
    first, second, third, _ = chain(*WHOLE)
    assert parse(first).find("{*}references") is None
    assert parse(third).findtext("{*}references") == (
        f"flood@city.example,{first.identifier},2024-07-01T12:00:00+09:00"
        f" flood@city.example,{second.identifier},2024-07-01T12:01:00+09:00"
    )


def test_what_a_document_says() -> None:
    _, danger, *_ = chain(*WHOLE, mode=Mode.EXERCISE)
    document = parse(danger)
    assert document.findtext("{*}status") == "Exercise"
    assert [i.findtext("{*}language") for i in document.findall("{*}info")] == ["ja-JP", "en"]
    japanese = document.find("{*}info")
    assert japanese is not None
    assert japanese.findtext("{*}headline") == "【訓練】天王川（江波） 氾濫危険水位に変化"
    assert "7月1日12:00" in str(japanese.findtext("{*}description"))
    assert japanese.findtext("{*}severity") == "Severe"
    assert japanese.findtext("{*}urgency") == "Immediate"
    assert japanese.findtext("{*}area/{*}circle") == "35.94250,136.07416 2"
    assert japanese.findtext("{*}area/{*}geocode/{*}value") == "180009"


@pytest.mark.parametrize(
    ("active", "rank", "why", "step"),
    [
        (None, 1, "consecutive", None),
        (None, 2, "consecutive", Step.ALERT),
        (2, 4, "danger-at-once", Step.UPDATE),
        (4, 2, "margin-and-dwell", Step.UPDATE),
        (2, 2, "consecutive", None),
        (2, 1, "margin-and-dwell", Step.CLEAR),
        (2, 0, "first-reading", Step.CANCEL),
        (2, -1, "no-thresholds", Step.CANCEL),
    ],
)
def test_what_to_send(active: int | None, rank: int, why: str, step: Step | None) -> None:
    current = (
        None
        if active is None
        else Alert(id="a", entity_id="e", mode=Mode.ACTUAL, rank=active, highest=active, issued_at=NOON)
    )
    assert next_step(current, rank, Stage.CAUTION.rank, why) is step


def test_an_empty_feed_is_a_feed() -> None:
    feed = etree.fromstring(atom_feed([], title="t", author="a", url="https://c.example", updated=NOON).encode())
    assert feed.findtext("{*}updated") == "2024-07-01T03:00:00Z"
    full = atom_feed([Entry("i-1", NOON, "見出し", "本文", "exercise")], title="t", author="a", url="u", updated=NOON)
    entry = etree.fromstring(full.encode()).find("{*}entry")
    assert entry is not None
    assert entry.findtext("{*}title") == "見出し"
