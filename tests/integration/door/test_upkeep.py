"""What log-ins and tokens leave behind goes when it is past its time, and not while it still serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from api_gateway.oauth.upkeep import EXPIRED
from broker.store.maintenance import Keeper
from broker.store.settings import KeeperSettings
from tests.integration.door.conftest import Browser
from tests.integration.door.test_oauth import refresh, tokens_of
from tests.integration.gateway.conftest import City


async def left(city: City) -> dict[str, int]:
    async with city.database.system.transaction() as tx:
        return {name: await tx.fetchval(f"select count(*) from {name}") for name in EXPIRED}


async def sweep(city: City, after: timedelta) -> None:
    now = datetime.now(UTC) + after
    keeper = Keeper(city.database.system, KeeperSettings(slice_rows=1), lambda: now, sweeps=EXPIRED)
    await keeper.sweep()


async def test_what_is_past_its_time_goes(browser: Browser, city: City, api: httpx.AsyncClient) -> None:
    client_id, first = await tokens_of(browser, api)
    second = (await refresh(api, client_id, first["refresh_token"])).json()
    async with city.database.app.transaction("fukui") as tx:
        at = datetime.now(UTC)
        await tx.execute(
            "insert into assertion_seen (tenant_id, client_id, jti, expires_at)"
            " select id, 'fukui.x', n::text, $1 from tenant, generate_series(1, 3) n where name = 'fukui'",
            at + timedelta(minutes=5),
        )
        await tx.execute("insert into revoked_grant (grant_id, expires_at) values ('g', $1)", at + timedelta(hours=1))
    before = await left(city)
    assert before["authorization_code"] == before["login_session"] == before["revoked_grant"] == 1
    assert (before["refresh_token"], before["assertion_seen"]) == (2, 3)

    await sweep(city, timedelta(hours=1))
    assert await left(city) == before

    await sweep(city, timedelta(days=2))
    after = await left(city)
    assert after["authorization_code"] == after["login_session"] == after["assertion_seen"] == 0
    assert after["revoked_grant"] == 0
    assert after["refresh_token"] == 2
    stolen = await refresh(api, client_id, first["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    ended = await refresh(api, client_id, second["refresh_token"])
    assert ended.json()["error"] == "invalid_grant", "reuse was still recognised, and ended the grant"

    await sweep(city, timedelta(days=40))
    assert set((await left(city)).values()) == {0}
