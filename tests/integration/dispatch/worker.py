"""Books rides and improves the plan as fast as it can, until it is killed. Each line it prints is a promise made."""

from __future__ import annotations

import asyncio
import sys

from broker.errors import Conflict
from broker.store.postgres import open_database
from services.dispatch.desk import BookingDesk
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import StraightLine
from services.dispatch.values import Ask
from tests.integration.dispatch.conftest import DAY, Now


async def main(url: str) -> None:
    """Until killed."""
    database = await open_database(url, size=4)
    desk = BookingDesk(database, StraightLine(25.0, 1.3), DispatchSettings(improve_moves=500), Now())

    async def improve() -> None:
        while True:
            await desk.improve("fukui", DAY)

    improving = asyncio.create_task(improve())
    number = 0
    while not improving.done():
        number += 1
        ask = Ask(DAY, f"s{number % 11}", f"s{(number * 5 + 3) % 11}", 490.0 + number * 7 % 500)
        if ask.origin == ask.destination:
            continue
        try:
            offer = (await desk.quote("fukui", ask))[0]
            made = await desk.book("fukui", ask, offer, "r", asked_as=f"call-{number}")
        except Conflict:
            continue
        print(made.id, flush=True)
    await improving


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
