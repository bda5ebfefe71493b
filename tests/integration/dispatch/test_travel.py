"""Driving times from a server that speaks OSRM's format, as well and as badly as real ones do; and from a file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pytest

from broker.errors import Invalid
from services.dispatch.kept import Kept
from services.dispatch.roads import Road
from services.dispatch.routers import QUIET_S, Osrm, Valhalla
from services.dispatch.settings import DispatchSettings, speeds_by_hour
from services.dispatch.travel import UNREACHABLE, MatrixFile, StraightLine, TravelTimes
from services.dispatch.values import Stop

STOPS = [Stop("a", "a", 136.20, 35.95), Stop("b", "b", 136.22, 35.95), Stop("c", "c", 136.24, 35.95)]
LINE = StraightLine(30.0, 1.3, {8: 15.0})
TABLE = {"code": "Ok", "durations": [[0, 300, 620], [290, 0, 310], [600, 305, 0]]}
Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
WALL = Road("r", "県道", False, ((136.21, 35.94), (136.21, 35.96)), "崩落")
"""Between a and b."""


@asynccontextmanager
async def router(handle: Handler) -> AsyncIterator[str]:
    """An HTTP server on a port of its own, whose answers a test writes."""

    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = (await reader.readexactly(int(length[1]))).decode() if length else ""
        await handle(body or head.split()[1], writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*(task for task in serving if task is not None))


def answering(body: object, status: str = "200 OK") -> Handler:
    text = body if isinstance(body, str) else json.dumps(body)

    async def handle(_: str, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        writer.write((head + text).encode())
        await writer.drain()

    return handle


async def minutes(handle: Handler, timeout_s: float = 5.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    async with router(handle) as address, httpx.AsyncClient() as client:
        return await Osrm(client, address, timeout_s, LINE).minutes(STOPS, [10])


async def test_osrm_is_asked_for_the_table_in_longitude_and_latitude() -> None:
    asked: list[str] = []

    async def handle(path: str, writer: asyncio.StreamWriter) -> None:
        asked.append(path)
        await answering(TABLE)(path, writer)

    found = await minutes(handle)
    where = "136.200000,35.950000;136.220000,35.950000;136.240000,35.950000"
    assert asked == [f"/table/v1/driving/{where}"]
    assert found[1, 0] == pytest.approx(290 / 60)


async def silent(_: str, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("handle", "timeout_s"),
    [
        (answering("no json"), 5.0),
        (answering({"code": "InvalidQuery"}), 5.0),
        (answering({"durations": [[0, None, 1], [1, 0, 1], [1, 1, 0]]}), 5.0),
        (answering({"durations": [[0, 1], [1, 0]]}), 5.0),
        (answering({"durations": [[0, -1, 1], [1, 0, 1], [1, 1, 0]]}), 5.0),
        (answering({}, "503 Service Unavailable"), 5.0),
        (silent, 0.2),
    ],
)
async def test_where_osrm_fails_the_straight_line_answers(handle: Handler, timeout_s: float) -> None:
    assert np.array_equal(await minutes(handle, timeout_s), await LINE.minutes(STOPS, [10]))


async def test_a_server_that_is_not_there_is_no_catastrophe() -> None:
    async with httpx.AsyncClient() as client:
        found = await Osrm(client, "http://127.0.0.1:9", 1.0, LINE).minutes(STOPS, [10])
    assert np.array_equal(found, await LINE.minutes(STOPS, [10]))


async def test_the_straight_line_is_as_slow_as_its_hour() -> None:
    calm, rush = await LINE.minutes(STOPS, [10]), await LINE.minutes(STOPS, [8])
    assert calm[0, 1] == pytest.approx(1.8 * 1.3 / 30 * 60, rel=0.01)
    assert np.allclose(rush, 2 * calm)


async def test_a_file_knows_pairs_by_the_hour_and_the_rest_is_the_fallbacks(tmp_path: Path) -> None:
    file = tmp_path / "minutes.csv"
    file.write_text("hour,from,to,minutes\n,a,b,7\n8,a,b,12\n", "utf-8-sig")
    found = MatrixFile(file, LINE)
    assert ((await found.minutes(STOPS, [8]))[0, 1], (await found.minutes(STOPS, [9]))[0, 1]) == (12.0, 7.0)
    assert (await found.minutes(STOPS, [9]))[1, 2] == (await LINE.minutes(STOPS, [9]))[1, 2]


@pytest.mark.parametrize("row", ["8,a,b,soon", "x,a,b,1", "8,a,b", "8,a,b,-1", "8,a,b,2000", "8,a,b,nan"])
def test_a_wrong_row_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    file = tmp_path / "minutes.csv"
    file.write_text(f"hour,from,to,minutes\n8,a,b,1\n{row}\n")
    with pytest.raises(Invalid, match="line 3"):
        MatrixFile(file, LINE)


async def test_what_a_closed_road_adds_to_the_straight_line_is_added_to_a_file_and_to_osrm(tmp_path: Path) -> None:
    added = (await LINE.minutes(STOPS, [10], [WALL])) - (await LINE.minutes(STOPS, [10]))
    assert added[0, 1] > 2.0
    assert added[1, 2] == 0.0
    file = tmp_path / "minutes.csv"
    file.write_text("hour,from,to,minutes\n,a,b,7\n,b,c,6\n")
    found = await MatrixFile(file, LINE).minutes(STOPS, [9], [WALL])
    assert (found[0, 1], found[1, 2]) == (pytest.approx(7.0 + added[0, 1]), 6.0)
    async with router(answering(TABLE)) as address, httpx.AsyncClient() as client:
        found = await Osrm(client, address, 5.0, LINE).minutes(STOPS, [10], [WALL])
    assert found[0, 1] == pytest.approx(5.0 + added[0, 1])


def matrix(times: list[list[float | None]]) -> dict[str, object]:
    """An answer of Valhalla's time-distance matrix."""
    pairs = [
        [{"distance": 1.0, "time": t, "from_index": i, "to_index": j} for j, t in enumerate(row)]
        for i, row in enumerate(times)
    ]
    return {"sources_to_targets": pairs, "units": "kilometers", "algorithm": "costmatrix"}


