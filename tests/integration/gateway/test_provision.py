"""Writing entities over HTTP, one and many, with contexts, and being told of it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.gateway.conftest import City

ROOT = "/ngsi-ld/v1"
ONE = f"{ROOT}/entities/urn:ngsi-ld:Park:1"
LD = {"Content-Type": "application/ld+json"}
PARK: dict[str, Any] = {
    "id": "urn:ngsi-ld:Park:1",
    "type": "Park",
    "trees": {"type": "Property", "value": 12},
    "owner": {"type": "Relationship", "object": "urn:ngsi-ld:City:1"},
}


async def test_an_entity_through_its_life(keeper: httpx.AsyncClient) -> None:
    made = await keeper.post(f"{ROOT}/entities/", json=PARK)
    assert (made.status_code, made.headers["location"]) == (201, ONE)
    assert (await keeper.post(f"{ROOT}/entities", json=PARK)).status_code == 409
    assert (await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})).status_code == 204
    assert (await keeper.post(f"{ONE}/attrs", json={"benches": 4})).status_code == 204
    partly = await keeper.post(f"{ONE}/attrs?options=noOverwrite", json={"benches": 5, "gates": 2})
    assert partly.status_code == 207
    assert partly.json()["updated"] == ["https://uri.etsi.org/ngsi-ld/default-context/gates"], "names as IRIs (5.2.18)"
    merged = await keeper.patch(ONE, json={"gates": {"type": "Property", "value": "urn:ngsi-ld:null"}})
    assert merged.status_code == 204
    shown = (await keeper.get(f"{ONE}?options=keyValues")).json()
    expected = {"id": PARK["id"], "type": "Park", "trees": 13, "owner": "urn:ngsi-ld:City:1", "benches": 4}
    assert shown == expected
    assert (await keeper.put(ONE, json={"type": "Park", "trees": {"value": 1}})).status_code == 204
    assert set((await keeper.get(ONE)).json()) == {"id", "type", "trees"}
    assert (await keeper.delete(f"{ONE}/attrs/trees")).status_code == 204
    assert (await keeper.delete(f"{ONE}/attrs/trees")).status_code == 404
    assert (await keeper.delete(ONE)).status_code == 204
    assert (await keeper.delete(ONE)).status_code == 404


async def test_attributes_tell_when_they_changed(keeper: httpx.AsyncClient) -> None:
    await keeper.post(f"{ROOT}/entities", json=PARK)
    await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})
    shown = (await keeper.get(f"{ONE}?options=sysAttrs")).json()
    assert shown["trees"]["createdAt"] == shown["createdAt"] == shown["owner"]["modifiedAt"]
    assert shown["trees"]["modifiedAt"] == shown["modifiedAt"] > shown["createdAt"]


async def test_names_mean_what_their_context_says(keeper: httpx.AsyncClient) -> None:
    terms = {"Park": "https://parks.example/Park", "trees": "https://parks.example/trees"}
    hosted = await keeper.post(f"{ROOT}/jsonldContexts", json={"@context": terms})
    uri = f"http://127.0.0.1:8080{hosted.headers['location']}"
    await keeper.post(f"{ROOT}/entities", json={**PARK, "@context": uri}, headers=LD)
    plain = (await keeper.get(ONE)).json()
    assert plain["type"] == "https://parks.example/Park"
    assert "https://parks.example/trees" in plain
    link = {"Link": f'<{uri}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    read = await keeper.get(f"{ROOT}/entities?type=Park&q=trees>10", headers=link)
    assert [entity["trees"]["value"] for entity in read.json()] == [12]
    assert uri in read.headers["link"]
    assert (await keeper.get(f"{ROOT}/entities?type=Park")).json() == []


async def test_a_batch_tells_of_each(keeper: httpx.AsyncClient) -> None:
    batch = [PARK, {**PARK, "id": "urn:ngsi-ld:Park:2"}, {**PARK, "id": "no-uri"}]
    answer = await keeper.post(f"{ROOT}/entityOperations/create", json=batch)
    assert answer.status_code == 207
    assert answer.json()["success"] == ["urn:ngsi-ld:Park:1", "urn:ngsi-ld:Park:2"]
    assert [error["entityId"] for error in answer.json()["errors"]] == ["no-uri"]
    gone = await keeper.post(f"{ROOT}/entityOperations/delete", json=["urn:ngsi-ld:Park:1", "urn:ngsi-ld:Park:9"])
    assert gone.json()["success"] == ["urn:ngsi-ld:Park:1"]


async def test_linked_entities_come_along(keeper: httpx.AsyncClient) -> None:
    await keeper.post(f"{ROOT}/entities", json=PARK)
    await keeper.post(f"{ROOT}/entities", json={"id": "urn:ngsi-ld:City:1", "type": "City", "name": {"value": "Fukui"}})
    inside = (await keeper.get(f"{ONE}?join=inline&options=keyValues&pick=owner{{name}}")).json()
    assert inside == {"owner": {"name": "Fukui"}}
    beside = (await keeper.get(f"{ONE}?join=flat&options=keyValues")).json()
    assert [entity["id"] for entity in beside] == ["urn:ngsi-ld:Park:1", "urn:ngsi-ld:City:1"]
    had = {"type": "Query", "entities": [{"type": "Park"}], "join": "flat", "containedBy": ["urn:ngsi-ld:City:1"]}
    alone = await keeper.post(f"{ROOT}/entityOperations/query", json=had)
    assert [entity["id"] for entity in alone.json()] == ["urn:ngsi-ld:Park:1"]
    wrong = await keeper.get(f"{ONE}?join=flat&containedBy=no%20uri")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "containedBy")


async def test_who_may_not_read_may_not_subscribe(
    city: City, keeper: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    doc: dict[str, Any] = {
        "type": "Subscription",
        "entities": [{"type": "Person"}],
        "notification": {"endpoint": {"uri": "https://receiver.example/"}},
    }
    assert (await keeper.post(f"{ROOT}/subscriptions", json=doc)).status_code == 403
    doc["entities"] = [{"type": "Park"}]
    assert (await api.post(f"{ROOT}/subscriptions", json=doc)).status_code == 401
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {await city.token('entities:write')}"
        assert (await client.post(f"{ROOT}/subscriptions", json=doc)).status_code == 403
        assert (await client.get(f"{ROOT}/csourceRegistrations?type=Park")).status_code == 403
        assert (await client.post(f"{ROOT}/jsonldContexts", json={"@context": {}})).status_code == 403


async def test_addresses_that_lack_a_part_say_which(keeper: httpx.AsyncClient) -> None:
    """5.6.17, 5.6.18: an entity without its id; 6.6.2: the resource of all attributes has POST and PATCH alone."""
    await keeper.post(f"{ROOT}/entities", json=PARK)
    for method in ("PUT", "PATCH"):
        answer = await keeper.request(method, f"{ROOT}/entities/", json=PARK)
        assert (answer.status_code, answer.json()["field"]) == (400, "id")
    for method in ("PUT", "DELETE"):
        answer = await keeper.request(method, f"{ONE}/attrs/", json={})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PATCH")
    assert (await keeper.get(f"{ROOT}/entities/?type=Park")).json()[0]["id"] == PARK["id"]


async def test_what_is_no_json_is_told_before_its_media_type(keeper: httpx.AsyncClient) -> None:
    untyped = await keeper.post(f"{ROOT}/entities", content=b"{not json")
    assert (untyped.status_code, untyped.json()["type"].rpartition("/")[2]) == (400, "InvalidRequest")
    assert (await keeper.post(f"{ROOT}/entities", content=b"{}")).status_code == 415


async def test_null_in_a_merge_as_json_ld_is_refused(keeper: httpx.AsyncClient) -> None:
    """4.5.0: JSON-LD drops null, so it cannot mean anything there."""
    one = {**PARK, "@context": [], "trees": {"type": "Property", "value": None}}
    answer = await keeper.post(f"{ROOT}/entityOperations/merge", json=[one], headers=LD)
    assert answer.status_code == 207
    error = answer.json()["errors"][0]["error"]
    assert (error["type"].rpartition("/")[2], error["field"]) == ("BadRequestData", "trees.value")


async def test_problems_come_as_json_to_who_asks_for_that(keeper: httpx.AsyncClient) -> None:
    for path in ("csourceSubscriptions/no-uri", "entities/urn:x:nowhere", "entities"):
        for accept, media in (("application/json", "application/json"), ("*/*", "application/problem+json")):
            answer = await keeper.get(f"{ROOT}/{path}", headers={"Accept": accept})
            assert answer.status_code >= 400
            assert answer.headers["content-type"] == media, path
