"""Strict mode at the doors: what breaks a type's model is refused, alone, with the path of what is wrong."""

from __future__ import annotations

import httpx

from broker.store import models
from tests.integration.gateway.conftest import City

ROOT = "/ngsi-ld/v1"
SCHEMA = {"type": "object", "required": ["level"], "properties": {"level": {"type": "number", "maximum": 10}}}


async def test_entities_are_held_to_the_model_of_their_type(city: City, keeper: httpx.AsyncClient) -> None:
    async with city.database.system.transaction() as tx:
        await models.keep(tx, "fukui", "Gauge", {"schema": SCHEMA, "refs": {}, "context": ""})
    gauge = {"id": "urn:g:1", "type": "Gauge", "level": 3}
    assert (await keeper.post(f"{ROOT}/entities", json=gauge)).status_code == 201
    wrong = await keeper.patch(f"{ROOT}/entities/urn:g:1/attrs", json={"level": 11})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "level")
    assert wrong.json()["type"] == "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"
    assert (await keeper.delete(f"{ROOT}/entities/urn:g:1/attrs/level")).status_code == 400, "it is required"
    assert (await keeper.get(f"{ROOT}/entities/urn:g:1?options=keyValues")).json()["level"] == 3
    some = [{"id": f"urn:g:{n}", "type": "Gauge", "level": n} for n in (9, 12)]
    batch = await keeper.post(f"{ROOT}/entityOperations/upsert", json=some)
    assert (batch.status_code, batch.json()["success"]) == (207, ["urn:g:9"])
    assert batch.json()["errors"][0]["error"]["field"] == "level"
    v2 = await keeper.post("/v2/entities?options=keyValues", json={"id": "G", "type": "Gauge", "level": 12})
    assert v2.status_code == 400
    assert "level: the model of Gauge refuses this" in v2.json()["description"]


async def test_histories_are_held_to_it_value_by_value(city: City, keeper: httpx.AsyncClient) -> None:
    async with city.database.system.transaction() as tx:
        await models.keep(tx, "fukui", "Gauge", {"schema": SCHEMA, "refs": {}, "context": ""})

    def values(*levels: object) -> list[dict[str, object]]:
        return [{"value": one, "observedAt": f"2024-07-01T00:0{n}:00Z"} for n, one in enumerate(levels)]

    history = f"{ROOT}/temporal/entities"
    good = {"id": "urn:g:1", "type": "Gauge", "level": values(1, 9.5, 3)}
    assert (await keeper.post(history, json=good)).status_code == 201
    alone = {"id": "urn:g:2", "type": "Gauge", "other": values("no level: what is required is the state's")}
    assert (await keeper.post(history, json=alone)).status_code == 201
    for body, place in ((values(1, 2, 11), "level[2]"), (values("high"), "level[0]")):
        refused = await keeper.post(f"{history}/urn:g:1/attrs", json={"level": body})
        assert (refused.status_code, refused.json()["field"]) == (400, place)
    stored = (await keeper.get(f"{history}/urn:g:1")).json()["level"]
    assert [one["value"] for one in stored] == [1, 9.5, 3]
    instance = f"{history}/urn:g:1/attrs/level/{stored[0]['instanceId']}"
    assert (await keeper.patch(instance, json={"value": 12})).status_code == 400
    assert (await keeper.patch(instance, json={"value": 2})).status_code == 204
