"""Writes go where the data is (ETSI GS CIM 009, 4.3.6, 5.6)."""

from __future__ import annotations

from typing import Any

from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_reads import GAUGE, gauge

HINO = "urn:ngsi-ld:WaterObserved:hino"
ALL = ["redirectionOps", "createBatch", "upsertBatch", "updateBatch", "mergeBatch", "deleteBatch"]
LEVEL = [{"entities": [{"type": "WaterObserved", "id": HINO}], "propertyNames": ["waterLevel"]}]


async def held(town: Town, entity_id: str = HINO) -> dict[str, Any] | None:
    """What a city itself has of an entity."""
    answer = await town.get(f"entities/{entity_id}", local="true", options="keyValues")
    return answer.json() if answer.status_code == 200 else None


async def test_an_inclusive_source_gets_a_copy_of_every_write(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, operations=ALL)
    assert (await fukui.create(gauge("hino", waterLevel=1))).status_code == 201
    assert (await held(fukui)) == (await held(sabae)) == {"id": HINO, "type": "WaterObserved", "waterLevel": 1}

    one, attrs = f"{ROOT}/entities/{HINO}", f"{ROOT}/entities/{HINO}/attrs"
    for method, path, body, then in (
        ("POST", attrs, {"name": {"type": "Property", "value": "日野川"}}, {"waterLevel": 1, "name": "日野川"}),
        ("PATCH", attrs, {"waterLevel": {"type": "Property", "value": 2}}, {"waterLevel": 2, "name": "日野川"}),
        ("PATCH", f"{attrs}/waterLevel", {"value": 3}, {"waterLevel": 3, "name": "日野川"}),
        ("PUT", f"{attrs}/name", {"type": "Property", "value": "Hino"}, {"waterLevel": 3, "name": "Hino"}),
        ("PATCH", one, {"flow": {"type": "Property", "value": 9}}, {"waterLevel": 3, "name": "Hino", "flow": 9}),
        ("DELETE", f"{attrs}/name", None, {"waterLevel": 3, "flow": 9}),
        ("PUT", one, {"type": "WaterObserved", "depth": {"type": "Property", "value": 4}}, {"depth": 4}),
    ):
        answer = await fukui.client.request(method, path, json=body)
        assert answer.status_code == 204, (method, path, answer.text)
        for town in (fukui, sabae):
            assert (await held(town)) == {"id": HINO, "type": "WaterObserved", **then}, (method, path)

    assert (await fukui.client.delete(one)).status_code == 204
    assert (await held(fukui)) is (await held(sabae)) is None


async def test_a_redirected_entity_is_never_kept_here(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, mode="redirect", operations=["redirectionOps"])
    assert (await fukui.create(gauge("hino", waterLevel=1))).status_code == 201
    assert await held(fukui) is None
    assert await held(sabae) is not None
    again = await fukui.create(gauge("hino", waterLevel=1))
    assert again.status_code == 409
    bad = await fukui.create(gauge("hino", waterLevel={"type": "Unheard", "value": 1}))
    assert bad.status_code == 400
    assert bad.json()["field"] == "waterLevel.type"
    assert (await fukui.client.delete(f"{ROOT}/entities/{HINO}")).status_code == 204
    assert await held(sabae) is None


async def test_an_exclusive_attribute_goes_to_its_source_and_the_rest_stays(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, LEVEL, mode="exclusive", operations=["redirectionOps"])
    assert (await fukui.create(gauge("hino", waterLevel=1, name="日野川"))).status_code == 201
    assert await held(fukui) == {"id": HINO, "type": "WaterObserved", "name": "日野川"}
    assert await held(sabae) == {"id": HINO, "type": "WaterObserved", "waterLevel": 1}
    whole = (await fukui.get(f"entities/{HINO}", options="keyValues")).json()
    assert whole == {"id": HINO, "type": "WaterObserved", "name": "日野川", "waterLevel": 1}


