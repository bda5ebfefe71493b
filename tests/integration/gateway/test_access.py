"""Getting tokens, using them, and what the policy says at the door."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from access.keys import KeyRing, SigningKey, new_key
from access.tokens import Claims, issue
from api_gateway.oauth.clients import register_client
from api_gateway.oauth.keys import open_keys, rotate_keys
from broker.errors import Invalid, UnknownTenant
from tests.integration.gateway.conftest import SETTINGS, City
from tests.integration.gateway.test_entities import ENTITIES, GAUGE, UPSERT, gauge

GRANT = {"grant_type": "client_credentials"}


async def client_of(city: City, *scopes: str) -> tuple[str, str]:
    async with city.database.system.transaction() as tx:
        return await register_client(tx, "fukui", "app", scopes)


async def test_both_ways_to_show_the_secret(city: City, api: httpx.AsyncClient) -> None:
    client_id, secret = await client_of(city, "entities:write", "entities:read")
    basic = await api.post("/oauth/token", data=GRANT, auth=(client_id, secret))
    assert basic.status_code == 200
    assert basic.headers["cache-control"] == "no-store"
    body = basic.json()
    assert body.pop("access_token").count(".") == 2
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": "entities:read entities:write"}
    posted = await api.post("/oauth/token", data={**GRANT, "client_id": client_id, "client_secret": secret})
    assert posted.status_code == 200


async def test_a_token_is_for_the_scopes_asked_for_and_granted(city: City, api: httpx.AsyncClient) -> None:
    who = await client_of(city, "entities:read", "devices:read")
    less = await api.post("/oauth/token", data={**GRANT, "scope": "devices:read"}, auth=who)
    assert less.json()["scope"] == "devices:read"
    more = await api.post("/oauth/token", data={**GRANT, "scope": "entities:write"}, auth=who)
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"auth": "wrong-secret"}, 401, "invalid_client"),
        ({"auth": "nobody"}, 401, "invalid_client"),
        ({"auth": "nul"}, 401, "invalid_client"),
        ({"auth": None}, 401, "invalid_client"),
        ({"data": {"grant_type": "password"}}, 400, "unsupported_grant_type"),
        ({"content": b""}, 400, "unsupported_grant_type"),
        ({"content": b"grant_type=client_credentials&grant_type=x"}, 400, "invalid_request"),
        ({"content": b"\xff\xfe"}, 400, "invalid_request"),
        ({"json": GRANT}, 400, "invalid_request"),
    ],
)
async def test_refused_token_requests(
    city: City, api: httpx.AsyncClient, change: dict[str, Any], status: int, error: str
) -> None:
    client_id, secret = await client_of(city, "entities:write")
    auth = {
        "wrong-secret": (client_id, "x"),
        "nobody": ("fukui.nobody", secret),
        "nul": ("fukui.\x00", secret),
        None: None,
    }[change["auth"]] if "auth" in change else (client_id, secret)  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if "content" in change else {}
    body = {name: value for name, value in change.items() if name != "auth"} or {"data": GRANT}
    answer = await api.post("/oauth/token", auth=auth, headers=headers, **body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_unknown_clients_and_wrong_secrets_look_alike(city: City, api: httpx.AsyncClient) -> None:
    client_id, _ = await client_of(city, "entities:write")
    wrong = await api.post("/oauth/token", data=GRANT, auth=(client_id, "x"))
    answers = [await api.post("/oauth/token", data=GRANT, auth=(name, "x")) for name in ("fukui.no", "no.no", "no")]
    assert all(answer.json() == wrong.json() and answer.status_code == 401 for answer in answers)


async def test_a_suspended_client_gets_nothing(city: City, api: httpx.AsyncClient) -> None:
    who = await client_of(city, "entities:write")
    async with city.database.system.transaction() as tx:
        await tx.execute("update oauth_client set status = 'suspended' where client_id = $1", who[0])
    assert (await api.post("/oauth/token", data=GRANT, auth=who)).status_code == 401


async def test_secrets_are_kept_only_as_hashes(city: City) -> None:
    _, secret = await client_of(city, "entities:write")
    async with city.database.system.transaction() as tx:
        rows = await tx.fetch("select row_to_json(c)::text as all from oauth_client c")
    assert all(secret not in row["all"] for row in rows)


async def test_registering_names_what_is_wrong(city: City) -> None:
    with pytest.raises(Invalid, match="there is no scope root; there are entities:read"):
        await client_of(city, "root")
    with pytest.raises(UnknownTenant):
        async with city.database.system.transaction() as tx:
            await register_client(tx, "atlantis", "app", ["entities:read"])


async def test_discovery_leads_to_keys_that_verify(city: City, api: httpx.AsyncClient) -> None:
    about = (await api.get("/.well-known/oauth-authorization-server")).json()
    assert about["issuer"] == SETTINGS.issuer
    assert about["token_endpoint"] == f"{SETTINGS.issuer}/oauth/token"
    keys = (await api.get(about["jwks_uri"])).json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256"]
    assert all("d" not in key for key in keys)


async def test_all_processes_share_one_key_and_follow_a_rotation(city: City) -> None:
    ours = city.services.keys.ring.active.id
    assert (await open_keys(city.database.app, "neighbour")).ring.active.id == ours
    newer = await rotate_keys(city.database.system)
    ring = (await open_keys(city.database.app, "fukui")).ring
    assert ring.active.id == newer != ours
    assert ring.ids() == {ours, newer}


def forged(city: City, ring: KeyRing | None = None, **other: Any) -> str:
    now = datetime.now(UTC)
    claims = Claims(
        iss=SETTINGS.issuer,
        sub="fukui.x",
        aud=SETTINGS.issuer,
        exp=int((now + timedelta(hours=1)).timestamp()),
        iat=int(now.timestamp()),
        jti="1",
        client_id="fukui.x",
        tenant="fukui",
        scope="entities:write",
    )
    return issue(ring or city.services.keys.ring, msgspec.structs.replace(claims, **other))


async def bodies_for(api: httpx.AsyncClient, token: str) -> dict[str, Any]:
    answer = await api.post(UPSERT, json=[gauge()], headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="city-os", error="invalid_token"'
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == ("urn:city-os:problem:unauthenticated", 401)
    assert body["title"] == "A good access token is needed"
    return body


async def test_bad_tokens(city: City, api: httpx.AsyncClient) -> None:
    async def detail(token: str) -> str:
        return str((await bodies_for(api, token))["detail"])

    long_ago = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    assert await detail(forged(city, exp=long_ago)) == "the token has expired; ask the token endpoint for a new one"
    assert await detail(forged(city, aud="https://other")) == "the token is not meant for http://127.0.0.1:8080"
    assert await detail(forged(city, iss="https://other")) == "the token was not issued by http://127.0.0.1:8080"
    ours = city.services.keys.ring.active.id
    assert await detail(forged(city, KeyRing([SigningKey(ours, new_key().key)]))) == "the token's signature is wrong"
    stranger = forged(city, KeyRing([new_key()]))
    assert await detail(stranger) == "the token is signed with a key that is not, or no longer, in use"
    _, body, _ = forged(city).split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    assert await detail(f"{head}.{body}.") == "the token's header must say alg ES256 and typ at+jwt"


async def test_a_good_token_of_a_made_up_tenant_gets_no_further(city: City, api: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {forged(city, tenant='atlantis')}"}
    answer = await api.post(UPSERT, json=[gauge()], headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (404, "NonexistentTenant")


async def test_writing_needs_a_token_and_its_scope(city: City, api: httpx.AsyncClient) -> None:
    stranger = await api.post(UPSERT, json=[gauge()])
    assert stranger.status_code == 401
    assert stranger.json()["detail"] == "writing needs a token with the scope entities:write"
    reader = {"Authorization": f"Bearer {await city.token('entities:read')}"}
    refused = await api.post(UPSERT, json=[gauge()], headers=reader)
    assert refused.status_code == 403
    assert refused.json() == {
        "type": "urn:city-os:problem:forbidden",
        "title": "The caller may not",
        "status": 403,
        "detail": "to write WaterObserved a token needs the scope entities:write (rule default of policy 2026-11-3)",
    }
    basic = await api.post(UPSERT, json=[gauge()], auth=("a", "b"))
    assert (basic.status_code, basic.json()["detail"]) == (401, "the header Authorization must be: Bearer TOKEN")


async def store(city: City, entity_id: str, type_: str) -> None:
    """Put an entity in as the system does, whatever the policy says of the open API."""
    async with city.database.system.transaction() as tx:
        await tx.execute(
            "insert into entity (tenant_id, id, type, doc, version, created_at, modified_at) select id, $1,"
            " string_to_array($2, ' '), jsonb_build_object('id', $1::text, 'type', $2::text), 1, now(), now()"
            " from tenant where name = 'fukui'",
            entity_id,
            type_,
        )


async def test_personal_data_is_nowhere(city: City, api: httpx.AsyncClient) -> None:
    await store(city, "urn:ngsi-ld:Person:1", "Person")
    await store(city, "urn:ngsi-ld:Person:2", "WaterObserved Person")
    everything = {"Authorization": f"Bearer {await city.token('entities:read', 'entities:write')}"}
    for headers in ({}, everything):
        for number in "12":
            one = await api.get(f"{ENTITIES}/urn:ngsi-ld:Person:{number}", headers=headers)
            assert one.json()["type"] == "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"
            assert (await api.get(f"/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:Person:{number}")).status_code == 404
        assert (await api.get(ENTITIES, params={"type": "Person"}, headers=headers)).status_code == 403
        both = await api.get(ENTITIES, params={"type": "Person,WaterObserved", "count": "true"}, headers=headers)
        assert (both.json(), both.headers["ngsild-results-count"]) == ([], "0")
        assert (await api.get(ENTITIES, params={"local": "true"}, headers=headers)).json() == []
        assert "Person" not in (await api.get("/ngsi-ld/v1/types", headers=headers)).json()["typeList"]
    taken = await api.post(UPSERT, json=[{**gauge(), "id": "urn:ngsi-ld:Person:1"}], headers=everything)
    assert taken.status_code == 403, "an entity of a personal type is not to be had by another type's name"


async def test_what_is_not_open_needs_the_scope(city: City, api: httpx.AsyncClient) -> None:
    await store(city, "urn:ngsi-ld:ShelterStock:1", "ShelterStock")
    path = f"{ENTITIES}/urn:ngsi-ld:ShelterStock:1"
    stranger = await api.get(path)
    assert stranger.status_code == 401
    assert "scope entities:read" in stranger.json()["detail"]
    assert (await api.get(ENTITIES, params={"local": "true"})).json() == []
    reader = {"Authorization": f"Bearer {await city.token('entities:read')}"}
    assert (await api.get(path, headers=reader)).status_code == 200
    assert len((await api.get(ENTITIES, params={"local": "true"}, headers=reader)).json()) == 1


async def test_attributes_for_staff(city: City, api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    flood = {
        "id": "urn:ngsi-ld:FloodMonitoring:1",
        "type": "FloodMonitoring",
        "stage": "below",
        "suspectStage": "danger",
    }
    maker = {"Authorization": f"Bearer {await city.token('alerts:write')}"}
    assert (await api.post(UPSERT, json=[flood], headers=maker)).status_code == 201
    path = f"{ENTITIES}/urn:ngsi-ld:FloodMonitoring:1"
    assert "suspectStage" not in (await api.get(path)).json()
    assert "suspectStage" not in (await api.get(path, params={"options": "keyValues"})).json()
    assert (await api.get(path, params={"attrs": "suspectStage"})).status_code == 404
    assert "suspectStage" not in (await api.get(f"/ngsi-ld/v1/temporal/entities/{flood['id']}")).json()
    [queried] = (await api.get(ENTITIES, params={"type": "FloodMonitoring"})).json()
    assert "suspectStage" not in queried
    staff = {"Authorization": f"Bearer {await city.token('flood:staff')}"}
    assert (await api.get(path, params={"options": "keyValues"}, headers=staff)).json()["suspectStage"] == "danger"
    for probe in ({"q": 'suspectStage=="danger"'}, {"q": "!suspectStage"}, {"orderBy": "suspectStage"},
                  {"attrs": "suspectStage"}, {"pick": "suspectStage"}):  # fmt: skip
        asked = {"type": "FloodMonitoring", **probe}
        refused = await api.get(ENTITIES, params=asked)
        assert refused.status_code == 401, probe
        assert "not-for-residents" in refused.json()["detail"], "the rule says why"
        assert (await api.get(ENTITIES, params={"local": "true", **probe})).json() == []
        found = (await api.get(ENTITIES, params=asked, headers=staff)).json()
        assert len(found) == (0 if "!suspectStage" in probe.values() else 1), probe


async def test_staff_routes_ask_for_their_scope(city: City, api: httpx.AsyncClient) -> None:
    async with city.database.system.transaction() as tx:
        await tx.execute(
            "insert into device (tenant_id, id, family) select id, 'gauge-' || name, 'river_gauge' from tenant"
        )
    for path, scope in (("/api/v1/devices", "devices:read"), ("/api/v1/accounting", "accounting:read")):
        assert (await api.get(path)).status_code == 401
        wrong = {"Authorization": f"Bearer {await city.token('entities:read')}"}
        assert (await api.get(path, headers=wrong)).status_code == 403
        right = {"Authorization": f"Bearer {await city.token(scope)}"}
        answer = await api.get(path, headers=right)
        assert answer.status_code == 200
        assert "gauge-neighbour" not in answer.text
    listed = await api.get("/api/v1/devices", headers={"Authorization": f"Bearer {await city.token('devices:read')}"})
    assert [device["id"] for device in listed.json()["devices"]] == ["gauge-fukui"]
    assert "secret" not in listed.text
    assert GAUGE not in listed.text


async def test_anyone_may_ask_in_a_body_for_what_is_open(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    """A query by POST (6.23, 6.24) reads: it needs no more than the same query by GET."""
    await writer.post(UPSERT, json=[gauge()])
    wanted = {"type": "Query", "entities": [{"type": "WaterObserved"}]}
    answer = await api.post("/ngsi-ld/v1/entityOperations/query", json=wanted)
    assert [entity["id"] for entity in answer.json()] == [GAUGE]
    when = {"temporalQ": {"timerel": "after", "timeAt": "2024-01-01T00:00:00Z"}}
    answer = await api.post("/ngsi-ld/v1/temporal/entityOperations/query", json=wanted | when)
    assert [entity["id"] for entity in answer.json()] == [GAUGE]


async def test_data_about_persons_is_not_written_here_and_it_says_where(writer: httpx.AsyncClient) -> None:
    person = {"id": "urn:ngsi-ld:Person:1", "type": "Person", "name": "福井 花子"}
    for answer in (
        await writer.post(ENTITIES, json=person),
        await writer.post("/ngsi-ld/v1/entityOperations/upsert", json=[person]),
        await writer.post("/v2/entities", json={"id": "p", "type": "Person"}),
    ):
        assert answer.status_code in (403, 207, 400), answer.text
        assert "written by the service that holds it" in answer.text
