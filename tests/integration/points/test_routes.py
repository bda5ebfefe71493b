"""The points' routes on the real gateway: who may what, a purchase from code to statement, and bad input."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from access.defaults import SCOPES
from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.clients import register_client
from api_gateway.oauth.keys import open_keys
from api_gateway.settings import GatewaySettings
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES
from services.points.emv import parse
from services.points.fares import Fare, take
from services.points.ledger import Ledger
from services.points.settings import PointsSettings
from services.points.town import Town
from tests.conftest import CityDatabase
from tests.integration.points.conftest import RULES

BASE = "http://127.0.0.1:8080"


class Api:
    """The gateway with a clock for points, and clients by scope."""

    def __init__(self, database: CityDatabase) -> None:
        self.now = datetime(2026, 7, 10, 3, tzinfo=UTC)
        self.database = database
        self.ids: dict[str, str] = {}

    async def open(self, ledger: Ledger) -> None:
        partitions = {CHANGES: 1}
        services = Gateway(
            database=self.database.app,
            log=PostgresLog(self.database.system, partitions=partitions),
            outlet=PostgresOutlet(partitions),
            keys=await open_keys(self.database.app, "fukui"),
            settings=GatewaySettings(port=0, public_url=BASE),
            points=Town(self.database.app, ledger, lambda: self.now),
        )
        self.app = create_app(services)

    async def client(self, scope: str | None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=BASE)
        if scope is not None:
            async with self.database.system.transaction() as tx:
                self.ids[scope], secret = await register_client(tx, "fukui", scope, [scope])
            given = await client.post(
                "/oauth/token", data={"grant_type": "client_credentials"}, auth=(self.ids[scope], secret)
            )
            client.headers["Authorization"] = f"Bearer {given.json()['access_token']}"
        client.base_url = httpx.URL(f"{BASE}/api/v1/points")
        return client


@pytest.fixture
async def api(database: CityDatabase) -> AsyncIterator[Api]:
    api = Api(database)
    async with Ledger(database.app, PointsSettings(), lambda: api.now).running() as ledger:
        await api.open(ledger)
        yield api


async def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def furnish(api: Api) -> tuple[httpx.AsyncClient, httpx.AsyncClient, httpx.AsyncClient, httpx.AsyncClient]:
    """Staff, treasurer, till and wallet app, with a shop, a resident who has consented, and funded campaigns."""
    staff, treasury, till, app = [
        await api.client(scope) for scope in ("points:staff", "points:treasury", "points:till", "points:wallet")
    ]
    await ok(await staff.post("/staff/shops", json={"id": "kissa", "name": "喫茶ひまわり", "category": "飲食"}))
    await ok(await staff.post("/staff/shops/kissa/tills", json={"clientId": api.ids["points:till"], "name": "レジ1"}))
    await ok(await staff.post("/staff/residents", json={"id": "a", "born": "1948-02-29"}))
    consent = {"clientId": api.ids["points:wallet"], "given": True}
    await ok(await staff.put("/staff/residents/a/consent", json=consent))
    await ok(await staff.put("/staff/rules", json=RULES))
    for campaign in ("kaimono", "kanpai30", "idou75"):
        await ok(await treasury.post(f"/staff/campaigns/{campaign}/funds", json={"id": campaign, "points": 10_000}))
    return staff, treasury, till, app


async def test_from_code_to_statement(api: Api) -> None:
    staff, treasury, till, app = await furnish(api)
    sale = {"id": "s1", "resident": "a", "points": 5000, "bonus": 1000, "programme": "premium"}
    await ok(await treasury.post("/staff/sales", json={**sale, "expiresAt": "2026-12-31T15:00:00Z"}))
    shown = await ok(await till.get("/till/shop?yen=2000"))
    assert parse(shown["code"])[:3] == ("fukui", "kissa", "喫茶ひまわり")
    code = (await ok(await app.post("/residents/a/codes")))["code"]
    bought = {"id": "r1", "yen": 2000, "points": 1500, "code": code, "tillClock": "2020-01-01T00:00:00+09:00"}
    receipt = await ok(await till.post("/till/purchases", json=bought))
    assert await ok(await till.post("/till/purchases", json=bought)) == receipt
    assert receipt["balance"] == 6000 - 1500 + 5 + 150
    given_back = {"id": "f1", "payment": receipt["payment"], "points": 500}
    assert (await ok(await till.post("/till/refunds", json=given_back)))["points"] == 500
    wallet = await ok(await app.get("/residents/a/wallet"))
    assert wallet["moneyBalance"] == 5000 - 1500 + 500
    assert wallet["moneyBalance"] + wallet["pointBalance"] == 5155
    reasons = [line["why"] for line in (await ok(await app.get("/residents/a/movements")))["movements"]]
    assert "お買い物 500円の30%で 150ポイント（飲食店応援30%、規則 第1版）" in reasons
    claim = {"id": "c1", "resident": "a", "campaign": "idou75"}
    assert (await ok(await staff.post("/staff/claims", json=claim)))["earned"][0]["points"] == 3000
    assert (await ok(await staff.post("/staff/claims", json={**claim, "id": "c2"})))["earned"] == []
    tried = {
        "rules": RULES,
        "start": "2026-07-01T00:00:00Z",
        "end": "2026-08-01T00:00:00Z",
        "budgets": {"kanpai30": 100},
    }
    dry = await ok(await staff.post("/staff/rules/dry-run", json=tried))
    assert (dry["occasions"], dry["campaigns"]["kanpai30"]["points"]) == (3, 100)
    api.now += timedelta(days=30)
    made = await ok(await treasury.post("/staff/settlements/kissa/2026-07"))
    assert made["received"] - made["refunded"] == 1000
    pdf = await treasury.get("/staff/settlements/kissa/2026-07/statement.pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert "喫茶ひまわり" in (await treasury.get("/staff/settlements/kissa/2026-07/statement.csv")).text
    proof = await ok(await treasury.get("/staff/verify"))
    assert proof["whole"] is True
    notices = (await ok(await staff.get("/staff/expiring?days=150")))["expiring"]
    assert [(row["account"], row["expires_at"]) for row in notices] == [("resident/a", "2026-12-31T15:00:00Z")]
    stranger = await api.client(None)
    open_data = await ok(await stranger.get("/outstanding"))
    assert {row["programme"] for row in open_data["outstanding"]} >= {"premium"}
    assert "resident" not in str(open_data)


async def test_consent_can_be_withdrawn(api: Api) -> None:
    staff, _, _, app = await furnish(api)
    await ok(await app.get("/residents/a/wallet"))
    await ok(await staff.put("/staff/residents/a/consent", json={"clientId": api.ids["points:wallet"], "given": False}))
    for path in ("/residents/a/wallet", "/residents/a/movements", "/residents/nobody/wallet"):
        assert (await app.get(path)).status_code == 403
    assert (await app.post("/residents/a/codes")).status_code == 403


@pytest.mark.parametrize("scope", [None, *sorted(s for s in SCOPES if not s.startswith("points:"))])
async def test_nobody_else_may(api: Api, scope: str | None) -> None:
    client = await api.client(scope)
    refused = 401 if scope is None else 403
    for method, path in (
        ("GET", "/till/shop"),
        ("POST", "/till/purchases"),
        ("GET", "/till/purchases"),
        ("GET", "/residents/a/wallet"),
        ("POST", "/staff/residents"),
        ("PUT", "/staff/rules"),
        ("GET", "/staff/campaigns"),
        ("GET", "/staff/shops"),
        ("POST", "/staff/checkins"),
        ("POST", "/staff/sales"),
        ("GET", "/staff/verify"),
        ("GET", "/staff/unpaid-fares"),
        ("POST", "/staff/unpaid-fares/urn:ngsi-ld:RideBooking:1"),
        ("POST", "/staff/closings/2026-07-01"),
    ):
        assert (await client.request(method, path, json={})).status_code == refused, path


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"id": "r", "yen": -5, "code": "x"}, 400, "1 to 100,000,000"),
        ({"id": "r", "yen": 10**30, "code": "x"}, 400, "Expected `int`"),
        ({"id": "r", "yen": "100", "code": "x"}, 400, "Expected `int`"),
        ({"id": "r", "yen": 1.5, "code": "x"}, 400, "Expected `int`"),
        ({"id": "r", "yen": 100}, 400, "either code, or card"),
        ({"id": "r" * 61, "yen": 100, "code": "x"}, 400, "length <= 59"),
        ({"id": "r\u0000", "yen": 100, "code": "x"}, 400, "regex"),
        ({"id": "r", "yen": 100, "code": "x", "tillClock": "2026-07-10T03:00:00"}, 400, "timezone"),
        ({"id": "r", "yen": 100, "code": "\u0000"}, 409, "このコードは使えません"),
        ({"id": "r", "yen": 100, "card": "9", "pin": "1"}, 409, "登録されていません"),
        ({"id": "r", "yen": 100, "cod": "x"}, 400, "unknown field"),
    ],
)
async def test_bad_purchases_say_what_would_be_right(api: Api, body: dict[str, Any], status: int, says: str) -> None:
    _, _, till, _ = await furnish(api)
    answer = await till.post("/till/purchases", json=body)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


async def test_a_till_of_no_shop_and_months_and_days_that_are_none(api: Api) -> None:
    _, treasury, _, _ = await furnish(api)
    other = await api.client("points:till")
    assert (await other.get("/till/shop")).status_code == 403
    for path in ("/staff/settlements/kissa/2026-13", "/staff/closings/2026-02-30", "/staff/closings/2999-01-01"):
        assert (await treasury.post(path)).status_code == 400, path
    assert (await treasury.post("/staff/settlements/no-shop/2026-06")).status_code == 404
    assert (await treasury.get("/staff/settlements/kissa/2026-06/statement.pdf")).status_code == 404


async def test_fares_that_points_did_not_cover_are_listed_and_collected(api: Api) -> None:
    staff, treasury, _, _ = await furnish(api)
    town = api.app.state.gateway.points
    for number in (1, 2):
        due = Fare("fukui", None, f"urn:ngsi-ld:RideBooking:{number}", 300, api.now)
        assert await take(town, due) == "運賃を受け取る加盟店がありません"
    path = "/staff/unpaid-fares"
    found = await ok(await treasury.get(path))
    assert found["owed"] == {"fares": 2, "yen": 600}
    assert (await staff.get(path)).status_code == 403
    one, other = (fare["ride"] for fare in found["fares"])
    refused = await treasury.post(f"{path}/{one}", json={"how": "points"})
    assert (refused.status_code, "加盟店" in refused.text) == (409, True)
    refused = await treasury.post(f"{path}/{one}", json={"how": "waived"})
    assert (refused.status_code, "note" in refused.text) == (400, True)
    assert (await treasury.post(f"{path}/{one}", json={"how": "barter"})).status_code == 400
    assert (await treasury.post(f"{path}/urn:ngsi-ld:RideBooking:9", json={"how": "cash"})).status_code == 404
    for _ in range(2):
        await ok(await treasury.post(f"{path}/{one}", json={"how": "cash"}))
    await ok(await treasury.post(f"{path}/{other}", json={"how": "waived", "note": "乗り間違いのため"}))
    assert (await ok(await treasury.get(path)))["fares"] == []
    ended = await ok(await treasury.get(f"{path}?ended=true"))
    assert {(fare["how"], fare["note"]) for fare in ended["fares"]} == {("cash", ""), ("waived", "乗り間違いのため")}


async def test_staff_limit_what_an_account_may_pay_at_once_and_in_a_day(api: Api) -> None:
    staff, treasury, till, app = await furnish(api)
    sale = {"id": "s1", "resident": "a", "points": 5000, "programme": "premium"}
    await ok(await treasury.post("/staff/sales", json={**sale, "expiresAt": "2026-12-31T15:00:00Z"}))
    limits = {"perPayment": 500, "perDay": 800}
    assert await ok(await staff.put("/staff/residents/a/limits", json=limits)) == limits
    assert (await staff.put("/staff/residents/nobody/limits", json=limits)).status_code == 404
    assert (await staff.put("/staff/residents/a/limits", json={"perDay": 0})).status_code == 400

    async def pay(id: str, points: int) -> httpx.Response:
        code = (await ok(await app.post("/residents/a/codes")))["code"]
        return await till.post("/till/purchases", json={"id": id, "yen": points, "points": points, "code": code})

    assert "1回に使える上限" in (await pay("r1", 501)).text
    await ok(await pay("r2", 500))
    assert "上限に達しています" in (await pay("r3", 301)).text
    await ok(await pay("r4", 300))
    api.now += timedelta(days=1)
    await ok(await pay("r5", 500))
    await ok(await staff.put("/staff/residents/a/limits", json={}))
    await ok(await pay("r6", 2000))


async def test_a_new_account_has_the_citys_limits(database: CityDatabase) -> None:
    async with Ledger(database.app, PointsSettings(max_payment=500, max_day=800)).running() as ledger:
        await Town(database.app, ledger).enrol("fukui", "a")
        await ledger.open_account("fukui", "shop/1", "shop")
    async with database.app.transaction("fukui") as tx:
        rows = await tx.fetch("select id, max_transfer, max_day from points_account order by id")
    assert [tuple(row) for row in rows] == [("resident/a", 500, 800), ("shop/1", None, None)]
