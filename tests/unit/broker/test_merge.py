"""The one meaning of an update."""

from __future__ import annotations

from broker.entities.merge import EntityUpdate, merge

LEVEL = {"type": "Property", "value": 1.2, "observedAt": "2023-07-13T00:00:00Z"}
GAUGE = {"id": "urn:ngsi-ld:WaterObserved:1", "type": "WaterObserved", "waterLevel": LEVEL}


def update(**attributes: object) -> EntityUpdate:
    return EntityUpdate("urn:ngsi-ld:WaterObserved:1", ("WaterObserved",), dict(attributes))


def test_an_unknown_entity_is_made() -> None:
    merged = merge(None, update(waterLevel=LEVEL))
    assert merged.created
    assert merged.doc == GAUGE


def test_a_newer_value_replaces_and_tells_what_stood_there() -> None:
    newer = {**LEVEL, "value": 1.3, "observedAt": "2023-07-13T00:10:00Z"}
    merged = merge(GAUGE, update(waterLevel=newer))
    assert merged.doc["waterLevel"] == newer
    assert merged.attributes == {"waterLevel": newer}
    assert merged.previous == {"waterLevel": LEVEL}


def test_an_older_value_leaves_the_current_state() -> None:
    older = {**LEVEL, "value": 0.9, "observedAt": "2023-07-12T23:50:00Z"}
    merged = merge(GAUGE, update(waterLevel=older))
    assert merged.doc == GAUGE
    assert not merged.changed


def test_times_compare_as_instants_not_as_text() -> None:
    later_in_japan = {**LEVEL, "value": 1.4, "observedAt": "2023-07-13T09:00:01+09:00"}
    assert merge(GAUGE, update(waterLevel=later_in_japan)).doc["waterLevel"] == later_in_japan


def test_a_correction_of_the_same_time_replaces() -> None:
    corrected = {**LEVEL, "value": 1.25}
    assert merge(GAUGE, update(waterLevel=corrected)).doc["waterLevel"] == corrected


def test_the_same_value_again_changes_nothing() -> None:
    assert not merge(GAUGE, update(waterLevel=dict(LEVEL))).changed


def test_none_deletes_what_is_there_and_only_that() -> None:
    merged = merge(GAUGE, update(waterLevel=None, flow=None))
    assert "waterLevel" not in merged.doc
    assert merged.attributes == {"waterLevel": None}


def test_types_are_added_never_taken_away() -> None:
    merged = merge(GAUGE, EntityUpdate(str(GAUGE["id"]), ("FloodMonitoring",), {}))
    assert merged.doc["type"] == ["WaterObserved", "FloodMonitoring"]
    assert merged.changed


def test_the_entity_given_is_left_as_it_was() -> None:
    before = dict(GAUGE)
    merge(GAUGE, update(waterLevel=None))
    assert before == GAUGE
