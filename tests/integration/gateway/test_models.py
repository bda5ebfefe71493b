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
