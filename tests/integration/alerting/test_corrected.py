"""A value that a person corrects is judged again, and no machine takes that back."""

from __future__ import annotations

from datetime import timedelta

from schemas.river import Stage
from tests.integration.alerting.bench import MONITORING
from tests.integration.alerting.conftest import Officer, stage


async def test_an_alert_that_stood_on_a_corrected_value_is_withdrawn_for_that_reason(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.3))
    await officer.corrects(1, 0.52)
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel"]
    assert (await officer.decisions())[-1] == ("lower", "corrected")
    assert await stage(flood) == str(Stage.BELOW.rank)
    [told] = await flood.rows("select cap from alert_message where kind = 'cancel'")
    assert "観測値が訂正されました" in told["cap"]

    for late in (2.3, 2.2, 2.2, 0.52):
        await flood.feed((10, late))
        assert [one["value"] for one in await officer.levels()] == [0.5, 0.52], (
            "a late copy, and a mended decoder's value"
        )
        assert await officer.now() == 0.52
    assert len(await officer.messages()) == 2
    versions = await flood.rows(
        "select h.number from history h join series s on s.id = h.series_id"
        " where s.attribute = 'waterLevel' and h.at = (select max(at) from history) order by h.version"
    )
    assert [row["number"] for row in versions] == [2.3, 2.2, 0.52, 0.52], "nothing that a gauge said is lost"

    flood.handler = flood.another_handler()
    await flood.feed((20, 0.5))
    assert await stage(flood) == str(Stage.BELOW.rank), "nor does a restart bring it back"
    await officer.corrects(1, 0.6)
    assert [one["value"] for one in await officer.levels()] == [0.5, 0.6, 0.5]


async def test_a_corrected_older_value_undoes_nothing_that_newer_ones_say(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.1), (20, 2.3))
    await officer.corrects(1, 0.55)
    assert await stage(flood) == str(Stage.DANGER.rank)
    assert [kind for kind, _ in await officer.messages()] == ["alert"]
    assert await officer.now() == 2.3


async def test_a_correction_says_nothing_of_whether_its_gauge_is_alive(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 0.6))
    flood.now += timedelta(hours=12)
    assert await flood.watch.look() == 1

    async def shown() -> tuple[bool, str, str]:
        [row] = await flood.rows("select silent_since is not null as silent from gauge_state")
        entity = await flood.entity(MONITORING)
        assert entity is not None
        return row["silent"], entity["stage"]["value"], entity["quality"]["value"]

    assert await shown() == (True, "unknown", "missing")
    await officer.corrects(1, 2.3)
    assert await shown() == (True, "unknown", "missing")
    assert [kind for kind, _ in await officer.messages()] == ["alert"]
    await officer.deletes(1)
    assert await shown() == (True, "unknown", "missing")
    await flood.feed((20, 0.6))
    assert await shown() == (False, "below", "good")


async def test_a_value_by_hand_is_believed_at_once_however_far_it_is_from_its_neighbours(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 0.5), (20, 0.5))
    await officer.corrects(2, 4.5)
    assert await stage(flood) == str(Stage.DANGER.rank)
    assert (await officer.decisions())[-1] == ("raise", "danger-at-once")
    inputs = await officer.last_inputs()
    assert (inputs["quality"], inputs["reasons"]) == ("good", ["by-hand"])
    [mark] = await flood.rows("select quality, reasons from quality_mark")
    assert (mark["quality"], mark["reasons"]) == ("good", ["by-hand"])

    flood.handler = flood.another_handler()
    await flood.feed((30, 4.4))
    [row] = await flood.rows("select quality, doubt_rank from gauge_state")
    assert (row["quality"], row["doubt_rank"]) == ("good", Stage.UNKNOWN.rank), "the next is judged by it"


async def test_a_value_by_hand_that_was_not_stored_yet_is_still_by_hand_after_a_restart(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 0.5), (20, 0.5))
    await officer.corrects(1, 0.51)
    # A state that was stored before the value came: history alone tells whose word it is.
    await flood.rows("update gauge_state set state = jsonb_set(state, '{1}', state -> 1 #- '{1}') returning entity_id")
    flood.handler = flood.another_handler()
    await flood.feed((30, 0.5))
    handler = flood.handler
    [held] = handler.held.values()
    assert [entry.reading.by_hand for entry in held.state.window] == [False, True, False, False]


async def test_a_value_by_hand_beyond_what_the_gauge_measures_is_bad(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 0.5))
    await officer.corrects(1, 45_000.0)
    assert await stage(flood) == str(Stage.BELOW.rank)
    [row] = await flood.rows("select quality, reasons from gauge_state")
    assert (row["quality"], row["reasons"]) == ("bad", ["range"])
