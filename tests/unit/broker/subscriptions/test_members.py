"""What no process that serves everybody could read is refused before it is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from broker.errors import Invalid
from broker.federation.source import source_of
from broker.jsonld.context import CORE
from broker.ngsi_v2.subscriptions import parse_v2_subscription
from broker.subscriptions.discovery import fitting, sought_by
from broker.subscriptions.documents import parse_registration, parse_subscription
from broker.subscriptions.telling import shape_of

NOW = datetime(2026, 7, 1, tzinfo=UTC)
ODD = [5, -1, 1e300, 10**18, True, "", "日本", "A;", "2020-01-01", [], [5], ["a"], [["a"]], [{}], {}, {"a": 1}, "\0"]
NEAR = {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [136.2, 36.0]}
AFTER = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
SUBSCRIPTION: dict[str, Any] = {
    "type": "Subscription",
    "id": "urn:ngsi-ld:Subscription:1",
    "entities": [{"type": "Gauge"}],
    "notification": {"endpoint": {"uri": "https://receiver.example/"}},
}
REGISTRATION: dict[str, Any] = {
    "type": "ContextSourceRegistration",
    "id": "urn:ngsi-ld:ContextSourceRegistration:1",
    "information": [{"entities": [{"type": "Gauge"}], "propertyNames": ["level"]}],
    "endpoint": "https://source.example",
    "location": {"type": "Point", "coordinates": [136.2, 36.0]},
}
V2: dict[str, Any] = {
    "subject": {"entities": [{"type": "Gauge"}]},
    "notification": {"http": {"url": "http://r.example"}},
}


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with `value` at the path, such as information.0.entities."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(document))
    target: Any = copy
    *way, last = path.split(".")
    for step in way:
        target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
    target[last] = value
    return copy


@pytest.mark.parametrize(
    "path",
    ["subscriptionName", "entities", "watchedAttributes", "notificationTrigger", "timeInterval", "throttling", "scopeQ",
     "q", "lang", "datasetId", "expiresAt", "temporalQ", "temporalQ.timeAt", "temporalQ.timeproperty", "geoQ",
     "geoQ.geoproperty", "geoQ.coordinates", "notification.attributes", "notification.pick", "notification.omit",
     "notification.endpoint.accept", "notification.endpoint.receiverInfo", "notification.endpoint.timeout",
     "notification.endpoint.cooldown", "entities.0.type", "entities.0.id"],
)  # fmt: skip
def test_a_subscription_that_is_taken_can_be_read_by_all_who_serve_it(path: str) -> None:
    whole = {
        **SUBSCRIPTION,
        **({"geoQ": NEAR} if "geoQ." in path else {}),
        **({"temporalQ": AFTER} if "lQ." in path else {}),
    }
    taken = 0
    for odd in ODD:
        try:
            doc = parse_subscription(changed(whole, path, odd), CORE, NOW)
        except Invalid:
            continue
        taken += 1
        shape_of(doc, CORE)
        fitting(REGISTRATION, sought_by(doc))
    assert taken < len(ODD)


@pytest.mark.parametrize(
    "path",
    ["information", "information.0.entities", "information.0.propertyNames", "information.0.entities.0.type",
     "observationInterval", "observationInterval.startAt", "location", "location.coordinates", "operations",
     "contextSourceInfo", "tenant", "management", "management.timeout", "expiresAt"],
)  # fmt: skip
def test_a_registration_that_is_taken_can_be_read_by_all_who_ask(path: str) -> None:
    asked = [sought_by({**SUBSCRIPTION, **more}) for more in ({}, {"temporalQ": AFTER}, {"geoQ": NEAR})]
    taken = 0
    for odd in ODD:
        try:
            doc = parse_registration(changed(REGISTRATION, path, odd), CORE, NOW)
        except Invalid:
            continue
        taken += 1
        source_of(doc, "1")
        for sought in asked:
            fitting(doc, sought)
    assert taken < len(ODD)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("throttling", 10**18),
        ("throttling", True),
        ("subject.entities.0.idPattern", 5),
        ("subject.entities.0.idPattern", "("),
        ("subject.condition.alterationTypes", [[]]),
        ("notification.attrs", 5),
        ("notification.metadata", {"a": 1}),
    ],
)
def test_so_it_is_in_the_older_language(path: str, wrong: Any) -> None:
    with pytest.raises(Invalid):
        parse_v2_subscription(changed(V2, path, wrong), "urn:ngsi-ld:Subscription:1", "")


def test_null_is_not_there() -> None:
    assert "expiresAt" not in parse_subscription({**SUBSCRIPTION, "expiresAt": None}, CORE, NOW)
