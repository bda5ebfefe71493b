"""The recorded floods, as they are sent again."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.river_gauge.decode import decode
from broker.errors import Invalid
from cityos.flood import due_after, read_readings, shift_to, span, to_message
from cityos.provision import load_devices
from cityos.replay import flood_file, floods, load_readings
from schemas.observation import Observation, Reason, Rejection

HEAD = "observed_at_jst,station_id,water_level_m\n"


def rows(*lines: str) -> list[str]:
    return [HEAD, *(line + "\n" for line in lines)]


@pytest.mark.parametrize(
    ("name", "count", "faults", "unknown"),
    [("2021-08", 35_209, 148, 0), ("2023-07", 6_552, 156, 0), ("2024-07", 12_070, 287, 230)],
)
def test_the_recorded_floods(name: str, count: int, faults: int, unknown: int) -> None:
    readings = load_readings([flood_file(name)])
    devices = {device.id for device in load_devices()}
    outcomes: Counter[str] = Counter()
    strangers = 0
    for reading in readings:
        topic, payload = to_message(reading)
        (outcome,) = decode(topic, payload)
        outcomes[outcome.reason if isinstance(outcome, Rejection) else "observed"] += 1
        strangers += topic.split("/")[2] not in devices
    assert len(readings) == count
    assert outcomes == {"observed": count - faults, Reason.SENSOR_FAULT: faults}
    assert strangers == unknown
    assert [r.at for r in readings] == sorted(r.at for r in readings)


def test_every_flood_is_known_by_name() -> None:
    assert floods() == ["2021-08", "2023-07", "2024-07"]
    with pytest.raises(Invalid, match="2021-08, 2023-07, 2024-07"):
        flood_file("1998-08")


def test_what_the_record_says_is_what_is_sent() -> None:
    readings = read_readings(rows("2023-07-13T24:00,12,2.70", "2023-07-13T07:20,251,", "2023-07-13T07:20,12,*"))
    assert [json.loads(to_message(reading).payload) for reading in readings] == [
        {"t": "2023-07-13T24:00", "level": 2.7, "unit": "m"},
        {"t": "2023-07-13T07:20", "level": "", "unit": "m"},
        {"t": "2023-07-13T07:20", "level": "*", "unit": "m"},
    ]
    assert to_message(readings[0]).topic == "city/river/fukui-river-12/up"
    assert b'"level":2.70,' in to_message(readings[0]).payload
    assert readings[0].at == datetime(2023, 7, 13, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize("level", ["007", ".5", "1e3", "NaN", "2,72", "欠測", "-"])
def test_an_odd_level_is_sent_as_text(level: str) -> None:
    (reading,) = read_readings(rows(f'2023-07-13T07:20,12,"{level}"'))
    assert json.loads(to_message(reading).payload)["level"] == level


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["time,station,level\n"], "the first line must name"),
        ([], "the first line must name"),
        (rows("2023-07-13T07:20,1,1.0", "yesterday,1,1.0"), "line 3: 'yesterday'"),
        (rows("2023-07-13T07:20,../x,1.0"), "no station number"),
        (rows("2023-07-13T07:20,,1.0"), "no station number"),
        (rows('2023-07-13T07:20,1,"a""b"'), "no recorder writes"),
    ],
)
def test_a_wrong_file_is_named_by_its_line(lines: list[str], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        read_readings(lines)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    whole = flood_file("2023-07").read_bytes()
    spoilt = {
        "cut.csv.gz": whole[:5_000],
        "bent.csv.gz": whole[:5_000] + b"x" * 50 + whole[5_050:],
        "text.csv.gz": b"a",
    }
    for name, content in spoilt.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "sjis.csv").write_bytes("欠測".encode("shift_jis"))
    for name in (*spoilt, "sjis.csv", "none.csv"):
        with pytest.raises(Invalid, match=re.escape(str(tmp_path / name))):
            load_readings([tmp_path / name])


def test_a_file_of_ones_own_is_read_from_excel_too(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes(
        b"\xef\xbb\xbf" + HEAD.encode().replace(b"\n", b"\r\n") + b"2023-07-13 07:20,1,1.5\r\n"
    )
    assert [reading.level for reading in load_readings([tmp_path / "own.csv"])] == ["1.5"]


def test_stations_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=re.escape(str(tmp_path))):
        load_devices(tmp_path)
    (tmp_path / "ranges.csv").write_text("station_id,lowest_m,highest_m\n")
    (tmp_path / "stations.csv").write_text("station_id,station_name,longitude,latitude\n1,x,136.2,36.0\n")
    with pytest.raises(Invalid, match="river_name"):
        load_devices(tmp_path)


def test_moving_the_flood_ends_it_now_and_keeps_its_pace() -> None:
    readings = read_readings(rows("2023-07-13T07:20,1,1.0", "2023-07-13T24:00,1,2.0"))
    now = datetime(2026, 4, 1, 3, 14, 15, tzinfo=UTC)
    shift = shift_to(now, readings)
    outcomes = [decode(*to_message(reading, shift))[0] for reading in readings]
    times = [outcome.observed_at for outcome in outcomes if isinstance(outcome, Observation)]
    assert times[1] == now.replace(second=0)
    assert times[1] - times[0] == span(readings) == timedelta(hours=16, minutes=40)


def test_rows_are_due_as_much_faster_as_asked() -> None:
    first, last = read_readings(rows("2023-07-13T07:20,1,1.0", "2023-07-13T08:20,1,2.0"))
    assert due_after(last, first, 600) == 6.0
    assert due_after(last, first, 1) == 3600.0
    assert due_after(last, first, None) == 0.0
