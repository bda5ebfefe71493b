"""A level that a person deletes from history, or moves to another time, is judged as if it had never been there."""

from __future__ import annotations

from typing import Any

from schemas.river import Stage
from tests.integration.alerting.bench import EBA, MONITORING, START
from tests.integration.alerting.conftest import Officer, stage


async def shown(officer: Officer) -> tuple[str, float | None]:
    """The stage and the level that everybody sees."""
    entity = await officer.flood.entity(MONITORING)
    assert entity is not None
    return entity["stage"]["value"], entity.get("currentLevel", {}).get("value")


async def water(officer: Officer) -> dict[str, Any]:
    entity = await officer.flood.entity(EBA)
    assert entity is not None
    return entity


async def test_an_alert_that_stood_on_a_deleted_level_is_withdrawn_for_that_reason(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.3))
    assert await shown(officer) == ("danger", 2.3)
    await officer.deletes(1)
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel"]
    assert (await officer.decisions())[-1] == ("lower", "deleted")
    assert (await officer.last_inputs())["deleted"] == [START.timestamp() + 600, 2.3]
    assert await stage(flood) == str(Stage.BELOW.rank)
    [told] = await flood.rows("select cap from alert_message where kind = 'cancel'")
    assert "観測値が削除されました" in told["cap"]
    assert await officer.now() == 0.5, "the state is the newest that is left"
    assert await shown(officer) == ("below", 0.5)

    await flood.feed((10, 2.3))
    assert [one["value"] for one in await officer.levels()] == [0.5], "a late copy of what was deleted"
    assert (await officer.now(), len(await officer.messages())) == (0.5, 2)

    flood.handler = flood.another_handler()
    await flood.feed((20, 0.6))
    assert await stage(flood) == str(Stage.BELOW.rank), "nor does a restart bring it back"

    await flood.feed((10, 2.2))
    assert [one["value"] for one in await officer.levels()] == [0.5, 2.2, 0.6], "another value of then is news"


async def test_a_deleted_older_level_undoes_nothing_that_newer_ones_say(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.1), (20, 2.3))
    await officer.deletes(1)
    assert await stage(flood) == str(Stage.DANGER.rank)
    assert [kind for kind, _ in await officer.messages()] == ["alert"]
    assert await officer.now() == 2.3
    await officer.deletes(1)
    assert await stage(flood) == str(Stage.BELOW.rank)


async def test_an_alert_is_changed_to_what_is_left(officer: Officer) -> None:
    await officer.flood.feed((0, 1.5), (10, 1.6), (20, 2.3))
    await officer.deletes(2)
    assert await stage(officer.flood) == str(Stage.CAUTION.rank)
    assert (await officer.messages())[-1] == ("update", "天王川（江波） 氾濫注意水位に変化")


async def test_a_gauge_whose_only_level_is_deleted_knows_nothing(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 2.3))
    await officer.deletes(0)
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel"]
    assert (await officer.decisions())[-1] == ("lower", "deleted")
    assert "waterLevel" not in await water(officer)
    assert await shown(officer) == ("unknown", None)
    await flood.feed((0, 2.3))
    assert "waterLevel" not in await water(officer), "a late copy"

    flood.handler = flood.another_handler()
    assert await flood.watch.look() == 0
    await flood.feed((10, 2.1))
    assert await stage(flood) == str(Stage.DANGER.rank)
    assert await shown(officer) == ("danger", 2.1)


async def test_an_alert_that_stood_on_a_level_moved_away_is_withdrawn(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 1.2), (10, 1.3), (20, 1.42), (30, 1.45))
    assert [kind for kind, _ in await officer.messages()] == ["alert"], "the second in a row"
    await officer.moves(3, 5)
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel"]
    assert (await officer.decisions())[-1] == ("lower", "moved")
    assert (await officer.last_inputs())["movedTo"] == [START.timestamp() + 300, 1.45]
    assert await officer.now() == 1.42
    assert await shown(officer) == ("standby", 1.42)
    await flood.feed((30, 1.45))
    assert [one["value"] for one in await officer.levels()] == [1.2, 1.45, 1.3, 1.42], "a late copy of where it stood"
    assert await officer.now() == 1.42
    await officer.moves(1, 30)
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel", "alert"], "a person takes it back"
    assert await officer.now() == 1.45


async def test_a_level_that_is_moved_and_still_is_the_newest_withdraws_nothing(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.3))
    await officer.moves(1, 5)
    assert [kind for kind, _ in await officer.messages()] == ["alert"]
    assert await stage(flood) == str(Stage.DANGER.rank)
    assert await officer.now() == 2.3


async def test_who_writes_a_deleted_level_again_is_believed(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.3))
    again = (await officer.levels())[1]
    await officer.deletes(1)
    del again["instanceId"]
    answer = await officer.client.post(f"/ngsi-ld/v1/temporal/entities/{EBA}/attrs", json={"waterLevel": [again]})
    assert answer.status_code == 204, answer.text
    await officer.hears()
    assert (await officer.now(), await stage(flood)) == (2.3, str(Stage.DANGER.rank))
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel", "alert"]


async def test_what_came_since_the_state_was_stored_is_not_forgotten(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (1, 0.9), (2, 1.0))
    flood.handler = flood.another_handler()
    await officer.deletes(0)
    await flood.feed((3, 1.0))
    assert await stage(flood) == str(Stage.STANDBY.rank), "the second in a row"


async def test_a_mark_goes_with_its_value(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 4.5))
    assert len(await flood.rows("select from quality_mark")) == 1
    await officer.deletes(1)
    assert (await officer.decisions())[-1] == ("cleared", "deleted")
    assert not await flood.rows("select from quality_mark")
