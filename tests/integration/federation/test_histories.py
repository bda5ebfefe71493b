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
