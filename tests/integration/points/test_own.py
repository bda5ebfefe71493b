"""A resident's own points through the gateway: paying by scanning, checking in, and a till that cancels a sale."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from access.tokens import Claims, issue
from api_gateway.oauth.server import PORTAL
from services.points.emv import ShopCode, build
from services.points.ledger import Ledger
from services.points.settings import PointsSettings
from tests.conftest import CityDatabase
from tests.integration.points.conftest import RULES
from tests.integration.points.test_routes import BASE, Api, furnish, ok

DRILL = {
    "id": "kunren",
    "title": "避難訓練",
    "rule": {"type": "participation", "event": "避難訓練", "points": 50},
    "start": "2026-04-01",
    "end": "2027-03-31",
}


@pytest.fixture
async def api(database: CityDatabase) -> AsyncIterator[Api]:
    api = Api(database)
    async with Ledger(database.app, PointsSettings(), lambda: api.now).running() as ledger:
        await api.open(ledger)
        yield api


def person(api: Api, name: str, client: str = f"fukui.{PORTAL}") -> httpx.AsyncClient:
    """Somebody with an account who is logged in, at the city's own page or in another app."""
    now = int(datetime.now(UTC).timestamp())
    claims = Claims(
        iss=BASE,
        sub=f"fukui.{name}",
        aud=BASE,
        exp=now + 600,
        iat=now,
        jti=f"{name}-{client}",
        client_id=client,
        tenant="fukui",
        scope="points:own",
    )
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    bearer = issue(api.app.state.gateway.keys.ring, claims)
    return httpx.AsyncClient(
        transport=transport, base_url=f"{BASE}/api/v1/points", headers={"Authorization": f"Bearer {bearer}"}
    )


async def joined(api: Api, treasury: httpx.AsyncClient, name: str = "hanako") -> tuple[httpx.AsyncClient, str]:
    """A person with an account of 1,000 bought points."""
    me = person(api, name)
    assert await ok(await me.get("/me")) == {"resident": None}
    assert (await me.get("/me/movements")).status_code == 409
    number = (await ok(await me.put("/me")))["resident"]
    assert (await ok(await me.put("/me")))["resident"] == number
    sale = {"id": name, "resident": number, "points": 1000, "programme": "premium"}
    await ok(await treasury.post("/staff/sales", json={**sale, "expiresAt": "2026-12-31T15:00:00Z"}))
    return me, number


async def test_a_resident_pays_by_scanning_and_the_shop_cancels(api: Api) -> None:
    _, treasury, till, _ = await furnish(api)
    me, _ = await joined(api, treasury)
    shown = (await ok(await till.get("/till/shop?yen=300")))["code"]
    pay = {"id": "p1", "code": shown, "points": 300}
    paid = await ok(await me.post("/me/payments", json=pay))
    assert (paid["shop"], paid["points"], paid["balance"]) == ("喫茶ひまわり", 300, 700)
    assert await ok(await me.post("/me/payments", json=pay)) == paid
    [sold] = (await ok(await till.get("/till/purchases")))["purchases"]
    assert (sold["points"], sold["cash"], sold["earned"]) == (300, 0, 0)
    for _ in range(2):
        done = await ok(await till.post("/till/cancellations", json={"purchase": sold["id"]}))
        assert done == {"refunded": 300, "takenBack": 0}
    assert (await ok(await me.get("/me")))["moneyBalance"] == 1000
    static = (await ok(await till.get("/till/shop")))["code"]
    wrong = [
        ({**pay, "id": "p2", "points": 299}, 400, "exactly"),
        ({**pay, "id": "p3", "code": shown[:-1] + "0"}, 400, "CRC"),
        ({**pay, "id": "p4", "code": build(ShopCode("neighbour", "kissa", "x", "y"))}, 400, "another city"),
        ({**pay, "id": "p5", "code": build(ShopCode("fukui", "no-shop", "x", "y"))}, 404, "no-shop"),
        ({**pay, "id": "p6", "code": static, "points": 1001}, 409, "残高"),
        ({**pay, "points": 300, "code": static, "id": "p1"}, 200, "300"),
    ]
    for body, status, says in wrong:
        answer = await me.post("/me/payments", json=body)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text


