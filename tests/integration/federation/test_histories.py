"""The past of an entity is what all sources know of it (ETSI GS CIM 009, 5.7.3)."""

from __future__ import annotations

from typing import Any

from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_reads import GAUGE, gauge

HINO = "urn:ngsi-ld:WaterObserved:hino"
PATH = f"temporal/entities/{HINO}"
OFFERED = ["retrieveTemporal"]


async def write(town: Town, name: str = "waterLevel", /, **levels: float) -> None:
    instances = [{"value": value, "observedAt": f"2026-06-30T{hour[1:]}:00:00Z"} for hour, value in levels.items()]
    made = await town.client.post(f"{ROOT}/temporal/entities", json=gauge("hino", **{name: instances}))
    assert made.status_code in (201, 204), made.text


async def values(town: Town, **params: Any) -> list[float]:
    answer = await town.get(PATH, **params)
    assert answer.status_code == 200, answer.text
    return [one["value"] for one in answer.json()["waterLevel"]]


async def test_both_pasts_are_one(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, operations=OFFERED)
    await write(fukui, h01=1, h03=3)
    await write(sabae, h02=2, h03=33, h04=4)
    await write(sabae, "flow", h02=9)

    assert await values(fukui) == [1, 2, 3, 4], "of one time ours stays"
    assert await values(fukui, local="true") == [1, 3]
    assert await values(fukui, lastN=2) == [4, 3]
    between = {"timerel": "between", "timeAt": "2026-06-30T02:00:00Z", "endTimeAt": "2026-06-30T04:00:00Z"}
    assert await values(fukui, **between) == [2, 3]
    whole = (await fukui.get(PATH, options="temporalValues")).json()
    assert whole["flow"]["values"] == [[9, "2026-06-30T02:00:00Z"]]
    assert len({one["instanceId"] for one in (await fukui.get(PATH)).json()["waterLevel"]}) == 4
    assert "flow" not in (await fukui.get(PATH, attrs="waterLevel")).json()


async def test_what_only_the_neighbour_knows(fukui: Town, sabae: Town) -> None:
    await write(sabae, h02=2)
    assert (await fukui.get(PATH)).status_code == 404
    interval = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2026-12-31T00:00:00Z"}
    registration = await fukui.register(sabae.url, GAUGE, operations=OFFERED, observationInterval=interval)
    assert await values(fukui) == [2]
    assert (await fukui.get(f"entities/{HINO}")).status_code == 404, "of the present it is not asked"
    await sabae.die()
    gone = await fukui.get(PATH)
    assert gone.status_code == 404
    assert registration in gone.headers["ngsild-warning"]


async def test_an_exclusive_source_decides_over_the_past_too(fukui: Town, sabae: Town) -> None:
    await write(fukui, h01=1, h02=2)
    await write(sabae, h02=22)
    await write(sabae, "flow", h02=9)
    selector = [{"entities": [{"type": "WaterObserved", "id": HINO}], "propertyNames": ["waterLevel"]}]
    await fukui.register(sabae.url, selector, mode="exclusive", operations=OFFERED)
    assert await values(fukui) == [1, 22]
    assert "flow" not in (await fukui.get(PATH)).json(), "it registered the level alone"


async def found(town: Town, **params: Any) -> dict[str, list[float]]:
    """The levels of the gauges that a query finds."""
    given = {"type": "WaterObserved", "timerel": "after", "timeAt": "2026-06-30T00:30:00Z", **params}
    answer = await town.get("temporal/entities", **given)
    assert answer.status_code == 200, answer.text
    return {one["id"].rpartition(":")[2]: [at["value"] for at in one["waterLevel"]] for one in answer.json()}


async def test_a_filter_of_sources_holds_for_queries_of_the_past(fukui: Town, sabae: Town) -> None:
    """5.7.4: csf is asked of the registrations here, and is not for the sources."""
    await fukui.register(sabae.url, GAUGE, operations=["queryTemporal"], operator="県")
    await write(fukui, h01=1)
    await write(sabae, h02=2)
    assert await found(fukui, csf='operator=="県"') == {"hino": [1, 2]}
    assert await found(fukui, csf='operator=="国"') == {"hino": [1]}
    body = {"type": "Query", "entities": [{"type": "WaterObserved"}],
            "temporalQ": {"timerel": "after", "timeAt": "2026-06-30T00:30:00Z"}}  # fmt: skip
    for operator, levels in (("県", [1, 2]), ("国", [1])):
        asked = {**body, "csf": f'operator=="{operator}"'}
        posted = await fukui.client.post(f"{ROOT}/temporal/entityOperations/query", json=asked)
        assert [[at["value"] for at in one["waterLevel"]] for one in posted.json()] == [levels]
    wrong = await fukui.get("temporal/entities", type="WaterObserved", timerel="after", timeAt="2026-06-30T00:30:00Z",
                            csf='operator~="("')  # fmt: skip
    assert (wrong.status_code, wrong.json()["field"]) == (400, "csf")


async def test_a_query_is_of_both_pasts(fukui: Town, sabae: Town) -> None:
    registration = await fukui.register(sabae.url, GAUGE, operations=["queryTemporal"])
    await write(fukui, h01=1, h03=3)
    await write(sabae, h02=2, h03=33)
    for town, name, value in ((fukui, "asuwa", 7), (sabae, "kuzuryu", 8), (sabae, "zenbo", 9)):
        level = [{"value": value, "observedAt": "2026-06-30T05:00:00Z"}]
        await town.client.post(f"{ROOT}/temporal/entities", json=gauge(name, waterLevel=level))

    everything = {"asuwa": [7], "hino": [1, 2, 3], "kuzuryu": [8], "zenbo": [9]}
    assert await found(fukui) == everything
    assert await found(fukui, local="true") == {"asuwa": [7], "hino": [1, 3]}
    assert await found(fukui, limit=2, offset=1) == {"hino": [1, 2, 3], "kuzuryu": [8]}
    assert await found(fukui, q="waterLevel>=8") == {"hino": [1, 2, 3], "kuzuryu": [8], "zenbo": [9]}
    assert await found(fukui, id=HINO, lastN=2) == {"hino": [3, 2]}
    assert await found(fukui, timeAt="2026-06-30T04:00:00Z", idPattern="o$") == {"zenbo": [9]}
    first = await fukui.get("temporal/entities", type="WaterObserved", timerel="after", timeAt="2026-06-30T00:30:00Z",
                            limit=1, count="true")  # fmt: skip
    assert (len(first.json()), 'rel="next"' in first.headers["link"]) == (1, True)
    assert first.headers["ngsild-results-count"] == "4"
    body = {"type": "Query", "entities": [{"type": "WaterObserved", "id": HINO}, {"type": "None"}],
            "temporalQ": {"timerel": "before", "timeAt": "2026-06-30T03:00:00Z"}}  # fmt: skip
    posted = await fukui.client.post(f"{ROOT}/temporal/entityOperations/query", json=body)
    assert [[at["value"] for at in one["waterLevel"]] for one in posted.json()] == [[1, 2]]

    await sabae.die()
    left = await fukui.get("temporal/entities", type="WaterObserved", timerel="after", timeAt="2026-06-30T00:30:00Z")
    assert [one["id"].rpartition(":")[2] for one in left.json()] == ["asuwa", "hino"]
    assert registration in left.headers["ngsild-warning"]
