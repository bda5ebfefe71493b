"""Types and attributes of sources are discovered with ours (ETSI GS CIM 009, 5.7.5 to 5.7.10)."""

from __future__ import annotations

from typing import Any

from tests.integration.federation.conftest import Town
from tests.integration.federation.test_reads import gauge

ANY: list[dict[str, Any]] = [{"entities": [{"type": "*"}]}]


async def fill(fukui: Town, sabae: Town) -> None:
    await fukui.create(gauge("a", waterLevel=1, name="日野川"), local=True)
    await sabae.create(gauge("b", waterLevel={"type": "Property", "value": 2}, flow=3))
    park = {
        "id": "urn:ngsi-ld:Park:1",
        "type": "Park",
        "near": {"type": "Relationship", "object": "urn:ngsi-ld:Park:2"},
    }
    await sabae.create(park)


async def test_names_of_both_are_one_list(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, ANY)
    await fill(fukui, sabae)

    assert (await fukui.get("types")).json()["typeList"] == ["Park", "WaterObserved"]
    assert (await fukui.get("types", local="true")).json()["typeList"] == ["WaterObserved"]
    assert (await fukui.get("attributes")).json()["attributeList"] == ["flow", "name", "near", "waterLevel"]
    detailed = (await fukui.get("types", details="true")).json()
    names = {one["typeName"]: one["attributeNames"] for one in detailed}
    assert names == {"Park": ["near"], "WaterObserved": ["flow", "name", "waterLevel"]}
    attributes = (await fukui.get("attributes", details="true")).json()
    assert {one["attributeName"]: one["typeNames"] for one in attributes}["near"] == ["Park"]


async def test_what_is_known_of_one_is_put_together(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, ANY)
    await fill(fukui, sabae)

    gauges = (await fukui.get("types/WaterObserved")).json()
    assert gauges["entityCount"] == 2
    assert [one["attributeName"] for one in gauges["attributeDetails"]] == ["flow", "name", "waterLevel"]
    assert (await fukui.get("types/Park")).json()["attributeDetails"][0]["attributeTypes"] == ["Relationship"]
    assert (await fukui.get("types/Nothing")).status_code == 404
    levels = (await fukui.get("attributes/waterLevel")).json()
    assert (levels["attributeCount"], levels["typeNames"]) == (2, ["WaterObserved"])
    assert (await fukui.get("attributes/near")).json()["typeNames"] == ["Park"]
    assert (await fukui.get("attributes/nothing")).status_code == 404


async def test_a_source_tells_of_no_more_than_it_registered(fukui: Town, sabae: Town) -> None:
    selector = [{"entities": [{"type": "WaterObserved"}], "propertyNames": ["flow"]}]
    await fukui.register(sabae.url, selector, operations=["retrieveEntityTypes", "retrieveAttrTypeDetails"])
    await fill(fukui, sabae)

    assert (await fukui.get("types")).json()["typeList"] == ["WaterObserved"]
    assert (await fukui.get("attributes")).json()["attributeList"] == ["flow", "name", "waterLevel"]
    assert (await fukui.get("types/WaterObserved")).json()["entityCount"] == 1, "it does not offer that"


async def test_a_dead_source_is_named(fukui: Town, sabae: Town) -> None:
    registration = await fukui.register(sabae.url, ANY)
    await fill(fukui, sabae)
    await sabae.die()
    for path in ("types", "types/WaterObserved", "attributes", "attributes/waterLevel"):
        answer = await fukui.get(path)
        assert answer.status_code == 200
        assert registration in answer.headers["ngsild-warning"]
