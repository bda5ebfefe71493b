"""What queries found once stays as it was (ETSI GS CIM 009, 4.3.7, 5.5.15, 5.16, 6.3.22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from broker.store.snapshots import forget_expired
from tests.conftest import CityDatabase
from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_reads import GAUGE, gauge
from tests.integration.gateway.conftest import City, city

__all__ = ["city"]

HEADER = "NGSILD-Snapshot"
EVERYTHING = {"type": "Query", "entities": [{"type": "WaterObserved"}]}


async def freeze(client: httpx.AsyncClient, *queries: dict[str, Any], **more: Any) -> str:
    """The id of a new snapshot."""
    body = {"type": "Snapshot", "snapshotQueries": list(queries or (EVERYTHING,)), **more}
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
        await client.delete(hers, headers={HEADER: clone}),
        await client.get(f"{ROOT}/temporal/entities/urn:ngsi-ld:WaterObserved:a", headers={HEADER: clone}),
        await client.get(f"{hers}?join=inline", headers={HEADER: clone}),
        await client.get(f"{ROOT}/entities?type=X&entityMap=true", headers={HEADER: clone}),
    ):
        assert refused.status_code == 422, refused.text
    assert (await client.get(hers)).status_code == 200
    async with database.system.transaction() as tx:
        assert await forget_expired(datetime.now(UTC), tx, 10) == 0
        assert await forget_expired(datetime.now(UTC) + timedelta(days=8), tx, 10) == 1
        assert await tx.fetchval("select count(*) from snapshot_entity") == 0
    assert (await client.delete(f"{ROOT}/snapshots/{clone}")).status_code == 404


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
    ):
        answer = await fukui.client.post(f"{ROOT}/snapshots", json={"type": "Snapshot", **wrong})
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    later = {"type": "Snapshot", "snapshotQueries": [EVERYTHING], "snapshotTemporalQueries": []}
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
