"""Backtests count what they say they count."""

from __future__ import annotations

import csv
import json

from schemas.device import DeviceProfile
from services.alerting.backtest import Row, backtest
from services.alerting.backtest_report import as_csv, as_json, as_table
from services.alerting.readings import Reading
from services.alerting.rulebook import load_rules

PROFILE = DeviceProfile(name="江波", river="天王川", stages={"standby": 1.0, "caution": 1.4, "danger": 2.0})


def rows(*pairs: tuple[float, float]) -> list[Row]:
    return [Row("124", Reading(minute * 60.0, level)) for minute, level in pairs]


def test_a_flood_is_alarmed_with_its_delay_and_lead() -> None:
    flood = rows((0, 0.9), (10, 1.05), (20, 1.1), (30, 1.3), (40, 1.45), (50, 1.5), (60, 1.7), (70, 2.0), (80, 2.1))
    report = backtest(flood, {"124": PROFILE}, load_rules(""))
    by_stage = {result.stage: result for result in report.stages}
    assert (by_stage["standby"].delay_min, by_stage["standby"].lead_min) == (10.0, 20.0)
    assert (by_stage["caution"].delay_min, by_stage["caution"].lead_min) == (10.0, 20.0)
    assert (by_stage["danger"].delay_min, by_stage["danger"].lead_min) == (0.0, None)
    assert report.totals == {"episodes": 3, "alarms": 3, "false": 0, "doubtful": 0, "missed": 0}


def test_a_lone_reading_is_a_false_alarm_and_what_the_rules_do_not_see_is_missed() -> None:
    spike = rows((0, 0.5), (10, 2.1), (20, 0.5), (30, 0.5))
    (danger,) = [r for r in backtest(spike, {"124": PROFILE}, load_rules("")).stages if r.stage == "danger"]
    assert (danger.alarms, danger.false, danger.missed) == (1, 1, 0)
    slow = rows((0, 0.9), (10, 1.05), (20, 1.06), (30, 0.9), (40, 0.9))
    deaf = load_rules("raise: {consecutive: 5}")
    (standby,) = backtest(slow, {"124": PROFILE}, deaf).stages
    assert (standby.episodes, standby.alarms, standby.missed) == (1, 0, 1)


def test_a_late_row_is_judged_as_live() -> None:
    late = rows((0, 0.9), (10, 1.05), (30, 1.1), (20, 1.06), (40, 0.9))
    (standby,) = backtest(late, {"124": PROFILE}, load_rules("")).stages
    assert (standby.episodes, standby.alarms) == (1, 1)


def test_table_csv_and_json_agree() -> None:
    report = backtest(rows((0, 0.5), (60, 1.5), (70, 2.5)), {"124": PROFILE}, load_rules(""))
    assert "氾濫危険水位" in as_table(report)
    lines = list(csv.DictReader(as_csv(report).splitlines()))
    data = json.loads(as_json(report))
    assert [line["stage"] for line in lines] == [stage["stage"] for stage in data["stages"]]
    assert data["totals"]["alarms"] == sum(int(line["alarms"]) for line in lines) == 3
