"""Riders, fares, journeys, drivers' reports and a rising river, against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from broker.delivery.notice import Filter, Notice
from broker.errors import Conflict, Invalid
from broker.ports import CHANGES, Record
from schemas.change import Change, encode_change
from schemas.clock import iso
from schemas.river import Stage
from services.dispatch.crew import Crew
from services.dispatch.days import moment
from services.dispatch.people import Rider
from services.dispatch.personal import RidesHolding
from services.dispatch.service import BusService
from services.dispatch.telling import Teller
from services.dispatch.values import Ask, Booking, BookingState, ClosureRule, Report, Wish
from services.dispatch.watching import ChangeWatcher
from tests.conftest import CityDatabase
from tests.integration.dispatch.conftest import DAY, OUTLET, Now, days, service, town

HANA = Rider("hana", "山田 ハナ", "ヤマダ ハナ", "0776200001", home="s1", member=True)


def ask(origin: int, destination: int, earliest: float, day: date = DAY) -> Ask:
    return Ask(day, f"s{origin}", f"s{destination}", earliest)


def ids(made: list[Booking] | Conflict | Invalid) -> list[str]:
    assert isinstance(made, list), made
    return [booking.id for booking in made]


async def booked(buses: BusService, wish: Ask, rider: str = "hana") -> Booking:
    return await buses.desk.book("fukui", wish, (await buses.desk.quote("fukui", wish))[0], rider)


@pytest.fixture
async def buses(database: CityDatabase, now: Now) -> BusService:
    """One bus, and Hana who rides on it."""
    await town(database, 1)
    found = service(database, now)
    await found.save_rider("fukui", HANA)
    return found


async def test_a_caller_is_found_by_the_beginning_of_the_number(buses: BusService) -> None:
    await buses.save_rider("fukui", Rider("taro", "佐藤 太郎", phone="0776209999"))
    assert [r.id for r in await buses.riders("fukui", "０７７６-20")] == ["hana", "taro"]
    assert [r.id for r in await buses.riders("fukui", "0776-20-0001")] == ["hana"]
    assert await buses.riders("neighbour", "0776") == []
    with pytest.raises(Invalid, match="three digits"):
        await buses.riders("fukui", "07")
    with pytest.raises(Invalid, match="no stop 'moon'"):
        await buses.save_rider("fukui", replace(HANA, home="moon"))


async def test_a_member_pays_less_and_is_told_what(buses: BusService) -> None:
    await buses.set_fares("fukui", b'{"flat": 400, "memberOff": 50}')
    offers = await buses.desk.quote("fukui", ask(1, 6, 540.0))
    assert set(await buses.desk.price("fukui", ask(1, 6, 540.0), offers, "hana")) == {200}
    assert set(await buses.desk.price("fukui", ask(1, 6, 540.0), offers, None)) == {400}
    made = await booked(buses, ask(1, 6, 540.0))
    assert (await buses.booking("fukui", made.id)).fare == 200
    assert "料金は200円" in (await buses.told("fukui", "hana"))[0]["said"]
    with pytest.raises(Invalid, match="do not take points"):
        await buses.desk.arrange("fukui", [Wish(ask(1, 6, 600.0), payment="points")], "hana", series="p")


async def test_there_and_back_is_both_or_neither_and_once(buses: BusService) -> None:
    wishes = [Wish(ask(1, 6, 540.0)), Wish(ask(6, 1, 660.0))]
    first = await buses.desk.arrange("fukui", wishes, "hana", series="call-1")
    again = await buses.desk.arrange("fukui", wishes, "hana", series="call-1")
    assert [b.id for b in first] == [b.id for b in again]
    with pytest.raises(Invalid):
        await buses.desk.arrange("fukui", [Wish(ask(2, 7, 700.0)), Wish(ask(7, 7, 800.0))], "hana", series="call-2")
    assert {b.id for b in await buses.bookings_of("fukui", "hana")} == {b.id for b in first}


async def test_the_very_same_ride_again_is_refused_by_name_unless_it_is_meant(buses: BusService) -> None:
    wish = ask(1, 6, 540.0)
    offers = await buses.desk.quote("fukui", wish)
    both = await asyncio.gather(
        *(buses.desk.book("fukui", wish, offers[n], "hana", asked_as=f"press-{n}") for n in range(2)),
        return_exceptions=True,
    )
    (made,) = [one for one in both if isinstance(one, Booking)]
    (refused,) = [one for one in both if isinstance(one, Conflict)]
    assert refused.existing == made.id
    assert f"booking {made.id}" in str(refused)
    week = await buses.repeat("fukui", [Wish(wish)], "hana", frozenset({2}), DAY + timedelta(days=1), series="w")
    assert [isinstance(one, list) for one in week.values()] == [False, True]
    await booked(buses, replace(wish, seats=2))
    await booked(buses, wish, "a neighbour")
    await booked(buses, replace(wish, earliest=660.0))
    again = await buses.desk.book("fukui", wish, (await buses.desk.quote("fukui", wish))[0], "hana", twice=True)
    assert again.id != made.id
    for one in (made.id, again.id):
        await buses.desk.cancel("fukui", one)
    await booked(buses, wish)


async def test_a_weekly_ride_is_booked_day_by_day(buses: BusService) -> None:
    wishes = [Wish(ask(1, 6, 540.0))]
    found = await buses.repeat("fukui", wishes, "hana", frozenset({1, 3}), DAY + timedelta(days=9), series="weekly")
    assert [day.weekday() for day in found] == [1, 3, 1, 3]
    assert all(len(made) == 1 for made in found.values())
    again = await buses.repeat("fukui", wishes, "hana", frozenset({1, 3}), DAY + timedelta(days=9), series="weekly")
    assert [ids(made) for made in again.values()] == [ids(made) for made in found.values()]
    for until in (DAY - timedelta(days=1), DAY + timedelta(days=93)):
        with pytest.raises(Invalid, match="is not between the first ride on"):
            await buses.repeat("fukui", wishes, "hana", frozenset({1}), until, series="w")


async def test_a_driver_reports_once_whatever_the_tunnel_does(buses: BusService, now: Now) -> None:
    made = await booked(buses, ask(1, 6, 540.0))
    on = Report("tablet-0001", made.id, "boarded", moment(DAY, 543.0))
    off = Report("tablet-0002", made.id, "alighted", moment(DAY, 560.0))
    now.set(575.0)
    heard = await buses.crew.hear("fukui", "v0", [on, off, on])
    assert [h.accepted for h in heard] == [True, True, True]
    later = replace(on, at=moment(DAY, 544.0))
    assert (await buses.crew.hear("fukui", "v0", [later]))[0].accepted
    known = await buses.booking("fukui", made.id)
    assert (known.boarded_at, known.alighted_at) == (moment(DAY, 543.0), moment(DAY, 560.0))
    whole, by_day = await buses.figures("fukui", DAY, DAY)
    assert (whole.ridden, whole.waiting, whole.kept, whole.shared) == (1, 3.0, 1.0, 0.0)
    assert 0 < whole.empty_kilometres < whole.kilometres
    assert by_day[DAY] == whole


async def test_a_ride_made_is_told_to_other_services_with_its_person_and_fare_alone(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    await buses.set_fares("fukui", b'{"flat": 300}')
    await buses.save_rider("fukui", replace(HANA, account="person-7"))
    mine, strangers = await booked(buses, ask(1, 6, 540.0)), await booked(buses, ask(1, 6, 540.0), "x")
    now.set(575.0)
    for n, ride in enumerate((mine, strangers)):
        reports = [Report(f"report-{n}{what}", ride.id, what, now.at) for what in ("boarded", "alighted")]
        await buses.crew.hear("fukui", "v0", reports)
    async with database.app.transaction("fukui") as tx:
        rows = await tx.fetch("select id, doc::text as doc from entity where 'RideBooking' = any(type)")
    docs = {row["id"].rpartition(":")[2]: json.loads(row["doc"]) for row in rows}
    told = docs[mine.id]
    assert told["person"]["object"] == "urn:ngsi-ld:Person:person-7"
    values = {name: told[name]["value"] for name in ("fare", "payment", "passengers", "dateRidden", "status")}
    assert values == {
        "fare": 300, "payment": "cash", "passengers": 1, "dateRidden": "2026-11-24", "status": "completed",
    }  # fmt: skip
    assert "person" not in docs[strangers.id]
    assert not any(place in row["doc"] for row in rows for place in ("s1", "s6", "hana"))


async def test_a_wrong_report_says_why_and_holds_nobody_up(buses: BusService, now: Now) -> None:
    made = await booked(buses, ask(1, 6, 540.0))
    now.set(541.0)
    heard = await buses.crew.hear(
        "fukui",
        "v0",
        [
            Report("r-unknown-1", "nobody", "boarded", moment(DAY, 541.0)),
            Report("r-future-1", made.id, "boarded", moment(DAY, 600.0)),
            Report("r-early-1", made.id, "no-show", moment(DAY, 539.0)),
            Report("r-good-1", made.id, "boarded", moment(DAY, 541.0)),
            Report("r-toolate-1", made.id, "no-show", moment(DAY, 541.0)),
        ],
    )
    assert [h.accepted for h in heard] == [False, False, False, True, False]
    assert "set the tablet's clock" in heard[1].because
    assert "waits until the promised time" in heard[2].because
    assert "on board" in heard[4].because


async def test_somebody_who_does_not_come_frees_the_seat_and_is_told(buses: BusService, now: Now) -> None:
    gone, other = await booked(buses, ask(1, 11, 540.0)), await booked(buses, ask(2, 7, 600.0), "x")
    now.set(556.0)
    assert (await buses.crew.hear("fukui", "v0", [Report("no-show-1", gone.id, "no-show", now.at)]))[0].accepted
    assert (await buses.booking("fukui", gone.id)).state is BookingState.NO_SHOW
    stops = (await buses.desk.plan("fukui", DAY))["v0"].stops
    assert [(s.booking, s.boards) for s in stops][:2] == [(gone.id, True), (gone.id, False)]
    assert {s.booking for s in stops} == {gone.id, other.id}
    assert (await buses.told("fukui", "hana"))[0]["kind"] == "no-show"
    assert (await buses.desk.report_breakdown("fukui", DAY, "v0", "故障")).broken != ()
    assert (await buses.booking("fukui", gone.id)).state is BookingState.NO_SHOW


async def test_riders_are_reminded_once_by_mail_and_rung_without(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    await buses.save_rider("fukui", replace(HANA, id="mail", mail="taro@example.jp", phone="0776"))
    with_mail, without = await booked(buses, ask(1, 6, 540.0), "mail"), await booked(buses, ask(2, 7, 600.0))
    teller = Teller(database.system, days(now), Crew(database.system, days(now), OUTLET))
    now.set(520.0)
    for _ in range(2):
        await teller.look("fukui", DAY)
        await teller.send()
    now.set(614.0)
    await teller.look("fukui", DAY)
    await teller.send()
    assert [row["rider"] for row in await buses.calls("fukui")] == ["hana"]
    async with database.system.transaction() as tx:
        queued = await tx.fetch("select notice::text from delivery order by id")
    notices = [msgspec.json.decode(row["notice"], type=Notice) for row in queued]
    assert [n.body["kind"] for n in notices] == ["booked", "reminder", "late"]
    assert all(not Filter(staff=True).takes(n) and "taro" not in n.text for n in notices)
    assert {with_mail.id, without.id} == {b.id for r in ("mail", "hana") for b in await buses.bookings_of("fukui", r)}
    notice = (await buses.calls("fukui"))[0]["id"]
    await buses.called("fukui", notice, "operator-1")
    await buses.called("fukui", notice, "operator-1")
    assert await buses.calls("fukui") == []

    async def queued_for() -> list[str]:
        async with database.system.transaction() as tx:
            sql = "select s.target from delivery d join subscriber s on s.id = d.subscriber_id order by d.id"
            return [row["target"] for row in await tx.fetch(sql)]

    async def subscribed() -> list[str]:
        async with database.system.transaction() as tx:
            return [row["target"] for row in await tx.fetch("select target from subscriber order by id")]

    await buses.save_rider("fukui", replace(HANA, id="mail", mail="new@example.jp", phone="0776"))
    assert await queued_for() == [], "nothing that waits goes to an address that is theirs no more"
    await teller.send()
    assert (await queued_for(), await subscribed()) == (["new@example.jp"] * 3, ["new@example.jp"])
    async with database.system.transaction() as tx:
        await tx.execute(
            "update delivery set state = 'done', settled_at = now() where id = (select min(id) from delivery)"
        )
    async with database.app.transaction("fukui") as tx:
        await tx.execute("update ride_booking set state = 'cancelled'")
        done = await RidesHolding().erase(tx, "fukui", "mail", now.at)
    assert (done.kept, await queued_for()) == (0, []), "erased, and nothing of it waits or is kept as sent"
    assert await subscribed() == [], "nor the address"


def change(now: Now, entity: str, kind: str, attributes: dict[str, object]) -> Record:
    made = Change(tenant="fukui", entity=entity, type=(kind,), op="update", version=1, at=now.at, attributes=attributes)
    return Record(CHANGES, 0, 0, entity.encode(), encode_change(made), now.at)


async def test_a_rising_river_closes_its_stops_and_opens_them_again(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    gauges = ("urn:ngsi-ld:FloodMonitoring:1", "urn:ngsi-ld:FloodMonitoring:2")
    await buses.set_closure_rule("fukui", ClosureRule(gauges[0], Stage.DANGER, ("s6", "s7")))
    await buses.set_closure_rule("fukui", ClosureRule(gauges[1], Stage.EVACUATION, ("s6",)))
    await buses.desk.close_stop("fukui", DAY, "s3", "工事")
    there, elsewhere = await booked(buses, ask(1, 6, 540.0)), await booked(buses, ask(2, 5, 600.0))
    watcher = ChangeWatcher(
        database.system, days(now), service(database, now).desk, Crew(database.system, days(now), OUTLET)
    )

    async def stage(gauge: str, value: Stage) -> set[str]:
        async with database.system.transaction() as tx:
            said = {"stage": {"type": "Property", "value": value.value}}
            await watcher.handle(tx, [change(now, gauge, "FloodMonitoring", said)])
        return {stop.id for stop in (await buses.town("fukui"))[0] if stop.closed_because}

    assert await stage(gauges[0], Stage.EVACUATION) == {"s3"}
    assert await stage(gauges[0], Stage.DANGER) == {"s3", "s6", "s7"}
    assert await stage(gauges[0], Stage.DANGER) == {"s3", "s6", "s7"}
    broken = await buses.booking("fukui", there.id)
    assert (broken.state, broken.broken_because) == (BookingState.BROKEN, "川の水位が氾濫危険水位に達したため")
    assert (await buses.booking("fukui", elsewhere.id)).state is BookingState.BOOKED
    assert await stage(gauges[0], Stage.UNKNOWN) == {"s3", "s6", "s7"}
    assert await stage(gauges[1], Stage.DANGER) == {"s3", "s6", "s7"}
    assert await stage(gauges[0], Stage.BELOW) == {"s3", "s6"}
    assert await stage(gauges[1], Stage.BELOW) == {"s3"}
    with pytest.raises(Invalid, match="no stop 'moon'"):
        await buses.set_closure_rule("fukui", ClosureRule("g", Stage.DANGER, ("moon",)))


async def test_a_position_makes_the_expected_time_and_a_jump_does_not(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    made = await booked(buses, ask(1, 6, 540.0))
    watcher = ChangeWatcher(
        database.system, days(now), service(database, now).desk, Crew(database.system, days(now), OUTLET)
    )

    async def place(longitude: float, latitude: float) -> float:
        point = {"type": "Point", "coordinates": [longitude, latitude]}
        said = {"location": {"type": "GeoProperty", "value": point, "observedAt": iso(now.at)}}
        async with database.system.transaction() as tx:
            await watcher.handle(tx, [change(now, "urn:ngsi-ld:Vehicle:v0", "Vehicle", said)])
        return (await buses.crew.board("fukui", DAY)).expected["v0"][0].at

    now.set(538.0)
    near = await place(136.205, 35.95)
    now.set(538.5)
    assert await place(137.9, 36.9) == pytest.approx(near, abs=1.0)
    now.set(541.0)
    far = await place(136.23, 35.97)
    assert far > near + 5
    assert (await buses.crew.board("fukui", DAY)).positions["v0"].doubts == 0
    assert made.promise.pickup_from == 540.0


async def test_a_cancelled_booking_cannot_be_changed(buses: BusService) -> None:
    made = await booked(buses, ask(1, 6, 540.0))
    await buses.desk.cancel("fukui", made.id)
    wish = ask(1, 6, 600.0)
    with pytest.raises(Conflict, match="cancelled already"):
        await buses.desk.change("fukui", made.id, wish, (await buses.desk.quote("fukui", wish))[0])
