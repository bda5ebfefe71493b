"""The command `cityos`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from broker.errors import CityError
from cityos.city import City, Stopped, prepare, running_city
from cityos.commands import (
    alerts,
    audit,
    backups,
    buses,
    ca,
    chargers,
    clients,
    contexts,
    devices,
    forecast,
    history,
    keys,
    models,
    notifications,
    points,
    policy,
    providers,
    queried,
    rejected,
    subscribers,
    tags,
    tenants,
    users,
)
from cityos.commands.accounting import accounting
from cityos.commands.common import console, settings_here
from cityos.commands.mqtt_acl import mqtt_acl
from cityos.commands.replay import run_demo_replay
from cityos.commands.settings import show_settings
from cityos.provision import provision_demo
from cityos.replay import floods
from cityos.roles import ROLES
from cityos.run import run_role
from cityos.settings import Settings, load_settings
from cityos.supervisor import stop_on_signals
from cityos.wiring import open_parts

app = typer.Typer(help="都市OS: 街の機器・データ・サービスをつなぐ基盤", no_args_is_help=True, add_completion=False)
app.command()(accounting)
app.command("settings")(show_settings)
app.command("mqtt-acl")(mqtt_acl)
app.command("log-replay")(rejected.log_replay)
app.command()(backups.backup)
app.command()(backups.restore)
app.add_typer(alerts.app, name="alerts")
app.add_typer(buses.app, name="buses")
app.add_typer(chargers.app, name="chargers")
app.add_typer(points.app, name="points")
app.add_typer(tags.app, name="tags")
app.add_typer(rejected.app, name="rejected")
app.add_typer(ca.app, name="ca")
app.add_typer(contexts.app, name="context")
app.add_typer(models.app, name="model")
app.add_typer(queried.app, name="queried")
app.add_typer(notifications.app, name="notification")
app.add_typer(devices.app, name="device")
app.add_typer(forecast.app, name="forecast")
app.add_typer(history.app, name="history")
app.add_typer(clients.app, name="client")
app.add_typer(users.app, name="user")
app.add_typer(subscribers.app, name="subscriber")
app.add_typer(tenants.app, name="tenant")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.add_typer(providers.app, name="provider")

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


@app.command()
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
    async with open_parts(city.settings, size=1) as parts:
        await provision_demo(parts.database, secret_file=city.settings.city.folder / "demo.secret")
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


@app.command()
def run(role: Annotated[str, typer.Argument(help=f"one of {', '.join(ROLES)}; several in one process as a+b")]) -> None:
    """Run one role until it is told to stop. / 役割を1つ動かす"""
    run_role(role, settings_here())


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema. / データベースを更新する"""
    for name in asyncio.run(prepare(settings_here())):
        console.print(name)


@app.command()
def replay(
    files: Annotated[list[Path] | None, typer.Argument(help="CSV files of readings in place of a flood")] = None,
    flood: Annotated[str, typer.Option(help=f"which recorded flood: {', '.join(floods())}")] = "2023-07",
    speed: Annotated[str, typer.Option(help="how many times faster than it was: 1 to 3600, or max")] = "600",
    shift: Annotated[bool, typer.Option("--shift", help="move the times so that the flood ends now")] = False,
    start: Annotated[int, typer.Option(help="the row to start at")] = 0,
) -> None:
    """Replay a recorded flood over MQTT. / 記録された洪水を再生する"""
    raise typer.Exit(run_demo_replay(settings_here(), files, flood, speed=speed, shift=shift, start=start))


def main() -> NoReturn:
    """Run the command; our own errors become one clear line and exit status 2."""
    try:
        app()
    except CityError as error:
        typer.echo(f"cityos: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
