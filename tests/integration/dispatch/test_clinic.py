"""A clinic's appointments make rides, with the patient's consent and never without."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from access.evidence import sign_statement
from access.keys import KeyRing, new_key
from broker.consent.register import ConsentBook, add_person, link
from broker.consent.register import Wish as ConsentWish
from broker.errors import Forbidden, Invalid, NotFound
from services.dispatch.clinic import RECIPIENT
from services.dispatch.days import moment
from services.dispatch.people import Rider
from services.dispatch.personal import SERVICE
from services.dispatch.service import BusService
from services.dispatch.values import Appointment, BookingState, Wish
from tests.conftest import CityDatabase
from tests.integration.dispatch.conftest import DAY, Now, service, town

KEYS = KeyRing([new_key()])
BOOK = ConsentBook(lambda statement: sign_statement(KEYS, statement))
HANA, APP = "fukui.hana", "clinic-app"
TEN = Appointment("hana", "s6", moment(DAY, 600.0), moment(DAY, 640.0))


@pytest.fixture
async def buses(database: CityDatabase, now: Now) -> BusService:
    await town(database, 1)
    found = service(database, now)
    await found.save_rider("fukui", Rider("hana", "山田 ハナ", phone="0776200001", home="s1", wheelchairs=1))
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", HANA, now.at, name="山田 ハナ")
        await link(tx, "fukui", HANA, SERVICE, "hana", "officer", now.at)
    return found


async def consent(database: CityDatabase, now: Now, recipient: str, category: str) -> str:
    wish = ConsentWish(
        recipient=recipient,
        category=category,
        purpose="clinic-visit",
        until=now.at + timedelta(days=30),
        sensitive=category == "appointments",
    )
    async with database.app.transaction("fukui") as tx:
        return (await BOOK.grant(tx, "fukui", HANA, wish, HANA, now.at)).id


async def test_an_appointment_books_there_in_time_and_back_moves_and_cancels(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    await consent(database, now, RECIPIENT, "appointments")
    first = await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    there, back = first.rides
    assert not first.shared
    assert (there.ask.origin, there.ask.destination, there.ask.wheelchairs, there.ask.seats) == ("s1", "s6", 1, 0)
    assert there.promise.arrive_by <= 590.0
    assert (back.ask.origin, back.promise.pickup_from) == ("s6", 640.0)
    again = await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    assert [b.id for b in again.rides] == [there.id, back.id]
    later = replace(TEN, at=moment(DAY, 720.0), until=moment(DAY, 780.0))
    moved = await buses.clinic.hear("fukui", APP, "visit-1", later)
    assert moved.rides[0].promise.arrive_by <= 710.0
    assert {(await buses.booking("fukui", b.id)).state for b in (there, back)} == {BookingState.CANCELLED}
    gone = await buses.clinic.hear("fukui", APP, "visit-1", replace(later, cancelled=True))
    assert gone.rides == []
    assert (await buses.clinic.hear("fukui", APP, "visit-1", replace(later, cancelled=True))).rides == []
    states = [b.state for b in await buses.bookings_of("fukui", "hana")]
    assert states == [BookingState.CANCELLED] * 4


async def test_an_appointments_rides_are_made_beside_one_that_the_patient_booked(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    await consent(database, now, RECIPIENT, "appointments")
    await town(database, 2)  # a wheelchair has room in one bus once
    first = await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    own = [Wish(ride.ask) for ride in first.rides]
    await buses.clinic.hear("fukui", APP, "visit-1", replace(TEN, cancelled=True))
    kept = await buses.desk.arrange("fukui", own, "hana", series="by telephone")
    made = await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    assert len(made.rides) == 2
    assert not {ride.id for ride in made.rides} & {ride.id for ride in kept}


async def test_without_consent_nothing_is_booked_and_a_withdrawn_one_counts_at_once(
    buses: BusService, database: CityDatabase, now: Now
) -> None:
    with pytest.raises(Forbidden):
        await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    assert await buses.bookings_of("fukui", "hana") == []
    given = await consent(database, now, RECIPIENT, "appointments")
    await consent(database, now, APP, "rides")
    assert (await buses.clinic.hear("fukui", APP, "visit-1", TEN)).shared
    async with database.app.transaction("fukui") as tx:
        await BOOK.withdraw(tx, "fukui", given, HANA, now.at)
    with pytest.raises(Forbidden):
        await buses.clinic.hear("fukui", APP, "visit-1", replace(TEN, cancelled=True))
    async with database.app.transaction("fukui") as tx:
        shown = await tx.fetch("select recipient, category, allowed from disclosure order by id")
    assert [tuple(row) for row in shown] == [
        (RECIPIENT, "appointments", False),
        (RECIPIENT, "appointments", True),
        (APP, "rides", True),
        (RECIPIENT, "appointments", False),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"until": moment(DAY, 500.0)}, "until"),
        ({"until": moment(DAY, 1400.0)}, "until"),
        ({"at": moment(DAY, 421.0)}, "at"),
        ({"stop": "moon"}, "stop"),
        ({"stop": "s1"}, "destination"),
    ],
)
async def test_what_cannot_be_is_named_and_the_old_rides_stay(
    buses: BusService, database: CityDatabase, now: Now, changes: dict[str, object], field: str
) -> None:
    await consent(database, now, RECIPIENT, "appointments")
    standing = await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    with pytest.raises(Invalid) as refused:
        await buses.clinic.hear("fukui", APP, "visit-1", replace(TEN, **changes))  # type: ignore[arg-type]
    assert refused.value.field == field
    kept = await buses.clinic.hear("fukui", APP, "visit-1", TEN)
    assert [b.id for b in kept.rides] == [b.id for b in standing.rides]
    with pytest.raises(NotFound):
        await buses.clinic.hear("fukui", APP, "visit-2", replace(TEN, rider="nobody"))
