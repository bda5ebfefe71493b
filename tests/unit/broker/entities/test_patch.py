"""What append, update, merge and delete make of an entity."""

from __future__ import annotations

from typing import Any

import pytest

from broker.entities import patch
from broker.entities.parse import NULL
from broker.errors import Invalid, NotFound


def value(number: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": number, **more}


SENSOR_B = "urn:ngsi-ld:Dataset:b"
DOC: dict[str, Any] = {"id": "urn:g:1", "type": "Gauge", "level": value(1.0, unitCode="MTR"), "flow": value(7)}


def test_append_replaces_unless_that_is_refused() -> None:
    assert patch.append(DOC, {"level": value(2)}, overwrite=True).attributes == {"level": value(2)}
    kept = patch.append(DOC, {"level": value(2), "rain": value(3)}, overwrite=False)
    assert kept.attributes == {"rain": value(3)}
    assert list(kept.not_updated) == ["level"]


def test_append_puts_another_instance_beside_the_first() -> None:
    second = value(1.1, datasetId=SENSOR_B)
    assert patch.append(DOC, {"level": second}, overwrite=False).attributes == {"level": [DOC["level"], second]}


def test_update_adds_replaces_and_deletes() -> None:
    outcome = patch.update(DOC, {"level": value(2), "rain": value(3), "flow": NULL, "wind": NULL})
    assert outcome.attributes == {"level": value(2), "rain": value(3), "flow": None}
    assert list(outcome.not_updated) == ["wind"], "what is not there cannot be deleted"


def test_partial_keeps_what_is_not_said() -> None:
    outcome = patch.partial(DOC, "level", {"value": 2.5})
    assert outcome.attributes == {"level": value(2.5, unitCode="MTR")}
    assert patch.partial(DOC, "level", {"unitCode": NULL}).attributes == {"level": value(1.0)}


def test_partial_wants_the_attribute_the_instance_and_the_kind() -> None:
    with pytest.raises(NotFound):
        patch.partial(DOC, "rain", {"value": 1})
    with pytest.raises(NotFound, match=SENSOR_B):
        patch.partial(DOC, "level", {"value": 1, "datasetId": SENSOR_B})
    with pytest.raises(Invalid, match="keeps"):
        patch.partial(DOC, "level", {"type": "Relationship", "object": "urn:x:1"})


def test_merge_goes_into_values() -> None:
    doc = {**DOC, "address": value({"street": "A", "town": "B"})}
    outcome = patch.merge_entity(doc, {"address": value({"street": NULL, "house": 3}), "flow": value(NULL)})
    assert outcome.attributes == {"address": value({"town": "B", "house": 3}), "flow": None}


def test_delete_takes_one_instance_or_every() -> None:
    doc = {**DOC, "level": [value(1), value(2, datasetId=SENSOR_B)]}
    assert patch.delete(doc, "level", dataset_id=SENSOR_B).attributes == {"level": value(1)}
    assert patch.delete(doc, "level", every=True).attributes == {"level": None}
    with pytest.raises(NotFound):
        patch.delete(doc, "level", dataset_id="urn:none")
    with pytest.raises(NotFound):
        patch.delete(doc, "id", every=True)


def test_replaced_leaves_nothing_of_before() -> None:
    assert patch.replaced(DOC, {"rain": value(1)}) == {"flow": None, "level": None, "rain": value(1)}
