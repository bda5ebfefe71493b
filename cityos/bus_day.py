"""A town's day of demand buses, played through the real desk, crew and watcher on the day of a recorded flood.

Riders ask by a seeded chance, beforehand and at short notice; drivers reach their stops when they are expected, or a
little later; a bus breaks down; the river of the record closes the stops beside it. The day is 13 July 2023, so that
nobody's present bookings are touched.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zlib import crc32

from broker.errors import Conflict, Invalid
from broker.ports import CHANGES, Database, Outlet, Record
from cityos.replay import DEMO_FOLDER, flood_file, load_readings
from schemas.change import Change, encode_change
from schemas.river import Stage, Thresholds
from services.dispatch.days import moment
from services.dispatch.figures import Figures
from services.dispatch.people import Rider
from services.dispatch.service import BusService
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import StraightLine
from services.dispatch.values import Ask, Booking, BookingState, Break, ClosureRule, Report, Stop, Vehicle, Wish
from services.dispatch.watching import ChangeWatcher

DAY = date(2023, 7, 13)
FLOOD = "2023-07"
STATION = "124"
"""江波 on the 天王川, which stood above its danger level (氾濫危険水位) that morning."""
GAUGE = "urn:ngsi-ld:FloodMonitoring:fukui-river-124"
LEVELS = Thresholds(standby=1.0, caution=1.4, danger=2.0)
BESIDE_THE_RIVER = ("b14", "b15", "b16", "b17")
FIRST, LAST = 360, 1260
"""The day's first and last minute."""
BREAKS = (Break(690.0, 780.0, 45.0), Break(960.0, 1050.0, 30.0))
"""Of every driver: at noon, and in the afternoon."""
BREAKDOWN = 660.0
BROKEN = "demo-3"
BECAUSE = "エンジンの故障"
_FAMILIES = (
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "伊藤",
    "渡辺",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山田",
    "山口",
    "松本",
)


@dataclass
class DemoClock:
    """The day's clock, which the play moves."""

    minutes: float = 0.0

    def __call__(self) -> datetime:
        """Now, in the play."""
        return moment(DAY, self.minutes)


@dataclass
class Tally:
    """What became of the requests."""

    asked: int = 0
    refused: list[str] = field(default_factory=list)
    broken: list[Booking] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Request:
    """Somebody who asks at `asks_at` (minutes of the day; before the first for those who booked beforehand)."""

    asks_at: float
    rider: str
    wish: Wish


