"""Which subscriptions sources are asked to keep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from broker.federation.source import source_of
from broker.federation.subscribing import asked_of

NOW = datetime(2026, 7, 1, tzinfo=UTC)
GAUGES: dict[str, Any] = {
    "id": "urn:ngsi-ld:Subscription:1",
    "entities": [{"type": "WaterObserved"}],
    "notification": {"endpoint": {"uri": "https://app.example/"}},
}
REGISTERED: dict[str, Any] = {
    "id": "urn:ngsi-ld:ContextSourceRegistration:1",
    "endpoint": "https://sabae.example",
    "information": [{"entities": [{"type": "WaterObserved"}, {"type": "Park"}]}],
}


def asked(doc: dict[str, Any] | None = None, **registration: Any) -> dict[str, Any] | None:
    return asked_of({**GAUGES, **(doc or {})}, source_of({**REGISTERED, **registration}, ""), NOW)


@pytest.mark.parametrize(
    ("doc", "registration"),
    [
        ({}, {"mode": "exclusive"}),  # it claims no attributes
        ({}, {"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}}),
        ({}, {"mode": "auxiliary"}),
        ({}, {"operations": ["retrieveOps"]}),
        ({}, {"expiresAt": "2026-06-30T00:00:00Z"}),
        ({}, {"information": [{"entities": [{"type": "Park"}]}]}),
        ({"expiresAt": "2026-06-30T00:00:00Z"}, {}),
        ({"entities": [{"type": "Person"}]}, {"information": [{"entities": [{"type": "Park"}]}]}),
        ({"@access": {"only": None, "never": ["WaterObserved"]}}, {}),
        ({"@access": {"personal": {}}}, {}),
        ({"@via": ["sabae"]}, {"contextSourceAlias": "sabae"}),
    ],
)
def test_who_is_not_asked(doc: dict[str, Any], registration: dict[str, Any]) -> None:
    assert asked() is not None
    assert asked(doc, **registration) is None


def test_a_source_is_asked_for_what_it_has_and_the_owner_may_see() -> None:
    everything = {"entities": [{"type": "*"}], "@access": {"only": ["Park"]}}
    assert asked(everything)["entities"] == [{"type": "Park"}]  # type: ignore[index]
    one = [{"entities": [{"type": "WaterObserved", "id": "urn:x:1"}], "propertyNames": ["level"]}]
    narrow = asked({"watchedAttributes": ["flow", "level"], "q": "level>3", "throttling": 5}, information=one)
    assert narrow == {
        "type": "Subscription",
        "entities": [{"type": "WaterObserved", "id": ["urn:x:1"]}],
        "watchedAttributes": ["level"],
        "q": "level>3",
        "throttling": 5,
        "notification": {"format": "normalized", "attributes": ["level"]},
    }
    for mode in ("exclusive", "redirect"):
        assert asked({"watchedAttributes": ["flow", "level"]}, information=one, mode=mode) is not None, (
            "held there alone"
        )
    assert asked({"watchedAttributes": ["flow"]}, information=one) is None
