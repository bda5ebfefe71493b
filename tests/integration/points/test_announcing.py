"""Residents are told before their points expire: once for each lot, and only those who asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from broker.consent.register import add_person, link
from broker.delivery.personal import reach
from services.points.announcing import announce
from services.points.model import midnight_after
from tests.integration.points.conftest import Scene


async def deliveries(scene: Scene) -> list[dict[str, Any]]:
    query = """select s.channel, s.target, d.notice ->> 'text' as said from delivery d
        join subscriber s on s.id = d.subscriber_id order by d.id"""
    async with scene.database.system.transaction() as tx:
        return [dict(row) for row in await tx.fetch(query)]


async def known(scene: Scene, account: str, *matters: str) -> None:
    """The account's holder is a person, who wants to hear of these matters by mail."""
    person = account.replace("/", ".")
    async with scene.database.system.transaction("fukui") as tx:
        await add_person(tx, "fukui", person, scene.now)
        await link(tx, "fukui", person, "points", account, "clerk", scene.now)
        if matters:
            await reach(tx, "fukui", person, "mail", f"{person}@example.jp", matters, scene.now)


async def test_who_asked_for_it_is_told_once_of_each_lot(scene: Scene) -> None:
    for account, matters in (("resident/a", ["points"]), ("resident/b", ["tags"]), ("resident/stranger", [])):
        await known(scene, account, *matters)
    soon = midnight_after((scene.now + timedelta(days=20)).date())

    async def sell(id: str, account: str, points: int, expires: datetime) -> None:
        await scene.town.sell("fukui", id, account, points, 0, expires, "premium")

    for number, account in enumerate(("resident/a", "resident/b", "resident/stranger")):
        await sell(f"soon-{number}", account, 1200, soon)
    await sell("late", "resident/a", 500, soon + timedelta(days=60))
    assert await announce(scene.database.system, "fukui", scene.now, 30) == 1
    said = [
        {"channel": "mail", "target": "resident.a@example.jp", "said": "1,200ポイントの期限が2026年7月30日までです。"}
    ]
    assert await deliveries(scene) == said
    assert await announce(scene.database.system, "fukui", scene.now, 30) == 0
    await sell("another", "resident/a", 70, soon)
    assert await announce(scene.database.system, "fukui", scene.now, 30) == 1
    assert [one["said"] for one in await deliveries(scene)][1:] == ["70ポイントの期限が2026年7月30日までです。"]
    scene.now += timedelta(days=45)
    assert await announce(scene.database.system, "fukui", scene.now, 30) == 0
    scene.now += timedelta(days=10)
    assert await announce(scene.database.system, "fukui", scene.now, 30) == 1