OPEN: list[list[float | None]] = [[0, 300, 620], [290, 0, 310], [600, 305, 0]]
CUT: list[list[float | None]] = [[0, None, 900], [None, 0, 310], [880, 305, 0]]


def valhalla(closed: list[list[float | None]], asked: list[dict[str, object]]) -> Handler:
    """Other times where ground is excluded."""

    async def handle(body: str, writer: asyncio.StreamWriter) -> None:
        asked.append(json.loads(body))
        await answering(matrix(closed if "exclude_polygons" in asked[-1] else OPEN))(body, writer)

    return handle


@asynccontextmanager
async def asking(handle: Handler, timeout_s: float = 5.0) -> AsyncIterator[TravelTimes]:
    async with router(handle) as address, httpx.AsyncClient() as client:
        yield Valhalla(client, address, timeout_s, LINE)


async def test_valhalla_goes_around_the_outline_of_what_is_closed() -> None:
    asked: list[dict[str, object]] = []
    async with asking(valhalla([[0, 480, 900], [470, 0, 310], [880, 305, 0]], asked)) as ways:
        assert (await ways.minutes(STOPS, [10]))[0, 1] == 5.0
        assert (await ways.minutes(STOPS, [10], [WALL]))[0, 1] == 8.0
    assert asked[0]["sources"] == asked[0]["targets"]
    assert asked[0]["targets"][1] == {"lat": 35.95, "lon": 136.22}  # type: ignore[index]
    ring = asked[1]["exclude_polygons"][0]  # type: ignore[index]
    assert ring[0] == ring[-1]
    assert all(136.2 < longitude < 136.22 and 35.9 < latitude < 36.0 for longitude, latitude in ring)


async def test_where_valhalla_finds_no_way_left_there_is_none() -> None:
    async with asking(valhalla(CUT, [])) as ways:
        found = await ways.minutes(STOPS, [10], [WALL])
    assert (found[0, 1], found[0, 2]) == (UNREACHABLE, 15.0)


