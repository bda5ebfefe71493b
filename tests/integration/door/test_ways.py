"""Where a person is told of what concerns them: their own routes, for nobody else."""

from __future__ import annotations

from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City
from tests.integration.notify.test_web_push import Phone


async def test_a_person_asks_to_be_told_here_by_mail_and_on_a_server(
    browser: Browser, other: Browser, city: City
) -> None:
    assert (await browser.get("/account/ways")).status_code == 401
    person = await browser.sign_up("hanako@example.jp")
    await browser.log_in("hanako@example.jp")
    offered = (await browser.get("/account/ways")).json()
    assert (len(offered["key"]), offered["ways"], list(offered["matters"])) == (
        87,
        [],
        ["tags", "evacuation", "points"],
    )

    wish = {"endpoint": "https://push.example/send/secret-part", "keys": Phone().keys, "matters": ["tags"]}
    for wrong, field in (
        ({**wish, "endpoint": "http://push.example/x"}, "target"),
        ({**wish, "keys": {"p256dh": "AAAA", "auth": "AAAA"}}, "keys"),
        ({**wish, "matters": ["weather"]}, "matters"),
    ):
        refused = await browser.post("/account/ways/browsers", wrong)
        assert (refused.status_code, refused.json()["field"]) == (400, field), refused.text
    made = await browser.post("/account/ways/browsers", wish)
    assert made.status_code == 201, made.text
    assert (await browser.post("/account/ways/mail", {"matters": ["tags"]})).status_code == 201
    hook = await browser.post("/account/ways/webhooks", {"target": "https://my.example/hook", "matters": ["tags"]})
    assert hook.json()["secret"].startswith("whsec_")

    found = (await browser.get("/account/ways")).json()["ways"]
    assert [(one["channel"], one["target"]) for one in found] == [
        ("webpush", "https://push.example"),
        ("mail", "hanako@example.jp"),
        ("webhook", "https://my.example/hook"),
    ]
    way = found[0]["id"]
    assert (await browser.post(f"/account/ways/{way}/trial", {})).status_code == 202
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from delivery where subscriber_id = $1", way) == 1
    exported = (await browser.get("/account/personal/export")).json()
    assert "https://my.example/hook" in str(exported)
    assert "secret-part" not in str(exported)

    await other.sign_up("stranger@example.jp")
    await other.log_in("stranger@example.jp")
    assert (await other.post(f"/account/ways/{way}/trial", {})).status_code == 404
    headers = {"X-CSRF-Token": other.csrf}
    assert (await other.client.delete(f"/account/ways/{way}", headers=headers)).status_code == 404
    assert (
        await other.post("/account/ways/webhooks", {"target": "https://my.example/hook", "matters": ["tags"]})
    ).status_code == 409

    headers = {"X-CSRF-Token": browser.csrf}
    assert (await browser.client.delete(f"/account/ways/{way}", headers=headers)).status_code == 204
    assert (await browser.client.delete(f"/account/ways/{way}", headers=headers)).status_code == 404
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from subscriber where id = $1", way) == 0
        left = await tx.fetchval("select count(*) from person_subscriber where person = $1", person)
    assert left == 2
