"""Two cities share one view (ETSI GS CIM 009, 4.3.6, 4.5.5, 5.7.1, 5.7.2, 6.3.17, 6.3.18)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.integration.federation.conftest import ROOT, Town

GAUGE = [{"entities": [{"type": "WaterObserved"}]}]


def gauge(name: str, /, **attributes: object) -> dict[str, object]:
    return {"id": f"urn:ngsi-ld:WaterObserved:{name}", "type": "WaterObserved", **attributes}


def level(value: float, at: str) -> dict[str, object]:
    return {"type": "Property", "value": value, "observedAt": at}


async def test_an_entity_of_the_neighbour_is_retrieved_here(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE)
    await sabae.create(gauge("hino", waterLevel=level(1.5, "2026-06-30T22:00:00Z")))

    answer = await fukui.get("entities/urn:ngsi-ld:WaterObserved:hino")
    assert answer.status_code == 200
    assert answer.json()["waterLevel"]["value"] == 1.5
    assert (await fukui.get("entities/urn:ngsi-ld:WaterObserved:hino", local="true")).status_code == 404


async def test_of_two_values_the_later_observed_is_shown(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE)
    here = gauge("hino", waterLevel=level(1.5, "2026-06-30T22:00:00Z"), name="日野川")
    await fukui.create(here, local=True)
    await sabae.create(gauge("hino", waterLevel=level(2.5, "2026-06-30T23:00:00Z"), name="Hino", flow=12))

    seen = (await fukui.get("entities/urn:ngsi-ld:WaterObserved:hino", options="keyValues")).json()
    assert seen["waterLevel"] == 2.5
    assert seen["name"] == "日野川"  # neither has a time: what is known here stays
    assert seen["flow"] == 12


async def test_auxiliary_sources_only_fill_gaps(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, mode="auxiliary")
    await fukui.create(gauge("hino", waterLevel=level(1.5, "2026-06-30T22:00:00Z")), local=True)
    await sabae.create(gauge("hino", waterLevel=level(2.5, "2026-06-30T23:00:00Z"), flow=12))

    seen = (await fukui.get("entities/urn:ngsi-ld:WaterObserved:hino", options="keyValues")).json()
    assert (seen["waterLevel"], seen["flow"]) == (1.5, 12)


async def test_an_exclusive_source_decides_over_its_attributes_alone(fukui: Town, sabae: Town) -> None:
    hino = "urn:ngsi-ld:WaterObserved:hino"
    selector = [{"entities": [{"type": "WaterObserved", "id": hino}], "propertyNames": ["waterLevel"]}]
    await fukui.register(sabae.url, selector, mode="exclusive", operations=["redirectionOps"])
    await fukui.create(gauge("hino", name="日野川"), local=True)
    await sabae.create(gauge("hino", waterLevel=level(2.5, "2026-06-30T23:00:00Z"), name="Hino"))

    seen = (await fukui.get(f"entities/{hino}", options="keyValues")).json()
    assert seen == {"id": hino, "type": "WaterObserved", "name": "日野川", "waterLevel": 2.5}


async def test_pages_of_both_cities_are_one_list_without_doubles(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE)
    for number in range(0, 10, 2):
        await fukui.create(gauge(f"{number:02}", flow=number), local=True)
    for number in [1, 3, 4, 5, 7]:
        await sabae.create(gauge(f"{number:02}", depth=number))

    pages = []
    for offset in (0, 3, 6):
        answer = await fukui.get("entities", type="WaterObserved", limit=3, offset=offset, count="true")
        assert answer.headers["ngsild-results-count"] == "9" or offset == 0
        pages.append([entity["id"][-2:] for entity in answer.json()])
    assert pages == [["00", "01", "02"], ["03", "04", "05"], ["06", "07", "08"]]
    both = (await fukui.get("entities", type="WaterObserved", id="urn:ngsi-ld:WaterObserved:04")).json()[0]
    assert (both["flow"]["value"], both["depth"]["value"]) == (4, 4)


async def test_a_query_is_judged_where_the_data_is(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE)
    await fukui.create(gauge("a", flow=5), local=True)
    for name, flow in (("b", 15), ("c", 3), ("d", 25)):
        await sabae.create(gauge(name, flow=flow))

    answer = await fukui.get("entities", type="WaterObserved", q="flow>4", orderBy="flow;desc", options="keyValues")
    assert [entity["flow"] for entity in answer.json()] == [25, 15, 5]
    here = await fukui.get("entities", type="*", q="flow>4", options="keyValues")
    assert [entity["flow"] for entity in here.json()] == [5], "of every type means of what is here"
    named = await fukui.get("entities", type="WaterObserved", orderBy="flow", collation="ja")
    assert (named.status_code, named.json()["type"].rpartition("/")[2]) == (422, "OperationNotSupported")
    body = {"type": "Query", "entities": [{"type": "WaterObserved"}], "q": "flow>10", "orderBy": ["flow"]}
    posted = await fukui.client.post("/ngsi-ld/v1/entityOperations/query", json=body)
    assert [entity["flow"]["value"] for entity in posted.json()] == [15, 25]


async def test_a_filter_of_sources_asks_only_those_it_lets_pass(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, operator="県")
    await sabae.create(gauge("hino", flow=1))

    assert len((await fukui.get("entities", type="WaterObserved", csf='operator=="県"')).json()) == 1
    assert (await fukui.get("entities", type="WaterObserved", csf='operator=="国"')).json() == []


async def test_a_dead_neighbour_leaves_a_part_and_a_warning(fukui: Town, sabae: Town) -> None:
    registration = await fukui.register(sabae.url, GAUGE)
    await fukui.create(gauge("a", flow=5), local=True)
    await sabae.create(gauge("b", flow=6))
    assert len((await fukui.get("entities", type="WaterObserved")).json()) == 2

    await sabae.die()
    began = time.monotonic()
    answer = await fukui.get("entities", type="WaterObserved")
    assert answer.status_code == 200
    assert [entity["id"] for entity in answer.json()] == ["urn:ngsi-ld:WaterObserved:a"]
    assert registration in answer.headers["ngsild-warning"]
    assert time.monotonic() - began < 10
    gone = await fukui.get("entities/urn:ngsi-ld:WaterObserved:b")
    assert gone.status_code == 404
    assert registration in gone.headers["ngsild-warning"]


async def test_a_silent_source_is_waited_for_as_long_as_it_says(fukui: Town) -> None:
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    await fukui.register(f"http://127.0.0.1:{port}", GAUGE, management={"timeout": 300, "cooldown": 60_000})
    await fukui.create(gauge("a", flow=5), local=True)

    answer = await fukui.get("entities", type="WaterObserved")
    assert len(answer.json()) == 1
    assert "did not answer within 0.3 s" in answer.headers["ngsild-warning"]
    again = await fukui.get("entities", type="WaterObserved")
    assert "left alone" in again.headers["ngsild-warning"]
    assert len(held) == 1
    for writer in held:
        writer.close()
    silent.close()
    await silent.wait_closed()


async def test_cities_that_know_each_other_do_not_ask_in_circles(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE)
    await sabae.register(fukui.url, GAUGE)
    await fukui.create(gauge("a", flow=5), local=True)
    await sabae.create(gauge("b", flow=6), local=True)

    for town in (fukui, sabae):
        answer = await town.get("entities", type="WaterObserved")
        assert [entity["id"][-1] for entity in answer.json()] == ["a", "b"]
        assert "ngsild-warning" not in answer.headers


async def test_a_kept_answer_serves_while_the_neighbour_is_away(fukui: Town, sabae: Town) -> None:
    await fukui.register(sabae.url, GAUGE, management={"cacheDuration": "PT0.5S"})
    await sabae.create(gauge("b", flow=6))
    assert len((await fukui.get("entities", type="WaterObserved")).json()) == 1
    await sabae.die()
    deadline = time.monotonic() + 30
    while "ngsild-warning" not in (answer := await fukui.get("entities", type="WaterObserved")).headers:
        assert time.monotonic() < deadline
        assert len(answer.json()) == 1
    assert answer.headers["ngsild-warning"].startswith("110 ")
    assert len(answer.json()) == 1


async def test_a_registration_says_what_came_of_asking(fukui: Town, sabae: Town) -> None:
    """5.2.9: timesSent, timesFailed, lastSuccess, lastFailure and status are the broker's to tell."""
    registration = f"csourceRegistrations/{await fukui.register(sabae.url, GAUGE)}"
    fresh = (await fukui.get(registration)).json()
    assert "timesSent" not in fresh

    async def counted(times: int) -> dict[str, Any]:
        for _ in range(300):
            said = dict((await fukui.get(registration)).json())
            if said.get("timesSent") == times:
                return said
            await asyncio.sleep(0.2)
        raise AssertionError(said)

    await fukui.get("entities", type="WaterObserved")
    well = await counted(1)
    assert (well["timesFailed"], well["status"], "lastFailure" in well) == (0, "ok", False)
    sent_back = await fukui.client.patch(f"{ROOT}/{registration}", json={"timesSent": 99, "description": "隣の市"})
    assert sent_back.status_code == 204, sent_back.text
    await sabae.die()
    await fukui.get("entities", type="WaterObserved")
    ill = await counted(2)
    assert (ill["timesFailed"], ill["status"], ill["description"]) == (1, "failed", "隣の市")
    assert ill["lastFailure"] > ill["lastSuccess"] == well["lastSuccess"]