async def test_a_sale_is_cancelled_whole_and_what_it_earned_is_taken_back(api: Api) -> None:
    _, treasury, till, _ = await furnish(api)
    me, _ = await joined(api, treasury)
    code = (await ok(await me.post("/me/codes")))["code"]
    receipt = await ok(await till.post("/till/purchases", json={"id": "s1", "yen": 2000, "points": 500, "code": code}))
    assert receipt["balance"] == 500 + 15 + 450
    part = {"id": "r1", "payment": receipt["payment"], "points": 100}
    await ok(await till.post("/till/refunds", json=part))
    [sold] = (await ok(await till.get("/till/purchases?hours=1")))["purchases"]
    assert (sold["id"], sold["cash"], sold["refunded"], sold["earned"]) == ("s1", 1500, 100, 465)
    for _ in range(2):
        done = await ok(await till.post("/till/cancellations", json={"purchase": "s1"}))
        assert done == {"refunded": 400, "takenBack": 465}
    mine = await ok(await me.get("/me"))
    assert (mine["moneyBalance"], mine["pointBalance"]) == (1000, 0)
    assert (await till.post("/till/cancellations", json={"purchase": "none"})).status_code == 404
    api.now += timedelta(hours=2)
    assert (await ok(await till.get("/till/purchases?hours=1")))["purchases"] == []


async def test_checking_in_counts_once_and_only_in_its_time(api: Api) -> None:
    staff, treasury, _, _ = await furnish(api)
    await ok(await staff.put("/staff/rules", json={"campaigns": [*RULES["campaigns"], DRILL]}))
    await ok(await treasury.post("/staff/campaigns/kunren/funds", json={"id": "k", "points": 1000}))
    event = {"id": "drill-1", "event": "避難訓練", "title": "秋の訓練"}
    times = {"startsAt": "2026-07-10T02:00:00Z", "endsAt": "2026-07-10T04:00:00Z"}
    code = (await ok(await staff.post("/staff/checkins", json={**event, **times})))["code"]
    assert (await staff.post("/staff/checkins", json={**event, **times})).status_code == 409
    turned = {**event, "id": "x", "startsAt": times["endsAt"], "endsAt": times["startsAt"]}
    assert (await staff.post("/staff/checkins", json=turned)).json()["field"] == "endsAt"
    me, _ = await joined(api, treasury)
    for _ in range(2):
        done = await ok(await me.post("/me/checkins", json={"code": code}))
        assert [one["points"] for one in done["earned"]] == [50]
    assert (await ok(await me.get("/me")))["pointBalance"] == 50
    assert [one["people"] for one in (await ok(await staff.get("/staff/checkins")))["checkins"]] == [1]
    assert "受付のものではありません" in (await me.post("/me/checkins", json={"code": "x"})).text
    other, _ = await joined(api, treasury, "taro")
    api.now += timedelta(hours=1)
    late = await other.post("/me/checkins", json={"code": code})
    assert (late.status_code, "受付時間ではありません" in late.text) == (409, True)


async def test_an_app_of_the_persons_needs_their_consent_and_a_program_has_no_points(api: Api) -> None:
    _, treasury, _, _ = await furnish(api)
    await joined(api, treasury)
    app = person(api, "hanako", "fukui.some-app")
    assert (await app.get("/me")).status_code == 403
    assert (await app.post("/me/codes")).status_code == 403
    program = await api.client("points:own")
    assert "only a person" in (await program.get("/me")).text


async def test_staff_see_funds_shops_closings_and_settlements(api: Api) -> None:
    staff, treasury, till, _ = await furnish(api)
    me, _ = await joined(api, treasury)
    code = (await ok(await me.post("/me/codes")))["code"]
    await ok(await till.post("/till/purchases", json={"id": "s1", "yen": 1000, "points": 0, "code": code}))
    for desk in (staff, treasury):
        funds = (await ok(await desk.get("/staff/campaigns")))["campaigns"]
        assert {fund["id"]: (fund["given"], fund["left"]) for fund in funds}["kaimono"] == (10, 9_990)
        [shop] = (await ok(await desk.get("/staff/shops")))["shops"]
        assert (shop["id"], shop["tills"], shop["balance"]) == ("kissa", 1, 0)
    api.now += timedelta(days=30)
    closed = await ok(await treasury.post("/staff/closings/2026-07-31"))
    assert (await ok(await treasury.get("/staff/closings")))["closings"] == [closed]
    assert (await ok(await treasury.get("/staff/settlements/2026-07")))["settlements"] == []
    made = await ok(await treasury.post("/staff/settlements/kissa/2026-07"))
    assert (await ok(await treasury.get("/staff/settlements/2026-07")))["settlements"] == [made]
    login = {"name": "店員", "login": "nobody@example.jp"}
    assert (await staff.post("/staff/shops/kissa/tills", json=login)).status_code == 404
    assert (await staff.post("/staff/shops/kissa/tills", json={"name": "店員"})).status_code == 400
