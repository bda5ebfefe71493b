"""The rules on the real floods of Fukui: what happened is alarmed, and what is broken is marked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cityos.flood import read_readings
from cityos.provision import load_devices
from schemas.river import Stage
from services.alerting.backtest import Report, Row, backtest
from services.alerting.readings import Reading
from services.alerting.rulebook import load_rules
from tests.field import beside

DEMO = Path("deploy/demo")
RULES = Path("deploy/rules/default.yaml")


def run(path: Path, *stations: str) -> Report:
    profiles = {device.entity_id.rsplit(":", 1)[-1]: device.profile for device in load_devices(DEMO)}
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in read_readings(lines):
            try:
                level = float(row.level)
            except ValueError:
                continue
            if not stations or row.station in stations:
                rows.append(Row(row.station, Reading(row.at.timestamp(), level)))
    return backtest(rows, profiles, load_rules(RULES.read_text("utf-8")))


@pytest.mark.parametrize("name", ["readings-2021-08", "readings-2023-07", "readings-2024-07"])
def test_nothing_that_happened_is_missed(name: str) -> None:
    report = run(DEMO / f"{name}.csv.gz")
    assert report.totals["alarms"] > 30
    assert report.totals["missed"] == 0
    assert report.totals["false"] == 0


def test_eba_goes_through_caution_and_danger_in_2024() -> None:
    stages = {result.stage: result for result in run(DEMO / "readings-2024-07.csv.gz", "124").stages}
    assert (stages["caution"].alarms, stages["caution"].delay_min, stages["caution"].lead_min) == (1, 0.0, 60.0)
    assert (stages["danger"].alarms, stages["danger"].delay_min) == (1, 0.0)
    assert Stage.EVACUATION not in stages


@pytest.mark.parametrize("station", ["9", "124"])
def test_gauges_that_start_above_danger_are_in_danger_with_their_first_reading(station: str) -> None:
    stages = {result.stage: result for result in run(DEMO / "readings-2023-07.csv.gz", station).stages}
    assert (stages["danger"].alarms, stages["danger"].delay_min) == (1, 0.0)


def test_the_gauge_that_stands_above_its_stages_for_weeks_is_marked_and_not_dropped() -> None:
    """五松橋 crept over its caution stage in the dry summer of 2023 and stayed about there for months."""
    report = run(beside("data/fukui-river/readings-2023-07_2024-05.csv.gz"), "205")
    (gauge,) = report.gauges
    assert gauge.suspect / gauge.readings > 0.5
    assert gauge.suspect_decisions > 5
    caution = next(result for result in report.stages if result.stage == "caution")
    assert caution.alarms == caution.doubtful > 0