async def test_entities_in_parts_are_judged_when_they_are_whole(fukui: Town, sabae: Town) -> None:
    """splitEntities (5.7.2): what each broker knows of an entity does not answer the query; all of it together does."""
    await fukui.register(sabae.url, [{**GAUGE[0], "propertyNames": ["flow", "location"]}])
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}}
    for name, river in (("hino", "日野川"), ("asuwa", "足羽川"), ("kuzu", "九頭竜川")):
        await fukui.create(gauge(name, river=river, scope="/福井"), local=True)
    await fukui.create({**gauge("other", river="日野川"), "type": "River"}, local=True)
    await sabae.create(gauge("hino", flow=12, location=place))
    await sabae.create(gauge("asuwa", flow=3, location=place))
    await sabae.create(gauge("only", flow=20))

    async def found(**params: Any) -> list[str]:
        answer = await fukui.get("entities", type="WaterObserved", options="keyValues", **params)
        assert answer.status_code == 200, answer.text
        return [one["id"].rpartition(":")[2] for one in answer.json()]

    both = {"q": 'river~="川";flow>5'}
    assert await found(**both) == []
    assert await found(**both, splitEntities="true") == ["hino"]
    near = {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": "[136.201,36.0]"}
    assert await found(**near, scopeQ="/福井", splitEntities="true") == ["asuwa", "hino"]
    assert await found(q="flow>5", splitEntities="true") == ["hino", "only"]
    assert await found(q="flow>5", attrs="river", splitEntities="true") == ["hino"]
    assert await found(q="!flow", splitEntities="true", local="true") == ["asuwa", "hino", "kuzu"]
    assert await found(splitEntities="true", orderBy="flow;desc", limit=2, offset=1) == ["hino", "asuwa"]
    counted = await fukui.get(
        "entities", type="WaterObserved", q="flow<15", splitEntities="true", count="true", limit=1
    )
    assert [one["flow"]["value"] for one in counted.json()] == [3]
    assert counted.headers["ngsild-results-count"] == "2"
    assert 'rel="next"' in counted.headers["link"]
    body = {"type": "Query", "entities": [{"type": "WaterObserved", "idPattern": "hino|only"}], **both}
    posted = await fukui.client.post(f"{ROOT}/entityOperations/query", json=body, params={"splitEntities": "true"})
    assert [one["river"]["value"] for one in posted.json()] == ["日野川"]
    mapped = await fukui.get("entities", type="WaterObserved", **both, splitEntities="true", entityMap="true")
    assert [one["flow"]["value"] for one in mapped.json()] == [12]
