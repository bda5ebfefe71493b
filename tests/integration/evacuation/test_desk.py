"""The officer's night over HTTP: proposal, issue, correct, lift, withdraw, and everything that must not happen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from lxml import etree

from adapters.times import parse_time
from broker.consent.register import add_person
from broker.delivery.notice import PUBLIC_CHANNELS, Filter
from broker.delivery.personal import leave, reach, ways_of
from broker.delivery.queue import subscribe
from broker.errors import Invalid, NotFound
from schemas.clock import utc_now
from schemas.river import Mode
from services.evacuation.telling import CONFIRM
from services.evacuation.watching import Escalation
from tests.integration.evacuation.conftest import PREFIX, Night, collection, district, load, seen, wish
from tests.integration.gateway.conftest import City

ORDERS = f"{PREFIX}/orders"


async def issue(client: httpx.AsyncClient, *names: str, level: int = 4) -> dict[str, Any]:
    answer = await client.post(ORDERS, json=await wish(client, "issue", *names, level=level))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def in_force(night: Night) -> list[dict[str, Any]]:
    orders: list[dict[str, Any]] = (await (await night.anybody()).get(f"{PREFIX}/public")).json()["orders"]
    return orders


async def test_a_rising_gauge_proposes_and_issues_nothing(night: Night, officer: httpx.AsyncClient) -> None:
    await night.rise((0, 0.5), (10, 2.1), (20, 2.2))
    view = (await officer.get(f"{PREFIX}/desk")).json()
    [eba] = [one for one in view["districts"] if one["id"] == "eba"]
    assert (eba["proposal"]["level"], eba["standing"]["level"], eba["needHelp"]) == (4, 0, 12)
    assert eba["proposal"]["evidence"][0]["why"].startswith("氾濫危険水位に達し")
    assert eba["proposal"]["evidence"][0]["sign"]["level"] == 2.2
    assert view["levels"]["4"]["ja"] == "避難指示"
    assert await in_force(night) == []
    lines = (await officer.get(f"{PREFIX}/record")).json()["lines"]
    assert [line["kind"] for line in lines if line["kind"] == "proposed"] == ["proposed"] * 2


async def test_issue_correct_lift_on_every_channel(night: Night, officer: httpx.AsyncClient, city: City) -> None:
    async with city.database.system.transaction() as tx:
        await subscribe(tx, "fukui", channel="mail", target="a@example.jp", wants=Filter(grade=3))
        await subscribe(tx, "fukui", channel="mqtt", target="sirens", wants=Filter(grade=5))
    await night.rise((0, 0.5), (10, 2.1))
    asked = await wish(officer, "issue", "eba", "harame", level=4, note="体育館を開けました。")
    shown = (await officer.post(f"{PREFIX}/preview", json=asked)).json()
    assert (shown["channels"], shown["households"], shown["web"]) == ({"mail": 1}, 240, True)
    first = (await officer.post(ORDERS, json=asked)).json()
    assert (first["state"], first["decidedBy"]["name"]) == ("issued", "福井 花子")
    [public] = await in_force(night)
    assert public["level"] == 4
    assert "避難指示" in public["headline"]
    assert "体育館を開けました。" in public["text"]
    assert "逃" in public["easy"]
    assert "must evacuate" in public["textEn"]
    assert {one["id"] for one in public["districts"]} == {"eba", "harame"}
    assert "needHelp" not in str(public)
    fixed = await officer.post(
        ORDERS, json=await wish(officer, "correct", "eba", "harame", about=first["id"], note="開設は小学校です。")
    )
    assert fixed.status_code == 200, fixed.text
    assert "小学校" in (await in_force(night))[0]["text"]
    lifted = await officer.post(ORDERS, json=await wish(officer, "lift", "eba", "harame"))
    assert lifted.status_code == 200, lifted.text
    assert await in_force(night) == []
    detail = (await officer.get(f"{ORDERS}/{first['id']}")).json()
    assert detail["deliveries"] == [{"channel": "mail", "state": "waiting", "count": 1}]
    kinds = [line["kind"] for line in (await officer.get(f"{PREFIX}/record")).json()["lines"]]
    assert kinds[:3] == ["lift", "correct", "issue"]


async def test_the_documents_of_a_notice(night: Night, officer: httpx.AsyncClient) -> None:
    first = await issue(officer, "eba")
    await officer.post(ORDERS, json=await wish(officer, "withdraw", "eba", about=first["id"]))
    anybody = await night.anybody()
    feed = await anybody.get("/feeds/evacuation.atom")
    links = etree.fromstring(feed.content).xpath("//*[local-name()='entry']/*[local-name()='link']/@href")
    documents = [etree.fromstring((await anybody.get(link)).content) for link in links]
    assert [one.findtext("{*}msgType") for one in documents] == ["Cancel", "Alert"]
    polygon = documents[1].findtext("{*}info/{*}area/{*}polygon")
    assert polygon is not None
    assert polygon.split()[0] == polygon.split()[-1] == "35.90000,136.00000"
    assert documents[0].findtext("{*}references", "").split(",")[1] == documents[1].findtext("{*}identifier")
    entity = (await anybody.get("/ngsi-ld/v1/entities/urn:ngsi-ld:Alert:evacuation:eba")).json()
    assert (entity["warningLevel"]["value"], entity["msgType"]["value"]) == (0, "withdraw")


async def test_withdrawing_goes_back_to_what_held(night: Night, officer: httpx.AsyncClient) -> None:
    await issue(officer, "eba", level=3)
    wrong = await issue(officer, "eba", level=5)
    corrected = (await officer.post(ORDERS, json=await wish(officer, "correct", "eba", about=wrong["id"]))).json()
    back = await officer.post(ORDERS, json=await wish(officer, "withdraw", "eba", about=corrected["id"]))
    assert back.status_code == 200, back.text
    [public] = await in_force(night)
    assert public["level"] == 3
    [told] = [one for one in (await officer.get(f"{PREFIX}/desk")).json()["orders"] if one["kind"] == "withdraw"]
    assert "警戒レベル3 高齢者等避難は続いています: eba地区。" in told["words"]["text"]
    assert "still holds in Eba" in told["words"]["text_en"]


async def test_what_was_lifted_in_one_district_is_told_of_the_other_alone(
    night: Night, officer: httpx.AsyncClient
) -> None:
    """On the page, on television and in CAP, where the document that ends a notice says again what is left of it."""
    await issue(officer, "eba", "harame", level=3)
    above = await issue(officer, "eba", level=4)
    anybody = await night.anybody()
    assert (await anybody.get("/feeds/evacuation.txt")).text.splitlines() == [
        "警戒レベル4 避難指示発令 eba地区",
        "警戒レベル3 高齢者等避難発令 harame地区",
    ]
    lifted = (await officer.post(ORDERS, json=await wish(officer, "lift", "eba"))).json()
    [public] = await in_force(night)
    assert [one["id"] for one in public["districts"]] == ["harame"]
    assert "harame地区" in public["text"]
    assert "eba" not in public["text"] + public["headline"] + public["easy"]
    root = etree.fromstring((await anybody.get(f"/cap/evacuation/{lifted['number']}.xml")).content)
    named = [one.split(",")[1] for one in root.findtext("{*}references", "").split()]
    assert (root.findtext("{*}msgType"), named) == ("Update", ["evacuation-2", "evacuation-1"])
    told = [(one.findtext("{*}responseType"), one.findtext("{*}area/{*}areaDesc")) for one in root.iterfind("{*}info")]
    assert told == [("AllClear", "eba地区")] * 2 + [("Prepare", "harame地区")] * 2
    assert above["number"] == 2
    await issue(officer, "eba", level=5)
    await officer.post(ORDERS, json=await wish(officer, "lift", "eba", "harame"))
    newest = (await officer.get(f"{PREFIX}/record")).json()["lines"][0]
    assert newest["text"].startswith("eba地区、harame地区の避難の情報を解除。"), "no one level is that of both"


async def test_two_officers_at_once(night: Night, officer: httpx.AsyncClient) -> None:
    other = await night.officer()
    mine = await wish(officer, "issue", "eba", level=4)
    theirs = await wish(other, "issue", "eba", "harame", level=3)
    assert (await officer.post(ORDERS, json=mine)).status_code == 200
    crossed = await other.post(ORDERS, json=theirs)
    assert crossed.status_code == 409
    assert "警戒レベル4" in crossed.json()["detail"]
    again = await officer.post(ORDERS, json=mine)
    assert (again.status_code, len(await in_force(night))) == (200, 1)
    assert (await other.post(ORDERS, json={**mine, "reason": "別の理由です"})).status_code == 409


async def test_a_second_person_confirms(city: City) -> None:
    night = Night(city, Mode.ACTUAL, second_person=True)
    await night.flood.gauge()
    first, second = await night.officer(), await night.officer()
    await load(first)
    async with city.database.system.transaction() as tx:
        await subscribe(tx, "fukui", channel="mail", target="staff@example.jp", wants=Filter(staff=True))
        await subscribe(tx, "fukui", channel="mail", target="anybody@example.jp")
    waiting = await issue(first, "eba")
    assert waiting["state"] == "waiting"
    [shown] = (await second.get(f"{PREFIX}/desk")).json()["orders"]
    assert "全員避難してください" in shown["words"]["text"]
    asked = await night.flood.rows(
        "select s.target, d.notice ->> 'kind' as kind from delivery d join subscriber s on s.id = d.subscriber_id"
    )
    assert [tuple(row.values()) for row in asked] == [("staff@example.jp", "evacuation.confirmation")]
    assert await in_force(night) == []
    assert (await first.post(f"{ORDERS}/{waiting['id']}/confirm", json={})).status_code == 403
    done = await second.post(f"{ORDERS}/{waiting['id']}/confirm", json={})
    assert (done.status_code, done.json()["state"]) == (200, "issued")
    assert len(await in_force(night)) == 1
    assert (await second.post(f"{ORDERS}/{waiting['id']}/confirm", json={})).status_code == 409
    refused = await issue(first, "harame")
    assert (await second.post(f"{ORDERS}/{refused['id']}/refuse", json={})).json()["state"] == "refused"
    assert len(await in_force(night)) == 1
    await night.close()


async def test_an_exercise_never_reaches_the_public(city: City) -> None:
    night = Night(city, Mode.EXERCISE)
    await night.flood.gauge()
    client = await night.officer()
    await load(client)
    async with city.database.system.transaction() as tx:
        every = Filter(modes=(Mode.ACTUAL, Mode.EXERCISE, Mode.TEST))
        await subscribe(tx, "fukui", channel="mail", target="curious@example.jp", wants=every)
        staff = Filter(modes=(Mode.EXERCISE,), staff=True)
        await subscribe(tx, "fukui", channel="mail", target="staff@example.jp", wants=staff)
        for channel in PUBLIC_CHANNELS:
            with pytest.raises(Invalid, match="everybody reads"):
                await subscribe(tx, "fukui", channel=channel, target="https://a.example", wants=staff)
            # As one of before that rule was there, or put in by hand.
            number = await subscribe(tx, "fukui", channel=channel, target="https://a.example", secret=b"t")
            await tx.execute(
                "update subscriber set filter = $2::jsonb where id = $1", number, msgspec.json.encode(staff).decode()
            )
        await add_person(tx, "fukui", "p1", utc_now(), name="福井 花子")
        await reach(tx, "fukui", "p1", "mail", "resident@example.jp", ["evacuation"], utc_now())
    asked = await wish(client, "issue", "eba", level=5)
    shown = (await client.post(f"{PREFIX}/preview", json=asked)).json()
    assert (shown["channels"], shown["web"]) == ({"mail": 1}, False)
    made = (await client.post(ORDERS, json=asked)).json()
    assert shown["words"]["headline"].startswith("【訓練】")
    anybody = await night.anybody()
    assert await in_force(night) == []
    assert b"<entry" not in (await anybody.get("/feeds/evacuation.atom")).content
    assert (await anybody.get("/feeds/evacuation.txt")).text == ""
    assert (await anybody.get(f"/cap/evacuation/{made['number']}.xml")).status_code == 404
    assert (await anybody.get("/ngsi-ld/v1/entities/urn:ngsi-ld:Alert:evacuation:eba")).status_code == 404
    targets = await night.flood.rows(
        "select s.target from delivery d join subscriber s on s.id = d.subscriber_id where d.notice_id = $1",
        "evacuation-1-exercise",
    )
    assert [row["target"] for row in targets] == ["staff@example.jp"]
    await night.close()


async def test_nobody_answers(night: Night, officer: httpx.AsyncClient, city: City) -> None:
    await night.rise((0, 0.5), (10, 2.1))
    answered = await officer.post(f"{PREFIX}/answers", json={"districts": ["eba"]})
    assert answered.json() == {"answered": ["eba"]}
    patient = Escalation(city.database.system, night.settings, night.mode)
    assert await patient.look() == 0
    hasty = Escalation(city.database.system, night.settings.model_copy(update={"answer_within_s": 0.0}), night.mode)
    assert (await hasty.look(), await hasty.look()) == (1, 0)
    [line] = [one for one in (await officer.get(f"{PREFIX}/record")).json()["lines"] if one["kind"] == "escalated"]
    assert line["districts"] == ["harame"]


async def test_a_confirmation_that_nobody_gives_is_told_down_the_line_until_somebody_does(city: City) -> None:
    night = Night(city, Mode.ACTUAL, second_person=True, answer_within_s=600, repeat_every_s=300, repeat_for_h=1)
    await night.flood.gauge()
    first, second = await night.officer(), await night.officer()
    await load(first)
    unanswered = (f"{CONFIRM}.unanswered",)
    line = {"all": None, "first": (CONFIRM,), "deputy": unanswered, "mayor": unanswered}
    async with city.database.system.transaction() as tx:
        for name, kinds in line.items():
            wants = Filter(staff=True, kinds=kinds, about={"step": ("2",)} if name == "mayor" else {})
            await subscribe(tx, "fukui", channel="mail", target=f"{name}@example.jp", wants=wants)
        await subscribe(tx, "fukui", channel="mail", target="anybody@example.jp")
    begin = utc_now()
    waiting = await issue(first, "eba")

    async def after(seconds: float) -> int:
        later = begin + timedelta(seconds=seconds)
        return await Escalation(city.database.system, night.settings, night.mode, clock=lambda: later).look()

    async def told() -> list[str]:
        rows = await night.flood.rows(
            "select split_part(s.target, '@', 1) as who, d.notice ->> 'subject' as subject from delivery d"
            " join subscriber s on s.id = d.subscriber_id order by d.id"
        )
        await night.flood.rows("delete from delivery")
        assert all(row["subject"].startswith("【未応答】【確認待ち】") for row in rows if row["who"] == "deputy")
        return sorted(row["who"] for row in rows)

    assert await told() == ["all", "first"]
    assert (await after(300), await told()) == (0, [])
    assert (await after(1000), await after(1200), await told()) == (1, 0, ["all", "deputy", "first"])
    assert (await after(1301), await told()) == (1, ["all", "deputy", "first", "mayor"])
    assert (await after(1602), await told()) == (1, ["all", "deputy", "first", "mayor"])
    assert (await after(5000), await told()) == (0, []), "of another night"
    [shown] = (await second.get(f"{PREFIX}/desk")).json()["orders"]
    assert shown["raised"] == 3
    lines = await night.flood.rows(
        "select text, detail ->> 'order' as about from evacuation_record where kind = 'escalated' order by id"
    )
    assert {line["about"] for line in lines} == {waiting["id"]}
    assert [line["text"][-5:] for line in lines] == ["（1回目）", "（2回目）", "（3回目）"]
    assert (await second.post(f"{ORDERS}/{waiting['id']}/confirm", json={})).status_code == 200
    await told()
    assert (await after(1903), await told()) == (0, [])
    await night.close()


async def test_the_record_is_carried_away_and_never_changed(night: Night, officer: httpx.AsyncClient) -> None:
    await night.rise((0, 0.5), (10, 2.1))
    await issue(officer, "eba")
    long = "=危険です。原目の避難所は満員\n" + "排水機場を見てください。\n" * 250
    assert (await officer.post(f"{PREFIX}/record", json={"kind": "handover", "text": long})).status_code == 204
    [newest] = (await officer.get(f"{PREFIX}/record", params={"limit": 1})).json()["lines"]
    assert newest["kind"] == "handover"
    text = (await officer.get(f"{PREFIX}/record.csv")).content.decode("utf-8-sig")
    assert "eba地区: 提案 警戒レベル4、江波 氾濫危険水位に達し" in text, "on what evidence"
    assert "'=危険です。" in text
    assert (await officer.get(f"{PREFIX}/record.pdf")).content.startswith(b"%PDF")
    with pytest.raises(Exception, match="append-only"):
        await night.flood.rows("delete from evacuation_record")


WRONG_WISHES: list[tuple[dict[str, Any], int, str | None]] = [
    ({"level": 2}, 400, "level"),
    ({"level": "high"}, 400, "level"),
    ({"reason": "  "}, 400, "reason"),
    ({"seen": {}}, 400, "seen"),
    ({"seen": {"nowhere": 0}}, 400, "seen"),
    ({"kind": "lift", "level": 0}, 409, None),
    ({"kind": "correct", "level": 0}, 400, "about"),
    ({"kind": "withdraw", "level": 0, "about": "0123456789"}, 400, "about"),
    ({"id": "x"}, 400, "id"),
    ({"colour": "red"}, 400, None),
]


async def test_what_cannot_be_issued(night: Night, officer: httpx.AsyncClient) -> None:
    for change, status, field in WRONG_WISHES:
        body = {**await wish(officer, "issue", "eba", level=4), **change}
        answer = await officer.post(ORDERS, json=body)
        assert (answer.status_code, answer.json().get("field")) == (status, field), (change, answer.text)
    assert await in_force(night) == []


async def test_only_a_named_officer_issues(night: Night, officer: httpx.AsyncClient) -> None:
    body = await wish(officer, "issue", "eba", level=4)
    anybody = await night.anybody()
    assert (await anybody.post(ORDERS, json=body)).status_code == 401
    assert (await anybody.get(f"{PREFIX}/desk")).status_code == 401
    app = {"Authorization": f"Bearer {await night.city.token('evacuation:issue')}"}
    refused = await anybody.post(ORDERS, json=body, headers=app)
    assert (refused.status_code, "named officer" in refused.json()["detail"]) == (403, True)
    assert (await (await night.officer("flood-officer")).post(ORDERS, json=body)).status_code == 403


CROSSED = [[[136, 36], [137, 37], [137, 36], [136, 37], [136, 36]]]
WRONG_DISTRICTS: list[tuple[Any, str]] = [
    ({}, "FeatureCollection"),
    (collection(district("a", 136.0), district("b", 136.005)), "overlap"),
    (collection(district("a", 136.0), district("a", 136.2)), "twice"),
    (collection(district("a", 136.0, gauges=["999"])), "no gauge '999'"),
    (collection(district("a", 136.0, households=-1)), "households"),
    (collection(district("a", 36.0)), "not in Japan"),
    (collection({**district("a", 136.0), "geometry": {"type": "Point", "coordinates": [136, 36]}}), "Polygon"),
    (
        collection({**district("a", 136.0), "geometry": {"type": "Polygon", "coordinates": CROSSED}}),
        "Self-intersection",
    ),
]


async def test_districts_that_are_wrong(officer: httpx.AsyncClient) -> None:
    for document, said in WRONG_DISTRICTS:
        answer = await officer.put(f"{PREFIX}/districts", json=document)
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.text
    assert len((await officer.get(f"{PREFIX}/districts")).json()["features"]) == 2


async def test_figures_from_a_spreadsheet(night: Night, officer: httpx.AsyncClient) -> None:
    csv = {"Content-Type": "text/csv"}
    text = "\ufeffid,households,needHelp\r\neba,200,31\r\n"
    answer = await officer.put(f"{PREFIX}/districts", content=text.encode(), headers=csv)
    assert answer.json() == {"districts": 2, "warnings": []}
    [eba] = [one for one in (await officer.get(f"{PREFIX}/desk")).json()["districts"] if one["id"] == "eba"]
    assert (eba["households"], eba["people"], eba["needHelp"]) == (200, 300, 31)
    wrong = await officer.put(f"{PREFIX}/districts", content=b"id,people\r\nnowhere,1\r\n", headers=csv)
    assert "line 2" in wrong.json()["detail"]


async def test_gauges_that_serve_nobody_are_told(night: Night, officer: httpx.AsyncClient) -> None:
    await night.flood.gauge("urn:ngsi-ld:WaterObserved:180009:7")
    answer = await officer.put(
        f"{PREFIX}/districts", json=collection(district("a", 136.0), district("b", 136.1, gauges=["124"]))
    )
    assert len(answer.json()["warnings"]) == 2


async def test_a_district_under_a_notice_stays(night: Night, officer: httpx.AsyncClient) -> None:
    await issue(officer, "eba")
    answer = await officer.put(f"{PREFIX}/districts", json=collection(district("harame", 136.01)))
    assert answer.status_code == 409
    assert await seen(officer, "eba") == {"eba": 1}


async def test_the_public_snapshot(night: Night, officer: httpx.AsyncClient) -> None:
    await issue(officer, "eba")
    anybody = await night.anybody()
    first = await anybody.get("/api/v1/public/snapshot")
    assert [order["level"] for order in first.json()["orders"]] == [4]
    assert first.headers["cache-control"].startswith("public, max-age=")
    assert first.headers["age"] == "0"
    same = await anybody.get("/api/v1/public/snapshot", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


async def test_a_flood_notice_is_evidence_of_its_own(night: Night, officer: httpx.AsyncClient) -> None:
    notice, rain = "urn:ngsi-ld:FloodNotice:tennou", "urn:ngsi-ld:WeatherObserved:r1"
    async with night.city.database.system.transaction() as tx:
        for family, entity, kind in (("flood_notice", notice, "FloodNotice"), ("rain_gauge", rain, "WeatherObserved")):
            await tx.execute(
                "insert into device (tenant_id, id, family, entity_id, entity_type)"
                " select id, $1, $2, $3, $4 from tenant where name = 'fukui'",
                *(entity.rsplit(":", 1)[-1], family, entity, kind),
            )
    wrong = collection(district("eba", 136.0, gauges=["124"], sources=["r2"]))
    refused = await officer.put(f"{PREFIX}/districts", json=wrong)
    assert (refused.status_code, "there is no source 'r2'" in refused.json()["detail"]) == (400, True)
    body = collection(district("eba", 136.0, gauges=["124"], sources=["r1", "tennou"]))
    assert (await officer.put(f"{PREFIX}/districts", json=body)).status_code == 200
    said = {
        "noticeKind": "water-level",
        "noticeStatus": "actual",
        "warningLevel": 3,
        "headline": "天王川",
        "ended": False,
    }
    await night.hear(notice, "FloodNotice", said)
    [eba] = (await officer.get(f"{PREFIX}/desk")).json()["districts"]
    assert eba["proposal"]["level"] == 3
    assert [one["words"] for one in eba["proposal"]["around"]] == ["", "水位周知情報（警戒レベル3相当） 天王川"]
    assert "r1: 雨量が届いていません" in eba["proposal"]["missing"]
    lines = (await officer.get(f"{PREFIX}/record")).json()["lines"]
    assert next(line["text"] for line in lines if line["kind"] == "proposed").endswith(
        "警戒レベル3を提案（tennou 水位周知情報（警戒レベル3相当） 天王川）"
    )
    await night.hear(notice, "FloodNotice", {**said, "ended": True}, minutes=1)
    [eba] = (await officer.get(f"{PREFIX}/desk")).json()["districts"]
    assert eba["proposal"]["level"] == 0


async def test_residents_who_asked_are_told_in_their_own_ways(
    night: Night, officer: httpx.AsyncClient, city: City
) -> None:
    """A browser or a mail box that asked for evacuation notices gets them, once, without the borders."""
    async with city.database.system.transaction() as tx:
        await add_person(tx, "fukui", "p1", utc_now(), name="福井 花子")
        await add_person(tx, "fukui", "p2", utc_now(), name="福井 太郎")
        own = await reach(tx, "fukui", "p1", "mail", "h@example.jp", ["evacuation", "tags"], utc_now())
        await reach(tx, "fukui", "p2", "mail", "h@example.jp", ["evacuation"], utc_now())
        await reach(tx, "fukui", "p2", "mail", "t@example.jp", ["tags"], utc_now())
    asked = await wish(officer, "issue", "eba", level=4)
    shown = (await officer.post(f"{PREFIX}/preview", json=asked)).json()
    assert shown["channels"] == {"mail": 1}
    order = (await officer.post(ORDERS, json=asked)).json()
    progress = (await officer.get(f"{ORDERS}/{order['id']}")).json()["deliveries"]
    assert progress == [{"channel": "mail", "state": "waiting", "count": 1}]
    async with city.database.system.transaction() as tx:
        [row] = await tx.fetch("select s.target, d.notice::text as notice from delivery d"
                               " join subscriber s on s.id = d.subscriber_id")  # fmt: skip
        assert row["target"] == "h@example.jp"
        assert "geometry" not in row["notice"]
        await leave(tx, "fukui", "p1", own, "evacuation")
        assert [way.matters for way in await ways_of(tx, "fukui", "p1")] == [["tags"]]
        with pytest.raises(NotFound):
            await leave(tx, "fukui", "p1", own, "evacuation")


async def test_a_clock_that_is_put_back_disorders_nothing(city: City) -> None:
    """The gateway's clock was an hour ahead and is corrected between two notices."""
    hands = [parse_time("2024-07-01T03:00:00+09:00")]
    night = Night(city, Mode.ACTUAL, clock=lambda: hands[0])
    await night.flood.gauge()
    client = await night.officer()
    try:
        await load(client)
        first = await issue(client, "eba", level=3)
        hands[0] = parse_time("2024-07-01T02:00:00+09:00")
        second = (await client.post(ORDERS, json=await wish(client, "correct", "eba", about=first["id"]))).json()
        assert (first["number"], second["number"]) == (1, 2)
        assert second["issuedAt"] < first["issuedAt"]
        [public] = await in_force(night)
        assert public["id"] == second["identifier"], "the later notice holds, whatever its clock said"
        lifted = await client.post(ORDERS, json=await wish(client, "lift", "eba"))
        assert lifted.status_code == 200, lifted.text
        span = {"from": "2024-07-01T00:00:00+09:00", "to": "2024-07-01T12:00:00+09:00"}
        lines = (await client.get(f"{PREFIX}/record", params=span)).json()["lines"]
        kinds = [line["kind"] for line in reversed(lines) if line["kind"] in ("issue", "correct", "lift")]
        assert kinds == ["issue", "correct", "lift"], "the record is in the order in which it was written"
        table = (await client.get(f"{PREFIX}/record.csv", params=span)).content.decode("utf-8-sig")
        assert table.index("発令") < table.index("訂正") < table.index("解除")
        document = etree.fromstring((await client.get("/cap/evacuation/2.xml")).content)
        assert document.findtext("{*}references", "").endswith("evacuation-1,2024-07-01T03:00:00+09:00")
    finally:
        await night.close()