async def test_a_depot_on_closed_ground_is_reached_as_if_it_were_open() -> None:
    flooded = [STOPS[0], replace(STOPS[1], closed_because="崩落", closed_by="r"), STOPS[2]]
    async with asking(valhalla(CUT, [])) as ways:
        assert (await ways.minutes(flooded, [10], [WALL]))[0, 1] == 5.0


@pytest.mark.parametrize(
    ("handle", "timeout_s"),
    [
        (answering("no json"), 5.0),
        (
            answering({"error_code": 154, "error": "Path distance exceeds the max distance limit"}, "400 Bad Request"),
            5.0,
        ),
        (answering(matrix(CUT)), 5.0),
        (answering({"sources_to_targets": [[{"distance": 1.0}]]}), 5.0),
        (answering({"sources_to_targets": None}), 5.0),
        (answering(matrix([[0, 1], [1, 0]])), 5.0),
        (silent, 0.2),
    ],
)
@pytest.mark.parametrize("closed", [[], [WALL]])
async def test_where_valhalla_fails_the_straight_line_goes_around(
    handle: Handler, timeout_s: float, closed: list[Road]
) -> None:
    """Holes are a failure unless only the closures make them: this server has them without any."""
    async with asking(handle, timeout_s) as ways:
        assert np.array_equal(await ways.minutes(STOPS, [10], closed), await LINE.minutes(STOPS, [10], closed))


async def test_over_several_hours_each_pair_takes_as_long_as_in_the_slowest(tmp_path: Path) -> None:
    assert np.array_equal(await LINE.minutes(STOPS, [7, 8, 9]), await LINE.minutes(STOPS, [8]))
    file = tmp_path / "minutes.csv"
    file.write_text("hour,from,to,minutes\n7,a,b,12\n9,a,b,9\n,b,c,3\n")
    found = MatrixFile(file, LINE)
    assert (await found.minutes(STOPS, [7, 9]))[0, 1] == 12.0
    # Of eight o'clock the file says nothing, so it is as slow as the straight line then, unless the file is slower.
    assert (await found.minutes(STOPS, [7, 8, 9]))[0, 1] == max(12.0, (await LINE.minutes(STOPS, [8]))[0, 1])
    assert (await found.minutes(STOPS, [7, 8, 9]))[1, 2] == 3.0


def test_speeds_are_set_by_the_hour() -> None:
    assert speeds_by_hour(DispatchSettings(speeds="7=18, 17=20.5").speeds) == {7: 18.0, 17: 20.5}
    for wrong in ("7", "7=fast", "24=20", "7=0", "7=18;8=18"):
        with pytest.raises(ValueError, match=r"HOUR=KM/H|0 to 23"):
            DispatchSettings(speeds=wrong)


class Ticks:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def osrm(path: str, writer: asyncio.StreamWriter) -> None:
    """A minute for each thousandth of a degree, for whatever is asked."""
    where, _, query = path.rpartition("/")[2].partition("?")
    places = [float(place.split(",")[0]) for place in where.split(";")]
    chosen = dict(part.split("=") for part in query.replace("%3B", ";").split("&") if part)
    ends = [chosen.get(name, ";".join(map(str, range(len(places))))).split(";") for name in ("sources", "destinations")]
    rows = [[60_000 * abs(places[int(i)] - places[int(j)]) for j in ends[1]] for i in ends[0]]
    await answering({"durations": rows})(path, writer)


async def test_what_a_router_told_is_not_asked_again_until_it_is_old_or_a_place_is_new() -> None:
    asked: list[str] = []

    async def handle(path: str, writer: asyncio.StreamWriter) -> None:
        asked.append(path)
        await osrm(path, writer)

    now, settings = Ticks(), DispatchSettings(router_age_s=600)
    async with router(handle) as address, httpx.AsyncClient() as client:
        ways = Osrm(client, address, 5.0, LINE, settings, now)
        await ways.prepare(STOPS[:2], [8, 9])
        assert (await ways.minutes(STOPS[:2], [8]))[0, 1] == pytest.approx(20.0)
        await ways.prepare(STOPS[:2], [17])
        assert (len(asked), ways.revision) == (1, 1)
        found = await ways.minutes(STOPS, [8])
        assert found[0, 2] == found[2, 0] == pytest.approx(40.0)
        assert len(asked) == 3
        now.at = 601.0
        await ways.minutes(STOPS, [8])
        assert len(asked) == 3
        await ways.prepare(STOPS, [8])
        assert len(asked) == 4


