"""A backtest reads a tenant's own history."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from broker.errors import NotFound
from services.alerting.backtest_report import backtest_store, write_report
from services.alerting.rulebook import load_rules
from tests.conftest import CityDatabase
from tests.integration.alerting.bench import START, Flood


async def test_history_through_other_rules(database: CityDatabase, tmp_path: Path) -> None:
    flood = Flood(database)
    await flood.gauge()
    await flood.gauge(tenant="neighbour")
    for row in ((0, 0.5), (10, 1.45), (20, 1.46), (30, 2.1), (40, 0.5)):
        await flood.store(row)
    await flood.store((10, 9.9), tenant="neighbour")
    end = START + timedelta(hours=1)
    usual = await backtest_store(flood.database, "fukui", load_rules(""), START, end)
    assert usual.readings == 5
    assert {result.stage: result.alarms for result in usual.stages} == {"standby": 1, "caution": 1, "danger": 1}
    lower = load_rules("gauges: {124: {stages: {danger: 1.46}}}")
    changed = await backtest_store(flood.database, "fukui", lower, START, end)
    assert [(r.stage, r.alarms, r.delay_min) for r in changed.stages] == [("danger", 1, 0.0)]
    part = await backtest_store(flood.database, "fukui", load_rules(""), START, START + timedelta(minutes=30))
    assert "danger" not in {result.stage for result in part.stages}
    paths = write_report(usual, tmp_path)
    assert [path.stat().st_size > 100 for path in paths] == [True, True]
    with pytest.raises(NotFound):
        await backtest_store(flood.database, "atlantis", load_rules(""), START, end)
