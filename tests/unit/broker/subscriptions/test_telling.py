"""Which changes a subscription is told of, and how."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from broker.errors import Invalid
from broker.jsonld.context import CORE
from broker.subscriptions.documents import parse_subscription, patched
from broker.subscriptions.telling import concerned, told_entity
from schemas.change import Change

NOW = datetime(2026, 7, 1, tzinfo=UTC)
LOW: dict[str, Any] = {"type": "Property", "value": 1}
HIGH: dict[str, Any] = {"type": "Property", "value": 2}


def subscription(**more: Any) -> dict[str, Any]:
    return {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "https://receiver.example/"}},
        **more,
    }


def change(op: Literal["create", "update", "delete"] = "update", **more: Any) -> Change:
    return Change(tenant="fukui", entity="urn:g:1", type=("Gauge",), op=op, version=2, at=NOW, **more)


def test_the_defaults_tell_of_new_and_changed_attributes_only() -> None:
    doc = subscription()
    assert concerned(doc, change("create", attributes={"level": LOW}))
    assert concerned(doc, change(attributes={"level": HIGH}, previous={"level": LOW}))
    assert not concerned(doc, change(attributes={"level": None}, previous={"level": LOW}))
    assert not concerned(doc, change("delete"))


def test_other_attributes_other_entities_and_other_kinds_are_not_told() -> None:
    updated = change(attributes={"level": HIGH}, previous={"level": LOW})
    assert not concerned(subscription(watchedAttributes=["rain"]), updated)
    assert not concerned(subscription(entities=[{"type": "Rain"}]), updated)
    assert not concerned(subscription(entities=[{"type": "Gauge", "id": "urn:g:2"}]), updated)
    assert concerned(subscription(entities=[{"type": "Gauge", "idPattern": "urn:g:.*"}]), updated)
    assert not concerned(subscription(notificationTrigger=["entityDeleted"]), updated)


def test_a_change_is_told_with_what_was_before() -> None:
    doc = subscription()
    doc["notification"]["showChanges"] = True
    told = told_entity(
        doc, change(attributes={"level": HIGH}, previous={"level": LOW}), {"id": "urn:g:1", "level": HIGH}
    )
    assert told["level"] == {**HIGH, "previousValue": 1}


def test_what_was_deleted_is_told_as_null() -> None:
    doc = subscription(notificationTrigger=["attributeDeleted"])
    told = told_entity(doc, change(attributes={"level": None}, previous={"level": LOW}), {"id": "urn:g:1"})
    assert told["level"] == {"type": "Property", "value": "urn:ngsi-ld:null"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"type": "Subscripton"}, "type"),
        ({"entities": []}, "entities"),
        ({"watchedAttributes": []}, "watchedAttributes"),
        ({"throttling": -1}, "throttling"),
        ({"timeInterval": 5, "throttling": 5}, "timeInterval"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"notification": {}}, "notification.endpoint.uri"),
        ({"notificationTrigger": ["whenever"]}, "notificationTrigger"),
        ({"q": "level>"}, "q"),
        ({"geoQ": {"georel": "near", "geometry": "Point"}}, "coordinates"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_subscription(subscription(**wrong), CORE, NOW)
    assert error.value.field == field


def test_null_in_a_fragment_takes_a_member_away_and_the_id_stays() -> None:
    stored = {"id": "urn:s:1", **subscription(throttling=5)}
    assert "throttling" not in patched(stored, {"throttling": None})
    with pytest.raises(Invalid, match="cannot be changed"):
        patched(stored, {"id": "urn:s:2"})
