"""`cityos up`: the whole city on this machine. Its process stays for as long as the city does, so it holds little."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from cityos.city import City, Stopped, running_city
from cityos.commands.common import console
from cityos.replay import flood_file, floods, load_readings
from cityos.settings import Settings, load_settings
from cityos.supervisor import stop_on_signals
from cityos.wiring import open_parts
from schemas.clock import JST

_DEMO = {
    "CITYOS_GATEWAY_MODE": "replay",
    "CITYOS_ALERTING_CLOCK": "data",
    "CITYOS_ALERTING_MODE": "exercise",
    "CITYOS_MAP_CITY_NAME": "福井県",
    "CITYOS_MAP_CITY_NAME_EN": "Fukui Prefecture",
    "CITYOS_MAP_LOCAL_GOVERNMENT_CODE": "180009",
    "CITYOS_MAP_DATA_ATTRIBUTION": "福井県河川・砂防総合情報（収集: code4fukui/waterlevel_fukui、MIT）",
}
"""A replay keeps the data's time, and its alerts are an exercise's."""
_PAST = (
    "この市の「いま」は {0:%Y-%m-%d %H:%M} です。それより前の値は重複か過去の値になり、地図は動きません。"
    "初めから見るには、別のフォルダーで: CITYOS_CITY_FOLDER=var/another make up\n"
    "The city's present is {0:%Y-%m-%d %H:%M}: what was before it moves nothing on the map. "
    "To see a flood from its start, use another folder, as above."
)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="replay a recorded flood through the real path")] = False,
    flood: Annotated[str, typer.Option(help=f"which: {', '.join(floods())}")] = "2023-07",
    speed: Annotated[str, typer.Option(help="how many times faster than it was: 1 to 3600, or max")] = "600",
) -> None:
    """Run the whole city on this machine until Ctrl-C. / この1台で都市OSを動かす"""
    environment = _DEMO if demo else {}
    settings = load_settings({**environment, **os.environ})
    asyncio.run(_up(settings, ("--flood", flood, "--speed", speed) if demo else ()))


async def _up(settings: Settings, demo: tuple[str, ...]) -> None:
    stop = stop_on_signals()
    try:
        async with running_city(settings, stop) as city:
            console.print(f"都市OSが動いています / the city is running: {city.map_url}", soft_wrap=True)
            if demo:
                await _play(city, demo, stop)
            await stop.wait()
            console.print("止めています / stopping")
    except Stopped as stopped:
        console.print(f"起動の途中で止めました / {stopped}", soft_wrap=True)


async def _play(city: City, arguments: tuple[str, ...], stop: asyncio.Event) -> None:
    """Replay in a process of its own, which draws its progress here."""
    from cityos.provision import provision_demo
    from services.alerting.reading import city_now

    async with open_parts(city.settings, size=1) as parts:
        await provision_demo(parts.database, secret_file=city.settings.city.folder / "demo.secret")
        async with parts.database.transaction() as tx:
            present = await city_now(tx)
    if present is not None and present > load_readings([flood_file(arguments[1])])[0].at:
        console.print(_PAST.format(present.astimezone(JST)), soft_wrap=True)
    environment = {**os.environ, "CITYOS_CITY_FOLDER": str(city.settings.city.folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cityos", "replay", *arguments, env=environment
    )
    stopping = asyncio.ensure_future(stop.wait())
    ending = asyncio.ensure_future(process.wait())
    await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if process.returncode is None:
        process.terminate()
        await process.wait()
    ending.cancel()
