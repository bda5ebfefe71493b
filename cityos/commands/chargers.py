"""`cityos chargers`: charging stations."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from typing import Annotated

import typer

from broker.store.devices import Device, register
from cityos.commands.common import console, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.charging import FAMILY
from schemas.clock import utc_now
from schemas.device import entity_of
from services.charging import desk

app = typer.Typer(help="EV充電器 / charging stations", no_args_is_help=True)

CARD = "DEMO-CARD"
_PLACE = (136.2216, 36.0612)


@app.command()
def demo(
    stations: Annotated[int, typer.Option(min=1, max=500, help="how many simulated stations")] = 40,
    rounds: Annotated[int, typer.Option(min=0, help="how long: looks at each station; 0 until Ctrl-C")] = 0,
) -> None:
    """Play simulated stations of both versions against the running city. / 模擬の充電器40台を動かす"""

    async def provision(settings: Settings, parts: Parts) -> dict[str, object]:
        return await provisioned(parts, settings, stations)

    town = with_parts(provision)
    console.print(f"{stations} 台をつなぎます / connecting to {town['url']}", soft_wrap=True)
    told = json.dumps({**town, "rounds": rounds or None})
    command = [sys.executable, "-m", "cityos.charger_demo"]
    raise typer.Exit(subprocess.run(command, input=told, text=True, check=False).returncode)


async def provisioned(parts: Parts, settings: Settings, count: int) -> dict[str, object]:
    """Register the stations with new passwords, a site and a card; what the process that plays them is told."""
    made, tenant = [], settings.city.tenant
    async with parts.database.transaction() as tx:
        for number in range(count):
            name, version = f"DEMO-EV-{number + 1:03}", "2.0.1" if number % 2 else "1.6"
            password = secrets.token_urlsafe(15)
            longitude, latitude = _PLACE[0] + number % 8 * 0.004, _PLACE[1] + number // 8 * 0.004
            point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}}
            attributes = {"name": {"type": "Property", "value": f"模擬充電器 {number + 1}"}, "location": point}
            entity_id, entity_type = entity_of(FAMILY, name, None)
            device = Device(tenant, name, FAMILY, entity_id=entity_id, entity_type=entity_type)
            await register(tx, tenant, device, {"attributes": attributes}, password)
            made.append((name, version, password))
    async with parts.database.transaction(tenant) as tx:
        await desk.save_card(tx, CARD, "Accepted", "demonstration", None)
        limit = 60_000.0 * max(count / 40, 0.1)
        await desk.save_site(tx, desk.Site("demo", "模擬", limit, shelter=True, load_w=3000), utc_now())
        for number, (name, _, _) in enumerate(made):
            gives = 6000.0 if number % 8 == 0 else None
            await desk.save_station(tx, name, desk.StationRule("demo", "public", False, False, gives, 40))
    chargers = settings.chargers
    return {"url": f"ws://{chargers.host}:{chargers.port}", "stations": made, "card": CARD}
