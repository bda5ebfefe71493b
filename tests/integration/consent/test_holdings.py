"""What the services hold of a person: exported whole, erased as far as duties allow, and nobody else's touched."""

from __future__ import annotations

from datetime import UTC, date, datetime

from broker.consent.register import add_person, link
from broker.store.migrate import migrations_of
from cityos.embedded import EmbeddedPostgres
from services.dispatch.personal import RidesHolding
from services.points.ledger import Ledger
from services.points.personal import PointsHolding
from services.points.settings import PointsSettings
from services.points.town import Town
from tests.conftest import CityDatabase

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HANAKO = "fukui.hanako"
_STOPS = "insert into bus_stop (tenant_id, id, name, longitude, latitude) select id, s, s, 136, 36 from tenant, unnest(array['a','b']) s"  # noqa: E501
_RIDER = "insert into bus_rider (tenant_id, id, name, phone, account, changed_at) select id, 'rider-7', '福井 花子', '0776000000', $1, now() from tenant where name = 'fukui'"  # noqa: E501
_RIDE = "insert into ride_booking (tenant_id, id, day, rider, origin, destination, seats, wheelchairs, pickup_from, pickup_until, arrive_by, state, booked_at, changed_at) select id, $1, $2, $3, 'a', 'b', 1, 0, 500, 510, 540, 'booked', now(), now() from tenant where name = 'fukui'"  # noqa: E501


async def test_rides(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await tx.execute(_STOPS)
        for id, day, rider in (
            ("past", date(2026, 11, 1), "rider-7"),
            ("own", date(2026, 11, 2), HANAKO),
            ("coming", date(2026, 12, 1), "rider-7"),
            ("other", date(2026, 11, 1), "rider-8"),
        ):
            await tx.execute(_RIDE, id, day, rider)
    holding = RidesHolding()
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", HANAKO, NOW)
        await link(tx, "fukui", HANAKO, "dispatch", "rider-7", "fukui.clerk", NOW)
        await tx.execute(_RIDER, HANAKO)
        [held] = await holding.export(tx, "fukui", HANAKO)
        assert [one["id"] for one in held["rides"]] == ["past", "own", "coming"]
        assert [one["phone"] for one in held["riders"]] == ["0776000000"]
        done = await holding.erase(tx, "fukui", HANAKO, NOW)
        assert (done.erased, done.kept, bool(done.why)) == (2, 1, True)
        await tx.execute("update ride_booking set state = 'cancelled' where id = 'coming'")
        done = await holding.erase(tx, "fukui", HANAKO, NOW)
        assert (done.erased, done.kept) == (2, 0)
        [left_of_them] = await holding.export(tx, "fukui", HANAKO)
        assert left_of_them["rides"] == []
        assert left_of_them["riders"][0]["phone"] == ""
        left = await tx.fetch("select id, rider from ride_booking order by id")
    assert [tuple(row) for row in left] == [("coming", ""), ("other", "rider-8"), ("own", ""), ("past", "")]


async def test_points(database: CityDatabase) -> None:
    async with Ledger(database.app, PointsSettings(), lambda: NOW).running() as ledger:
        town = Town(database.app, ledger, lambda: NOW)
        await town.open_books("fukui")
        account = await town.enrol("fukui", "7", {"born": date(1948, 2, 29), "residence": "春江"})
        await town.sell("fukui", "s1", account, 500, 0, datetime(2027, 3, 31, tzinfo=UTC), "premium")
    holding = PointsHolding(lambda: NOW)
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", HANAKO, NOW)
        assert await holding.export(tx, "fukui", HANAKO) == []
        await link(tx, "fukui", HANAKO, "points", account, "fukui.clerk", NOW)
        [held] = await holding.export(tx, "fukui", HANAKO)
        assert (held["about"]["residence"], held["wallet"]["moneyBalance"]) == ("春江", 500)
        assert [line["points"] for line in held["movements"]] == [500]
        done = await holding.erase(tx, "fukui", HANAKO, NOW)
        assert (done.erased, done.kept) == (1, 1)
        [held] = await holding.export(tx, "fukui", HANAKO)
    assert set(held["about"].values()) == {None}


async def test_consents_noted_before_the_gate_are_carried_over(
    database: CityDatabase, postgres: EmbeddedPostgres
) -> None:
    """The migration that makes the points' own consents consents of persons, over rows of the version before."""
    migration = next(m for m in migrations_of("services.points") if m.name == "0003_one_consent.sql")
    before = next(m for m in migrations_of("services.points") if m.name == "0002_town.sql").sql
    table = before[before.index("create table points_consent") : before.index("comment on table points_consent")]
    name = database.app_url.rpartition("/")[2].partition("?")[0]
    postgres.run_sql(name, table)
    rows = "insert into points_consent select id, 'fukui.app', a, '2026-09-01Z', w from tenant, (values ('resident/1', null), ('resident/2', timestamptz '2026-10-01Z')) v (a, w) where name = 'fukui'"  # noqa: E501
    postgres.run_sql(name, rows)
    postgres.run_sql(name, f"begin; {migration.sql} commit;")
    async with database.system.transaction() as tx:
        kept = await tx.fetch(
            "select l.reference, c.recipient, c.withdrawn_at is null as stands from consent c"
            " join person_link l on l.person = c.person order by 1"
        )
    assert [tuple(row) for row in kept] == [("resident/1", "fukui.app", True), ("resident/2", "fukui.app", False)]