class BusDay:
    """Plays the day once. `database` is the system's."""

    def __init__(self, database: Database, outlet: Outlet, tenant: str, *, requests: int, vehicles: int) -> None:
        settings = DispatchSettings(enabled=True)
        self._clock, self._chance = DemoClock(FIRST - 60.0), random.Random(7)
        self._buses = BusService(database, StraightLine(30.0, 1.3), settings, outlet, self._clock)
        self._watcher = ChangeWatcher(database, self._buses.days, self._buses.desk, self._buses.crew)
        self._database, self._tenant = database, tenant
        self._requests, self._vehicles = requests, vehicles
        self.tally = Tally()

    async def play(self, show: Callable[[str], None]) -> Figures:
        """From the first to the last minute; `show` is told what happens. The day's figures."""
        stops = await self._furnish()
        waiting = sorted(self._ask(stops), key=lambda request: request.asks_at)
        river = [(r.at, _stage(r.level)) for r in load_readings([flood_file(FLOOD)]) if r.station == STATION]
        for now in range(FIRST - 60, LAST + 120):
            self._clock.minutes = float(now)
            while waiting and waiting[0].asks_at <= now:
                await self._book(waiting.pop(0))
            while river and river[0][0] <= self._clock():
                await self._river(river.pop(0)[1], show)
            if now == BREAKDOWN and self._vehicles > 2:
                await self._break_down(show)
            await self._drive()
            if now % 30 == 0 and now < LAST:
                await self._buses.desk.improve(self._tenant, DAY)
        await self._tidy()
        whole, _ = await self._buses.figures(self._tenant, DAY, DAY)
        return whole

    async def _furnish(self) -> list[Stop]:
        with (DEMO_FOLDER / "bus-stops.csv").open(encoding="utf-8", newline="") as lines:
            stops = [
                Stop(r["id"], r["name"], float(r["longitude"]), float(r["latitude"])) for r in csv.DictReader(lines)
            ]
        for stop in stops:
            await self._buses.desk.set_stop(self._tenant, stop)
        for number in range(1, self._vehicles + 1):
            shift = (FIRST + 0.0, LAST + 60.0)
            await self._buses.desk.set_vehicle(
                self._tenant, Vehicle(f"demo-{number}", f"{number}号車", 8, 1, stops[0].id, *shift, breaks=BREAKS)
            )
        await self._buses.set_fares(self._tenant, b'{"flat": 300, "memberOff": 30, "freeFrom": 360, "freeUntil": 480}')
        await self._buses.set_closure_rule(self._tenant, ClosureRule(GAUGE, Stage.DANGER, BESIDE_THE_RIVER))
        for number in range(max(20, self._requests // 3)):
            await self._buses.save_rider(self._tenant, self._rider(number, stops))
        return stops

    def _rider(self, number: int, stops: list[Stop]) -> Rider:
        family = _FAMILIES[number % len(_FAMILIES)]
        home = self._chance.choice(stops).id
        wheelchairs = int(self._chance.random() < 0.08)
        phone = f"0776000{number:03d}"
        return Rider(f"demo-{number}", f"{family} {number}", "", phone, None, wheelchairs, home, number % 2 == 0)

    def _ask(self, stops: list[Stop]) -> list[Request]:
        """Two thirds ask beforehand. Mornings lead to the hospital and the shops, afternoons home."""
        chance, found = self._chance, []
        for _ in range(self._requests):
            rider = f"demo-{chance.randrange(max(20, self._requests // 3))}"
            at = min(LAST - 60.0, max(FIRST + 10.0, chance.gauss(chance.choice((560.0, 640.0, 900.0)), 80.0)))
            one, other = chance.sample([stop.id for stop in stops], 2)
            middle = chance.choice([stop.id for stop in stops[:10] if stop.id not in (one, other)])
            ends = (one, middle) if at < 720 else (middle, one)
            chair = int(chance.random() < 0.07)
            ask = Ask(DAY, *ends, at, seats=0 if chair else chance.choice((1, 1, 1, 2)), wheelchairs=chair)
            early = chance.random() < 0.66
            found.append(Request(FIRST - 60.0 if early else at - chance.uniform(20, 90), rider, Wish(ask)))
        return found

    async def _book(self, request: Request) -> None:
        self.tally.asked += 1
        ask = request.wish.ask
        wish = Wish(replace(ask, earliest=max(ask.earliest, self._clock.minutes + 5)))
        try:
            await self._buses.desk.arrange(
                self._tenant, [wish], request.rider, series=f"demo:{self.tally.asked}:{request.rider}"
            )
        except (Conflict, Invalid) as error:
            self.tally.refused.append(str(error))

    async def _drive(self) -> None:
        """Every driver does what is due, now and then half a minute late; one rider in forty does not come."""
        board = await self._buses.crew.board(self._tenant, DAY)
        now = self._clock.minutes
        for vehicle, stops in board.expected.items():
            reports = []
            for stop in stops:
                booking = board.bookings[stop.booking]
                if stop.done is not None or stop.at > now or booking.state is not BookingState.BOOKED:
                    continue
                absent = stop.boards and crc32(f"{booking.rider} {booking.promise.pickup_from}".encode()) % 40 == 0
                what = "no-show" if absent else "boarded" if stop.boards else "alighted"
                late = min(self._chance.random(), max(0.0, now - stop.at))
                reports.append(Report(f"demo:{stop.booking}:{what}", stop.booking, what, moment(DAY, stop.at + late)))
                if absent:
                    break  # the tour is another one now
            if reports:
                await self._buses.crew.hear(self._tenant, vehicle, reports)

    async def _break_down(self, show: Callable[[str], None]) -> None:
        anew = await self._buses.desk.report_breakdown(self._tenant, DAY, BROKEN, BECAUSE)
        self.tally.broken += anew.broken
        moved, broken = len(anew.moved), len(anew.broken)
        show(f"11:00 3号車が故障: ほかの車両に組み替え、時刻が変わった人 {moved} 人、運べなくなった人 {broken} 人")

    async def _river(self, stage: Stage, show: Callable[[str], None]) -> None:
        said = {"stage": {"type": "Property", "value": stage.value}}
        change = Change(
            tenant=self._tenant, entity=GAUGE, type=("FloodMonitoring",), op="update", version=1, at=self._clock(),
            attributes=said,
        )  # fmt: skip
        record = Record(CHANGES, 0, 0, GAUGE.encode(), encode_change(change), self._clock())
        async with self._database.transaction() as tx:
            await self._watcher.handle(tx, [record])
        stops, _ = await self._buses.town(self._tenant)
        closed = {stop.name for stop in stops if stop.closed_by == GAUGE}
        if closed != self.tally.closed:
            what = f"休止 {'、'.join(sorted(closed))}" if closed else "水位が下がり、停留所を再開"
            show(f"{self._clock():%H:%M} 天王川 江波: {what}")
        self.tally.closed = closed

    async def _tidy(self) -> None:
        """The bus is mended and the water has fallen: other days are as they were."""
        _, vehicles = await self._buses.town(self._tenant)
        for vehicle in vehicles:
            if vehicle.id == BROKEN and vehicle.broken_because == BECAUSE:
                await self._buses.desk.set_vehicle(self._tenant, replace(vehicle, broken_because=None))


def _stage(level: str) -> Stage:
    """The stage of a recorded level in metres; unknown for what is no number."""
    try:
        return LEVELS.stage(float(level))
    except ValueError:
        return Stage.UNKNOWN
