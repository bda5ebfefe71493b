"""A sender in a process of its own, to be killed: ``python -m tests.integration.notify.killed_sender DATABASE_URL``."""

from __future__ import annotations

import asyncio
import sys

from broker.store.postgres import open_database
from schemas.clock import utc_now
from services.notify.sender import Sender


async def main(url: str) -> None:
    database = await open_database(url, system=True, size=2)
    await Sender(database, utc_now, default_tenant="fukui", allow_private=True).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
