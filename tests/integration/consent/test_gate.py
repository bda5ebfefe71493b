"""The gate over a real database: what it allows, what it books, and that taking back counts at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access.consent import Consent, Disclosure, Ground
from access.evidence import read_statement, sign_statement
from access.keys import KeyRing, new_key
from broker.consent.evidence import CONSENTS, DISCLOSURES
from broker.consent.gate import Gate, person_of
from broker.consent.register import ConsentBook, Wish, add_person, link, unlink
from broker.errors import CityError, Conflict, Forbidden, Invalid, NotFound
from broker.sealing import seal_all, verify
from cityos.embedded import EmbeddedPostgres
from tests.conftest import CityDatabase

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HANAKO, APP = "fukui.hanako", "fukui.bus-app"
KEYS = KeyRing([new_key()])
JOURNALS = [CONSENTS, DISCLOSURES]
BOOK = ConsentBook(lambda statement: sign_statement(KEYS, statement))
WISH = Wish(recipient=APP, category="rides", purpose="ride-booking", until=NOW + timedelta(days=30))


def asked(**change: Any) -> Disclosure:
    said = {"tenant": "fukui", "person": HANAKO, "recipient": APP, "category": "rides", "purpose": "ride-booking"}
    return Disclosure(**{**said, "at": NOW, "reference": "booking 7", **change})


async def granted(database: CityDatabase, wish: Wish = WISH) -> Consent:
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", HANAKO, NOW, name="福井 花子")
        return await BOOK.grant(tx, "fukui", HANAKO, wish, HANAKO, NOW)


async def booked(database: CityDatabase) -> list[tuple[bool, str | None, str]]:
    async with database.system.transaction() as tx:
        rows = await tx.fetch("select allowed, ground, reference from disclosure order by id")
    return [tuple(row) for row in rows]


async def test_nobody_gets_anything_and_the_refusal_outlives_the_rollback(database: CityDatabase) -> None:
    gate = Gate(database.app)
    with pytest.raises(Forbidden, match="no consent of the person"):
        async with database.app.transaction("fukui") as tx:
            await gate.disclose(tx, asked())
    assert await booked(database) == [(False, None, "booking 7")]


async def test_a_withdrawal_counts_at_the_next_read(database: CityDatabase) -> None:
    gate, consent = Gate(database.app), await granted(database)
    async with database.app.transaction("fukui") as tx:
        decision = await gate.disclose(tx, asked())
    assert (decision.ground, decision.basis) == (Ground.CONSENT, consent.id)
    async with database.app.transaction("fukui") as tx:
        await BOOK.withdraw(tx, "fukui", consent.id, HANAKO, NOW)
    with pytest.raises(Forbidden):
        async with database.app.transaction("fukui") as tx:
            await gate.disclose(tx, asked())
    assert await booked(database) == [(True, "consent", "booking 7"), (False, None, "booking 7")]


async def test_a_disclosure_that_was_rolled_back_did_not_happen(database: CityDatabase) -> None:
    await granted(database)
    with pytest.raises(RuntimeError):
        async with database.app.transaction("fukui") as tx:
            await Gate(database.app).disclose(tx, asked())
            raise RuntimeError("the answer could not be made")
    assert await booked(database) == []


async def test_a_consumer_goes_on_and_both_are_booked(database: CityDatabase) -> None:
    """As the system, whose transaction is of no tenant."""
    gate = Gate(database.system)
    await granted(database)
    async with database.system.transaction() as tx:
        assert (await gate.tell(tx, asked())).allowed
        assert not (await gate.tell(tx, asked(purpose="statistics"))).allowed
    assert [allowed for allowed, *_ in await booked(database)] == [True, False]


async def test_whose_data_an_app_may_have(database: CityDatabase) -> None:
    gate = Gate(database.app)
    await granted(database)
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", "fukui.taro", NOW)
        assert list(await gate.permitted_among(tx, asked())) == [HANAKO]
        assert list(await gate.permitted_among(tx, asked(), ["fukui.taro", HANAKO])) == [HANAKO]
        assert await gate.permitted_among(tx, asked(recipient="fukui.other-app")) == {}
    assert await booked(database) == []


async def test_the_neighbour_has_none_of_it(database: CityDatabase) -> None:
    await granted(database)
    async with database.app.transaction("neighbour") as tx:
        assert not (await Gate(database.app).permitted(tx, asked(tenant="neighbour"))).allowed
        assert not (await Gate(database.app).permitted(tx, asked(tenant="fukui"))).allowed
    with pytest.raises(CityError):
        async with database.app.transaction("neighbour") as tx:
            await add_person(tx, "fukui", "fukui.mallory", NOW)


async def test_every_grant_and_withdrawal_is_signed(database: CityDatabase) -> None:
    consent = await granted(database)
    async with database.app.transaction("fukui") as tx:
        await BOOK.withdraw(tx, "fukui", consent.id, HANAKO, NOW + timedelta(hours=1))
        await BOOK.withdraw(tx, "fukui", consent.id, HANAKO, NOW + timedelta(hours=2))
        rows = await tx.fetch("select kind, statement from consent_evidence order by id")
    said = [read_statement(row["statement"]) for row in rows]
    assert [statement["kind"] for _, statement in said] == ["consent.grant", "consent.withdraw"]
    assert {key for key, _ in said} == {KEYS.active.id}
    assert said[1][1]["at"] == "2026-11-21T04:00:00Z"
    assert said[0][1]["terms"]["id"] == consent.id


@pytest.mark.parametrize("table", ["disclosure", "consent_evidence", "consent"])
async def test_what_was_done_cannot_be_undone(database: CityDatabase, table: str) -> None:
    consent = await granted(database)
    async with database.app.transaction("fukui") as tx:
        await Gate(database.app).disclose(tx, asked())
    change = f"update consent set purpose = 'statistics' where id = '{consent.id}'"
    for statement in (f"delete from {table}", change if table == "consent" else f"update {table} set person = 'x'"):
        for role in (database.app.transaction("fukui"), database.system.transaction()):
            with pytest.raises(Forbidden):
                async with role as tx:
                    await tx.execute(statement)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "dreams"}, "category"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"recipient": ""}, "recipient"),
        ({"until": NOW}, "until"),
        ({"until": NOW + timedelta(days=365 * 6)}, "until"),
        ({"until": datetime(2027, 1, 1)}, "until"),  # noqa: DTZ001
        ({"category": "health"}, "sensitive"),
    ],
)
async def test_a_wish_that_nobody_can_consent_to(database: CityDatabase, change: dict[str, Any], field: str) -> None:
    said = {"recipient": APP, "category": "rides", "purpose": "ride-booking", "until": WISH.until, **change}
    with pytest.raises(Invalid) as refused:
        await granted(database, Wish(**said))
    assert refused.value.field == field


async def test_nobody_consents_for_somebody_else(database: CityDatabase) -> None:
    consent = await granted(database)
    async with database.app.transaction("fukui") as tx:
        with pytest.raises(NotFound):
            await BOOK.grant(tx, "fukui", HANAKO, WISH, "fukui.mallory", NOW)
        with pytest.raises(NotFound):
            await BOOK.withdraw(tx, "fukui", consent.id, "fukui.mallory", NOW)
    async with database.app.transaction("fukui") as tx:
        assert (await Gate(database.app).permitted(tx, asked())).allowed


async def test_a_record_is_one_persons(database: CityDatabase) -> None:
    await granted(database)
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", "fukui.taro", NOW)
        await link(tx, "fukui", HANAKO, "points", "resident/7", "fukui.clerk", NOW)
        await link(tx, "fukui", HANAKO, "points", "resident/7", "fukui.clerk", NOW)
        with pytest.raises(Conflict):
            await link(tx, "fukui", "fukui.taro", "points", "resident/7", "fukui.clerk", NOW)
        assert await person_of(tx, "fukui", "points", "resident/7") == HANAKO
        await unlink(tx, "fukui", HANAKO, "points", "resident/7")
        assert await person_of(tx, "fukui", "points", "resident/7") is None


async def test_what_was_disclosed_and_allowed_is_sealed(database: CityDatabase, postgres: EmbeddedPostgres) -> None:
    await granted(database)
    async with database.app.transaction("fukui") as tx:
        await Gate(database.app).disclose(tx, asked())
        await Gate(database.app).disclose(tx, asked(reference="booking 8"))
    assert await seal_all(database.system, JOURNALS, NOW) == 2
    assert await seal_all(database.system, JOURNALS, NOW + timedelta(hours=2)) == 0
    found = [one for one in await verify(database.system, JOURNALS) if one.tenant == "fukui"]
    assert [(one.journal, one.records, one.broken) for one in found] == [("consent", 1, None), ("disclosure", 2, None)]
    name = database.app_url.rpartition("/")[2].partition("?")[0]
    postgres.run_sql(name, "update disclosure set recipient = 'nobody' where reference = 'booking 8'")
    found = [one for one in await verify(database.system, JOURNALS) if one.tenant == "fukui"]
    assert [one.broken for one in found] == [None, 1]
