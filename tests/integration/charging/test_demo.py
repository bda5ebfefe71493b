"""The demonstration: stations of both versions, played by a process of its own, leave sessions with energy."""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any, cast

from cityos.commands.chargers import provisioned
from cityos.settings import ChargersSettings, Settings
from cityos.wiring import Parts
from tests.integration.charging.conftest import PATIENCE, Central


async def test_stations_played_by_another_process_charge(central: Central) -> None:
    settings = Settings(chargers=ChargersSettings(enabled=True, port=central.system.port))
    parts = cast(Parts, SimpleNamespace(database=central.database.system))
    town: dict[str, Any] = await provisioned(parts, settings, 4)
    await central.registry.refresh()
    told = json.dumps({**town, "rounds": 25, "pause": 0.05, "minutes": 10}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cityos.charger_demo", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(told), PATIENCE)
    assert (process.returncode, errors) == (0, b"")
    rows = await central.rows("select protocol, vendor from charging_station order by id")
    assert [row["protocol"] for row in rows] == ["1.6", "2.0.1", "1.6", "2.0.1"]
    sessions = [
        json.loads(row["state"]) for row in await central.rows("select state::text as state from charging_session")
    ]
    assert {each["station"] for each in sessions} == {f"DEMO-EV-{n:03}" for n in range(1, 5)}
    assert all(each["meters"][-1][1] > each["meters"][0][1] for each in sessions if len(each["meters"]) > 1)