async def test_a_router_that_fails_is_left_alone_for_a_while_and_what_it_told_stands() -> None:
    asked: list[str] = []
    now, well = Ticks(), [True]

    async def handle(path: str, writer: asyncio.StreamWriter) -> None:
        asked.append(path)
        await (osrm if well[0] else answering({}, "503 Service Unavailable"))(path, writer)

    async with router(handle) as address, httpx.AsyncClient() as client:
        ways = Osrm(client, address, 5.0, LINE, DispatchSettings(router_age_s=600), now)
        await ways.prepare(STOPS[:2], [8])
        well[0], now.at = False, 700.0
        await ways.prepare(STOPS, [8])
        count = len(asked)
        found, line = await ways.minutes(STOPS, [8]), await LINE.minutes(STOPS, [8])
        assert found[0, 1] == pytest.approx(20.0)
        assert (found[0, 2], found[2, 1]) == (line[0, 2], line[2, 1])
        await ways.prepare(STOPS, [8])
        assert len(asked) == count
        well[0], now.at = True, now.at + QUIET_S
        await ways.prepare(STOPS, [8])
        assert (await ways.minutes(STOPS, [8]))[0, 2] == pytest.approx(40.0)


async def test_valhalla_is_asked_for_each_hour_of_departure_and_the_slowest_counts() -> None:
    asked: list[dict[str, object]] = []

    async def handle(body: str, writer: asyncio.StreamWriter) -> None:
        asked.append(json.loads(body))
        slow = 2 if asked[-1]["date_time"]["value"].endswith("T08:00") else 1  # type: ignore[index]
        await answering(matrix([[slow * (t or 0) for t in row] for row in OPEN]))(body, writer)

    async with asking(handle) as ways:
        assert (await ways.minutes(STOPS, [7, 8, 9]))[0, 1] == 10.0
        assert (await ways.minutes(STOPS, [9]))[0, 1] == 5.0
    departures = sorted(one["date_time"]["value"] for one in asked)  # type: ignore[index]
    assert [value[-5:] for value in departures] == ["07:00", "08:00", "09:00"]
    assert {date.fromisoformat(value[:10]).isoweekday() for value in departures} == {3}


async def test_many_stops_are_asked_in_blocks_that_routers_take() -> None:
    asked: list[str] = []

    async def handle(path: str, writer: asyncio.StreamWriter) -> None:
        asked.append(path)
        await osrm(path, writer)

    stops = [Stop(f"s{i}", "", 136.0 + i / 1000, 35.0) for i in range(120)]
    async with router(handle) as address, httpx.AsyncClient() as client:
        ways = Osrm(client, address, 5.0, LINE)
        await ways.prepare(stops, [8])
        found = await ways.minutes(stops, [8])
    assert len(asked) == 9
    assert max(path.count(",") for path in asked) == 100
    assert found[3, 117] == pytest.approx(114.0)


def test_kept_times_have_a_bound() -> None:
    kept = Kept(100)
    some, others = [(136.0 + i, 35.0) for i in range(8)], [(137.5, 35.0 + i) for i in range(9)]
    kept.table(8, some).write(some, some, np.ones((8, 8)), 1.0)
    kept.table(9, some).write(some, some, np.ones((8, 8)), 1.0)
    assert np.isnan(kept.table(8, some).read(some)).all()
    kept.table(8, some).write(some, some, np.ones((8, 8)), 1.0)
    assert kept.table(8, others).pairs == 81
    assert kept.table(8, some).lacking(some, 0.0) == [(some, some)]
