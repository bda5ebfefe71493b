"""Which sources a request concerns (ETSI GS CIM 009, 4.20, 5.12)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from broker.errors import Invalid
from broker.federation.book import Page
from broker.federation.operations import operations_of
from broker.federation.source import Share, duration, found, share_of, source_of
from broker.subscriptions.matching import Asked

NOW = datetime(2026, 7, 1, tzinfo=UTC)
ONE, OTHER = "urn:ngsi-ld:Vehicle:1", "urn:ngsi-ld:Vehicle:2"


def registration(*information: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:csr:1", "endpoint": "https://source.example", "information": list(information), **more}


def share(asked: Asked, *information: dict[str, Any]) -> Share | None:
    return share_of(source_of(registration(*information), "1"), asked)


def test_a_registration_of_a_type_concerns_that_type_alone() -> None:
    vehicles = {"entities": [{"type": "Vehicle"}]}
    assert share(Asked(types=["Vehicle"]), vehicles) is not None
    assert share(Asked(types=["Building"]), vehicles) is None
    assert share(Asked(ids=[ONE]), vehicles) is not None


def test_ids_and_patterns_narrow() -> None:
    by_id = {"entities": [{"type": "Vehicle", "id": ONE}]}
    by_pattern = {"entities": [{"type": "Vehicle", "idPattern": "Vehicle:[13]$"}]}
    got = share(Asked(types=["Vehicle"]), by_id)
    assert got is not None
    assert got.ids == {ONE}
    assert share(Asked(ids=[OTHER]), by_id) is None
    assert share(Asked(ids=[ONE]), by_pattern) is not None
    assert share(Asked(ids=[OTHER]), by_pattern) is None
    assert share(Asked(id_pattern=":2$"), by_id) is None
    both = share(Asked(types=["Vehicle"]), by_id, by_pattern)
    assert both is not None
    assert both.ids is None


def test_attributes_narrow_and_none_means_all() -> None:
    speed = {"entities": [{"type": "Vehicle"}], "propertyNames": ["speed"], "relationshipNames": ["owner"]}
    everything = {"entities": [{"type": "Vehicle"}]}
    got = share(Asked(types=["Vehicle"]), speed)
    assert got is not None
    assert got.attributes == {"speed", "owner"}
    assert share(Asked(attributes=["brand"]), speed) is None
    assert share(Asked(attributes=["brand"]), {"propertyNames": ["brand"]}) is not None
    wide = share(Asked(types=["Vehicle"]), speed, everything)
    assert wide is not None
    assert wide.attributes is None


def test_an_exclusive_claim_without_attributes_takes_nothing() -> None:
    whole = source_of(registration({"entities": [{"type": "Vehicle", "id": ONE}]}, mode="exclusive"), "1")
    assert not whole.takes("retrieveEntity")


def test_groups_stand_for_operations() -> None:
    assert "createEntity" not in operations_of(["federationOps"])
    assert {"createEntity", "queryBatch", "purgeEntity"} <= operations_of(["redirectionOps"])
    assert operations_of(["createBatch"]) == {"createBatch"}
    with pytest.raises(Invalid, match="everythingOps"):
        operations_of(["everythingOps"])


def test_a_page_gives_what_a_comparison_with_every_source_would() -> None:
    docs = [
        registration({"entities": [{"type": "Vehicle", "id": ONE}]}),
        registration({"entities": [{"type": "Vehicle", "idPattern": "Vehicle"}]}, id="urn:ngsi-ld:csr:2"),
        registration({"entities": [{"type": "Building"}]}, id="urn:ngsi-ld:csr:3"),
        registration({"propertyNames": ["speed"]}, id="urn:ngsi-ld:csr:4"),
        registration({"entities": [{"type": "Vehicle"}]}, id="urn:ngsi-ld:csr:5", expiresAt="2026-06-30T00:00:00Z"),
        registration(
            {"entities": [{"type": "Vehicle"}]},
            id="urn:ngsi-ld:csr:6",
            observationInterval={"startAt": "2020-01-01T00:00:00Z"},
        ),
    ]
    page = Page([source_of(doc, "1") for doc in docs], "us")

    def ids(asked: Asked) -> list[str]:
        return sorted(one.source.id[-1] for one in page.shares(asked, NOW))

    assert ids(Asked(types=["Vehicle"])) == ["1", "2", "4"]
    assert ids(Asked(types=["Vehicle"], ids=[OTHER])) == ["2", "4"]
    assert ids(Asked(types=["Vehicle"], ids=[OTHER], attributes=["brand"])) == ["2"]
    assert ids(Asked(types=["Bus"])) == ["4"]
    assert ids(Asked(ids=[ONE])) == ["1", "2", "3", "4"]


def test_a_pattern_costs_linear_time_and_a_bad_one_finds_nothing() -> None:
    assert not found("(a+)+$", "a" * 5000 + "!")
    assert not found("(", "(")


@pytest.mark.parametrize(("text", "seconds"), [("PT30S", 30), ("PT0.5S", 0.5), ("P1DT2H", 93_600), ("P1W", 604_800)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "P-1D"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(text)