async def test_who_holds_an_attribute_and_takes_no_writes_is_named(fukui: Town, sabae: Town) -> None:
    registration = await fukui.register(sabae.url, LEVEL, mode="exclusive", operations=["retrieveOps"])
    answer = await fukui.create(gauge("hino", waterLevel=1, name="日野川"))
    assert answer.status_code == 207
    result = answer.json()
    assert result["success"] == [HINO]
    assert result["errors"][0]["registrationId"] == registration
    assert result["errors"][0]["error"]["status"] == 409
    assert await held(sabae) is None


async def test_a_part_that_is_not_done_is_told_beside_what_is(fukui: Town, sabae: Town) -> None:
    registration = await fukui.register(sabae.url, GAUGE, operations=ALL)
    await fukui.create(gauge("hino", waterLevel=1), local=True)
    answer = await fukui.create(gauge("hino", waterLevel=1))
    assert answer.status_code == 207
    assert [error["error"]["status"] for error in answer.json()["errors"]] == [409]
    assert await held(sabae) is not None

    await sabae.die()
    gone = await fukui.client.post(f"{ROOT}/entities/{HINO}/attrs", json={"name": {"type": "Property", "value": "x"}})
    assert gone.status_code == 207
    assert gone.json()["updated"] == ["name"]
    assert gone.json()["notUpdated"][0]["registrationId"] == registration
    assert (await held(fukui) or {})["name"] == "x"


async def test_batches_are_divided_entity_by_entity(fukui: Town, sabae: Town) -> None:
    river = [{"entities": [{"type": "WaterObserved", "idPattern": "hino|asuwa"}]}]
    await fukui.register(sabae.url, river, mode="redirect", operations=ALL)
    batch = [gauge("hino", waterLevel=1), gauge("kuzuryu", waterLevel=2)]
    made = await fukui.client.post(f"{ROOT}/entityOperations/create", json=batch)
    assert made.status_code == 201
    assert sorted(made.json()) == sorted(str(entity["id"]) for entity in batch)
    assert await held(fukui) is None
    assert await held(sabae) is not None
    assert await held(fukui, "urn:ngsi-ld:WaterObserved:kuzuryu") is not None

    again = await fukui.client.post(f"{ROOT}/entityOperations/create", json=[*batch, gauge("asuwa", waterLevel=3)])
    assert again.status_code == 207
    assert again.json()["success"] == ["urn:ngsi-ld:WaterObserved:asuwa"]
    assert {error["entityId"] for error in again.json()["errors"]} == {entity["id"] for entity in batch}

    gone = await fukui.client.post(f"{ROOT}/entityOperations/delete", json=[entity["id"] for entity in batch])
    assert gone.status_code == 204
    assert await held(sabae) is None


async def test_purging_reaches_the_sources_and_no_further_than_they_registered(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, LEVEL, operations=["redirectionOps"])
    for name in ("hino", "asuwa"):
        await sabae.create(gauge(name, waterLevel=1, depth=2))
        await fukui.create(gauge(name, flow=3), local=True)
    answer = await fukui.client.delete(f"{ROOT}/entities", params={"type": "WaterObserved"})
    assert answer.status_code == 204, answer.text
    assert await held(fukui) is None
    assert await held(sabae) == {"id": HINO, "type": "WaterObserved", "depth": 2}
    assert await held(sabae, "urn:ngsi-ld:WaterObserved:asuwa") is not None


async def test_a_request_that_comes_back_is_refused(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, operations=ALL)
    await sabae.register(fukui.url, GAUGE, operations=ALL)
    assert (await fukui.create(gauge("hino", waterLevel=1))).status_code == 201
    assert await held(fukui) is not None
    assert await held(sabae) is not None
    page = await fukui.client.get(f"{ROOT}/entities/{HINO}", headers={"Via": "1.1 somebody"})
    assert page.status_code == 200
