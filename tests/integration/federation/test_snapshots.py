"""What queries found once stays as it was (ETSI GS CIM 009, 4.3.7, 5.5.15, 5.16, 6.3.22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from broker.store.snapshots import forget_expired
from tests.conftest import CityDatabase
from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_histories import HINO, write
from tests.integration.federation.test_reads import GAUGE, gauge
from tests.integration.gateway.conftest import City, city

__all__ = ["city"]

HEADER = "NGSILD-Snapshot"
DAWN = "2026-06-30T00:30:00Z"
EVERYTHING = {"type": "Query", "entities": [{"type": "WaterObserved"}]}


_HEARD = "select (select count(*) from history) + (select count(*) from log_batch)"


async def freeze(client: httpx.AsyncClient, *queries: dict[str, Any], **more: Any) -> str:
    """The id of a new snapshot."""
    asked = {} if "snapshotTemporalQueries" in more else {"snapshotQueries": list(queries or (EVERYTHING,))}
    body = {"type": "Snapshot", **asked, **more}
    made = await client.post(f"{ROOT}/snapshots", json=body)
    assert made.status_code == 201, made.text
    assert made.headers["location"].startswith(f"{ROOT}/snapshots/urn:")
    return str(made.headers["location"].rpartition("/")[2])


async def told(client: httpx.AsyncClient, snapshot: str) -> dict[str, Any]:
    answer = await client.get(f"{ROOT}/snapshots/{snapshot}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def seen(client: httpx.AsyncClient, snapshot: str, **params: Any) -> dict[str, Any]:
    """The entities in the snapshot, simplified, by the end of their id."""
    given = {"type": "WaterObserved", "options": "keyValues", **params}
    answer = await client.get(f"{ROOT}/entities", params=given, headers={HEADER: snapshot})
    assert (answer.status_code, answer.headers.get(HEADER)) == (200, snapshot), answer.text
    return {entity["id"].rpartition(":")[2]: entity for entity in answer.json()}


async def test_both_cities_as_they_were(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE)
    place = {"type": "Point", "coordinates": [136.2, 36.0]}
    await fukui.create(gauge("a", flow=1, name="足羽川", location=place), local=True)
    await sabae.create(gauge("a", depth=5, flow=1))
    await sabae.create(gauge("b", flow=2, name="日野川"))
    attrs = {**EVERYTHING, "attrs": ["flow"]}
    snapshot = await freeze(fukui.client, {**EVERYTHING, "q": "flow==1"}, attrs, {**attrs, "q": "flow>9"})
    status = await told(fukui.client, snapshot)
    assert (status["type"], status["snapshotStatus"], status["snapshotPriority"]) == ("Snapshot", "success", 5)
    assert [one["resultStatus"] for one in status["snapshotQueriesDetails"]] == ["success", "success", "empty"]

    hers = f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:a"
    assert (await fukui.client.patch(f"{hers}/attrs/flow?local=true", json={"value": 8})).status_code == 204
    await fukui.create(gauge("c", flow=3), local=True)
    assert (await sabae.client.delete(f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:b")).status_code == 204
    await sabae.die()
    there = await seen(fukui.client, snapshot)
    assert {name: one["flow"] for name, one in there.items()} == {"a": 1, "b": 2}
    assert (there["a"]["depth"], there["a"]["name"]) == (5, "足羽川")
    assert "name" not in there["b"], "it was found by a query of one attribute"
    assert set(await seen(fukui.client, snapshot, q="flow==2")) == {"b"}
    assert set(await seen(fukui.client, snapshot, orderBy="flow;desc", limit=1)) == {"b"}
    near = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[136.2,36.0]"}
    assert set(await seen(fukui.client, snapshot, **near)) == {"a"}
    one = await fukui.client.get(hers, headers={HEADER: snapshot})
    assert (one.json()["flow"]["value"], one.headers[HEADER]) == (1, snapshot)
    assert "ngsild-warning" not in one.headers, "no source is asked"
    gone = await fukui.client.get(hers.replace(":a", ":c"), headers={HEADER: snapshot})
    assert gone.status_code == 404
    posted = await fukui.client.post(
        f"{ROOT}/entityOperations/query?count=true", json=EVERYTHING, headers={HEADER: snapshot}
    )
    assert posted.headers["ngsild-results-count"] == "2"

    partly = await told(fukui.client, await freeze(fukui.client))
    assert (partly["snapshotStatus"], partly["snapshotQueriesDetails"][0]["resultStatus"]) == ("partial", "success")
    assert "199" in partly["snapshotQueriesDetails"][0]["problemDetails"]["detail"]


async def test_types_and_attributes_of_a_snapshot(fukui: Town, sabae: Town) -> None:
    """6.3.22: what there was, here and at the neighbour's, whoever has what by now; no source is asked."""
    await fukui.register(sabae.url, [{"entities": [{"type": "WaterObserved"}, {"type": "Park"}]}])
    await fukui.create(gauge("a", flow=1), local=True)
    await sabae.create(gauge("b", flow=2, depth=5))
    snapshot = await freeze(fukui.client)
    await fukui.client.delete(f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:a")
    await sabae.create({"id": "urn:ngsi-ld:Park:1", "type": "Park", "trees": 3})

    async def said(path: str, status: int = 200) -> Any:
        answer = await fukui.client.get(f"{ROOT}/{path}", headers={HEADER: snapshot})
        assert answer.status_code == status, answer.text
        return answer.json()

    assert (await fukui.get("types")).json()["typeList"] == ["Park", "WaterObserved"]
    assert (await said("types"))["typeList"] == ["WaterObserved"]
    assert [one["attributeNames"] for one in await said("types?details=true")] == [["depth", "flow"]]
    assert (await said("attributes"))["attributeList"] == ["depth", "flow"]
    assert [one["typeNames"] for one in await said("attributes?details=true")] == [["WaterObserved"]] * 2
    one = await said("types/WaterObserved")
    assert (one["entityCount"], [a["attributeName"] for a in one["attributeDetails"]]) == (2, ["depth", "flow"])
    assert (await said("attributes/depth"))["attributeCount"] == 1
    await said("types/Park", 404)
    await said("attributes/trees", 404)
    assert (await fukui.client.get(f"{ROOT}/types", headers={HEADER: snapshot})).headers[HEADER] == snapshot
    assert (await fukui.client.get(f"{ROOT}/types", headers={HEADER: "urn:ngsi-ld:Snapshot:no"})).status_code == 404


async def test_a_snapshot_through_its_life(fukui: Town, database: CityDatabase) -> None:
    client = fukui.client
    await fukui.create(gauge("a", flow=1))
    first = await freeze(client, id="urn:ngsi-ld:Snapshot:first", snapshotPriority=2, snapshotLifetime="PT2H")
    status = await told(client, first)
    alive = datetime.fromisoformat(status["expiresAt"]) - datetime.fromisoformat(status["createdAt"])
    assert alive == timedelta(hours=2)
    again = await client.post(
        f"{ROOT}/snapshots", json={"id": first, "type": "Snapshot", "snapshotQueries": [EVERYTHING]}
    )
    assert again.status_code == 409
    made = await client.post(f"{ROOT}/snapshots/{first}/clone", json={"type": "Snapshot", "snapshotPriority": 8})
    clone = made.headers["location"].rpartition("/")[2]
    changed = await client.patch(f"{ROOT}/snapshots/{clone}", json={"snapshotPriority": 9, "snapshotLifetime": "P30D"})
    assert (changed.status_code, changed.json()["snapshotPriority"]) == (200, 9)
    assert changed.json()["expiresAt"][:10] <= (datetime.now(UTC) + timedelta(days=7)).isoformat()[:10]
    assert (await client.delete(f"{ROOT}/snapshots", params={"q": "snapshotPriority<5"})).status_code == 204
    assert (await client.get(f"{ROOT}/snapshots/{first}")).status_code == 404
    assert (await client.get(f"{ROOT}/entities?type=X", headers={HEADER: first})).status_code == 404
    assert set(await seen(client, clone)) == {"a"}, "a clone stands by itself"
    assert (await client.delete(f"{ROOT}/snapshots", params={"q": "snapshotPriority<5"})).status_code == 404
    assert (await client.delete(f"{ROOT}/snapshots", params={"q": "flow<5"})).status_code == 400
    assert (await client.delete(f"{ROOT}/snapshots", params={"q": 'createdAt<"2020-01-01"'})).status_code == 404

    # Whatever else is meant for a snapshot is refused, and nothing is done to the city.
    hers = f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:a"
    for refused in (
        await client.post(f"{ROOT}/subscriptions", json={}, headers={HEADER: clone}),
        await client.post(f"{ROOT}/temporal/entities", json=gauge("a"), headers={HEADER: clone}),
        await client.get(f"{ROOT}/entities?type=X&entityMap=true", headers={HEADER: clone}),
    ):
        assert refused.status_code == 422, refused.text
    assert (await client.get(hers)).status_code == 200
    async with database.system.transaction() as tx:
        assert await forget_expired(datetime.now(UTC), tx, 10) == 0
        assert await forget_expired(datetime.now(UTC) + timedelta(days=8), tx, 10) == 1
        assert await tx.fetchval("select count(*) from snapshot_entity") == 0
    assert (await client.delete(f"{ROOT}/snapshots/{clone}")).status_code == 404


async def test_a_plan_is_tried_in_a_snapshot(fukui: Town, sabae: Town, database: CityDatabase) -> None:
    """5.5.15: what is written in a snapshot is done there alone, and nobody hears of it."""
    client = fukui.client
    await fukui.create({"id": "urn:ngsi-ld:River:1", "type": "River", "name": "足羽川"})
    await fukui.create(gauge("a", flow=1, of={"type": "Relationship", "object": "urn:ngsi-ld:River:1"}))
    rivers = {"type": "Query", "entities": [{"type": "River"}]}
    within = {HEADER: await freeze(client, EVERYTHING, rivers)}
    await fukui.register(sabae.url, GAUGE, operations=["updateOps"])
    entities, hers = f"{ROOT}/entities", f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:a"
    async with database.system.transaction() as tx:
        before = await tx.fetchval(_HEARD)

    for answer, status in (
        (await client.patch(f"{hers}/attrs/flow", json={"value": 8}, headers=within), 204),
        (await client.post(f"{hers}/attrs", json={"depth": 3}, headers=within), 204),
        (await client.post(entities, json=gauge("b", flow=2), headers=within), 201),
        (await client.post(entities, json=gauge("b", flow=2), headers=within), 409),
        (await client.post(f"{entities[:-8]}entityOperations/upsert", json=[gauge("c"), gauge("b", flow=5)],
                           headers=within), 201),
        (await client.post(f"{entities[:-8]}entityOperations/delete", json=["urn:ngsi-ld:WaterObserved:c"],
                           headers=within), 204),
        (await client.delete(f"{entities}/urn:ngsi-ld:WaterObserved:z", headers=within), 404),
        (await client.post(entities, json={"id": "urn:x:1", "type": "Person"}, headers=within), 403),
        (await client.post(entities, json=gauge("b"), headers={HEADER: "urn:x:none"}), 404),
    ):  # fmt: skip
        assert answer.status_code == status, answer.text
        assert status > 204 or answer.headers[HEADER] == within[HEADER]
    there = await seen(client, within[HEADER])
    assert {name: one.get("flow") for name, one in there.items()} == {"a": 8, "b": 5}
    assert there["a"]["depth"] == 3
    linked = await client.get(f"{hers}?join=inline&options=keyValues", headers=within)
    assert linked.json()["of"]["name"] == "足羽川"
    purged = await client.delete(f"{entities}?type=WaterObserved&q=flow<6", headers=within)
    assert (purged.status_code, set(await seen(client, within[HEADER]))) == (204, {"a"})
    assert (await client.delete(hers, headers=within)).status_code == 204
    assert await seen(client, within[HEADER]) == {}

    present = await client.get(f"{hers}?local=true&options=keyValues")
    assert present.json()["flow"] == 1
    assert (await sabae.get("entities", type="WaterObserved")).json() == []
    async with database.system.transaction() as tx:
        assert await tx.fetchval(_HEARD) == before


def past(**times: Any) -> dict[str, Any]:
    """The member of a snapshot that is to hold the gauges' history of these times."""
    return {"snapshotTemporalQueries": [{**EVERYTHING, "temporalQ": times}]}


async def history(client: httpx.AsyncClient, snapshot: str, **params: Any) -> dict[str, list[Any]]:
    """The levels in time that a query in the snapshot finds, by the end of the id."""
    given = {"type": "WaterObserved", "timerel": "after", "timeAt": DAWN, **params}
    answer = await client.get(f"{ROOT}/temporal/entities", params=given, headers={HEADER: snapshot})
    assert (answer.status_code, answer.headers.get(HEADER)) == (200, snapshot), answer.text
    return {one["id"].rpartition(":")[2]: [at["value"] for at in one["waterLevel"]] for one in answer.json()}


async def test_histories_as_they_were(fukui: Town, sabae: Town) -> None:
    """5.16.1, snapshotTemporalQueries: here and at sources; read by any times, and aggregated, within the snapshot."""
    client, one = fukui.client, f"{ROOT}/temporal/entities/{HINO}"
    await fukui.register(sabae.url, GAUGE, operations=["queryTemporal"])
    await write(fukui, h01=1, h03=3)
    await write(sabae, h02=2, h04=4)
    first = await freeze(client, **past(timerel="after", timeAt=DAWN))
    made = await client.post(f"{ROOT}/snapshots/{first}/clone", json={"type": "Snapshot"})
    late = await freeze(client, **past(timerel="after", timeAt="2026-06-30T02:30:00Z", lastN=1))
    status = await told(client, first)
    assert (status["snapshotStatus"], "snapshotQueriesDetails" in status) == ("success", False)
    assert status["snapshotTemporalQueriesDetails"] == [{"resultStatus": "success"}]
    assert (await client.delete(one, params={"local": "true"})).status_code == 204
    await sabae.die()
    assert (await client.delete(f"{ROOT}/snapshots/{first}")).status_code == 204

    clone = made.headers["location"].rpartition("/")[2]
    assert await history(client, clone) == {"hino": [1, 2, 3, 4]}
    assert await history(client, clone, lastN=2) == {"hino": [4, 3]}
    assert await history(client, clone, timerel="before", timeAt="2026-06-30T03:00:00Z") == {"hino": [1, 2]}
    assert await history(client, late) == {"hino": [4, 3]} or await history(client, late) == {"hino": [3, 4]}
    assert await history(client, clone, type="Park") == {}
    asked = {"options": "aggregatedValues", "aggrMethods": "avg,totalCount"}
    figures = (await client.get(one, params=asked, headers={HEADER: clone})).json()["waterLevel"]
    assert (figures["avg"][0][0], figures["totalCount"][0][0]) == (2.5, 4)
    by_received = {"timerel": "before", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "createdAt"}
    assert "waterLevel" not in (await client.get(one, params=by_received, headers={HEADER: clone})).json()
    deleted = await client.get(one, params={**by_received, "timeproperty": "deletedAt"}, headers={HEADER: clone})
    assert deleted.status_code == 422
    assert (await client.get(one, headers={HEADER: first})).status_code == 404


async def test_what_is_wrong_is_said(fukui: Town) -> None:
    for wrong, field in (
        ({}, "snapshotQueries"),
        ({"snapshotQueries": [{"entities": []}]}, "snapshotQueries[0].type"),
        ({"snapshotQueries": [{**EVERYTHING, "temporalQ": {}}]}, "snapshotQueries[0].temporalQ"),
        ({"snapshotQueries": [{**EVERYTHING, "q": "=="}]}, "snapshotQueries[0].q"),
        ({"snapshotQueries": [EVERYTHING], "snapshotPriority": 11}, "snapshotPriority"),
        ({"snapshotQueries": [EVERYTHING], "snapshotLifetime": "soon"}, "snapshotLifetime"),
        ({"snapshotQueries": [EVERYTHING], "id": "no uri"}, "id"),
        ({"snapshotQueries": [EVERYTHING], "colour": "red"}, "colour"),
        ({"snapshotTemporalQueries": []}, "snapshotTemporalQueries"),
        ({"snapshotTemporalQueries": [EVERYTHING]}, "snapshotTemporalQueries[0].temporalQ"),
        (past(timerel="since", timeAt=DAWN), "snapshotTemporalQueries[0].timerel"),
        (past(timerel="after", timeAt=DAWN, aggrMethods="avg"), "snapshotTemporalQueries[0].temporalQ.aggrMethods"),
        (past(timerel="after", timeAt=DAWN, timeproperty="deletedAt"),
         "snapshotTemporalQueries[0].temporalQ.timeproperty"),
    ):  # fmt: skip
        answer = await fukui.client.post(f"{ROOT}/snapshots", json={"type": "Snapshot", **wrong})
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    later = {"type": "Snapshot", "snapshotQueries": [EVERYTHING], "endpoint": {"uri": "https://app.example/"}}
    assert (await fukui.client.post(f"{ROOT}/snapshots", json=later)).status_code == 422
    assert (await fukui.client.get(f"{ROOT}/entities?type=X", headers={HEADER: "no uri"})).status_code == 400


async def test_a_snapshot_is_its_owners_alone_and_judged_as_of_today(city: City) -> None:
    headers = [{"Authorization": f"Bearer {await city.token('entities:write')}"} for _ in range(2)]
    async with city.client() as client:
        await client.post(f"{ROOT}/entities", json=gauge("a"), headers=headers[0])
        body = {"type": "Snapshot", "snapshotQueries": [EVERYTHING]}
        assert (await client.post(f"{ROOT}/snapshots", json=body)).status_code == 401
        made = await client.post(f"{ROOT}/snapshots", json=body, headers=headers[0])
        snapshot = made.headers["location"].rpartition("/")[2]
        for who, status in ((headers[0], 200), (headers[1], 404)):
            assert (await client.get(f"{ROOT}/snapshots/{snapshot}", headers=who)).status_code == status
            used = await client.get(f"{ROOT}/entities?type=WaterObserved", headers={HEADER: snapshot, **who})
            assert used.status_code == status
        stranger = await client.get(f"{ROOT}/entities?type=WaterObserved", headers={HEADER: snapshot})
        assert stranger.status_code == 404
