"""One view from several sources (ETSI GS CIM 009, 4.5.5)."""

from __future__ import annotations

from typing import Any

import pytest

from broker.errors import Invalid
from broker.federation.merging import RANK, Known, merged, received
from broker.federation.via import extended, passed_through


def known(mode: str, **attributes: Any) -> Known:
    return Known(RANK[mode], {"id": "urn:a:1", "type": "T", **attributes})


def prop(value: int, **more: str) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def test_the_later_observation_is_kept_whoever_comes_first() -> None:
    old = known("inclusive", a=prop(1, observedAt="2026-01-01T00:00:00Z"))
    new = known("inclusive", a=prop(2, observedAt="2026-01-02T00:00:00Z"))
    assert merged([old, new])["a"]["value"] == merged([new, old])["a"]["value"] == 2


def test_without_observation_the_later_change_is_kept() -> None:
    one = known("inclusive", a=prop(1, modifiedAt="2026-01-01T00:00:00Z"))
    two = known("inclusive", a=prop(2, modifiedAt="2026-01-02T00:00:00Z"))
    assert merged([two, one])["a"]["value"] == 2


def test_modes_go_before_times() -> None:
    auxiliary = known("auxiliary", a=prop(1, observedAt="2026-01-03T00:00:00Z"), b=prop(1))
    inclusive = known("inclusive", a=prop(2, observedAt="2026-01-02T00:00:00Z"))
    exclusive = known("exclusive", a=prop(3, observedAt="2026-01-01T00:00:00Z"))
    assert merged([auxiliary, inclusive])["a"]["value"] == 2
    assert merged([auxiliary, inclusive, exclusive])["a"]["value"] == 3
    assert merged([auxiliary, inclusive])["b"]["value"] == 1


def test_instances_types_and_scopes_are_joined() -> None:
    one = Known(2, {"id": "urn:a:1", "type": "T", "scope": "/x", "a": prop(1)})
    two = Known(2, {"id": "urn:a:1", "type": ["T", "U"], "scope": ["/x", "/y"], "a": prop(2, datasetId="urn:d:1")})
    whole = merged([one, two])
    assert whole["type"] == ["T", "U"]
    assert whole["scope"] == ["/x", "/y"]
    assert [instance["value"] for instance in whole["a"]] == [1, 2]


def test_what_a_source_sends_is_checked_and_keeps_its_times() -> None:
    sent = {
        "id": "urn:a:1",
        "type": "T",
        "createdAt": "2026-01-01T09:00:00+09:00",
        "a": {"type": "Property", "value": 1, "modifiedAt": "2026-01-02T00:00:00Z"},
    }
    entity = received(sent, lambda name: f"x:{name}" if name in ("a", "T") else name)
    assert entity["createdAt"].startswith("2026-01-01T00:00:00")
    assert entity["x:a"]["modifiedAt"].startswith("2026-01-02")
    for bad in ({"id": "no uri", "type": "T"}, "text", {**sent, "a": {"type": "Unheard", "value": 1}}):
        with pytest.raises(Invalid):
            received(bad, str)


def test_via_names_who_was_passed() -> None:
    assert passed_through(None) == ()
    via = extended(extended(None, "one"), "two")
    assert via == "1.1 one, 1.1 two"
    assert passed_through(via) == ("one", "two")
    assert passed_through("HTTP/1.1 proxy:80 (some, comment), broken") == ("proxy:80",)
