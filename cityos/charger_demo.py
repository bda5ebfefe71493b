"""Simulated stations as a process of their own: cars come, charge and go, over real WebSockets.

`python -m cityos.charger_demo` reads its town as JSON from standard input; `cityos chargers demo` starts it.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from datetime import timedelta
from typing import Any, NamedTuple

from websockets.exceptions import InvalidHandshake

from cityos.simulated_station import CallFailed, SimulatedStation

_CAR_W = (3200.0, 6000.0)
_REST = 10.0


class Town(NamedTuple):
    """The central system's address, each station's name, version and password, the card, and how fast time passes.

    `rounds` bounds how often each station's car is looked at; None for ever. `pause` seconds lie between two looks,
    which stand for `minutes` of charging.
    """

    url: str
    stations: list[tuple[str, Any, str]]
    card: str
    pause: float = 10.0
    minutes: float = 1.0
    rounds: int | None = None


async def play(town: Town) -> None:
    """Live every station's day side by side."""
    async with asyncio.TaskGroup() as group:
        for number, (name, version, password) in enumerate(town.stations):
            group.create_task(_live(town, SimulatedStation(town.url, name, version, password=password), number))


async def _live(town: Town, station: SimulatedStation, number: int) -> None:
    """One station: where its line is cut it tries again, as real ones do."""
    rng = random.Random(number)
    left = town.rounds
    while left is None or left > 0:
        try:
            await station.connect()
            if await station.boot() == "Accepted":
                await station.status("Available")
                await station.say_what_was_kept()
                left = await _serve(town, station, rng, left)
        except (OSError, TimeoutError, CallFailed, InvalidHandshake) as error:
            print(f"{station.name}: {error}", file=sys.stderr)
        await station.close()
        if left is None or left > 0:
            await asyncio.sleep(_REST * rng.uniform(0.5, 1.5))


async def _serve(town: Town, station: SimulatedStation, rng: random.Random, left: int | None) -> int | None:
    car_w, soc = 0.0, 0.0
    while station.connected and (left is None or left > 0):
        if not station.transaction and rng.random() < 0.3:
            car_w, soc = rng.choice(_CAR_W), rng.uniform(10, 60)
            await station.start(town.card)
            await station.status("Charging")
        elif station.transaction:
            power = station.charge(timedelta(minutes=town.minutes), car_w)
            soc = min(soc + power * town.minutes / 60 / 400, 100.0)
            await station.meter(power_w=power, soc=round(soc, 1))
            if soc >= 95 or rng.random() < 0.02:
                await station.stop(town.card)
                await station.status("Available")
        else:
            await station.heartbeat()
        left = None if left is None else left - 1
        await asyncio.sleep(town.pause)
    return left


def main() -> None:
    """Play the town that standard input tells, until it is over or interrupted."""
    values = json.loads(sys.stdin.read())
    town = Town(**{**values, "stations": [tuple(each) for each in values["stations"]]})
    asyncio.run(play(town))


if __name__ == "__main__":
    main()
