"""NGSI-LD subscriptions: consumes changes, keeps time for `timeInterval`, and delivers."""

from __future__ import annotations

import asyncio
import logging

from broker.consume import Consumption, Subscription
from broker.errors import Conflict, Unavailable
from broker.jsonld.library import ContextLibrary
from broker.ports import CHANGES, Database, Log
from broker.subscriptions.announcing import Announcer
from broker.subscriptions.handler import SubscriptionHandler
from broker.subscriptions.standing import Standing
from broker.waiting import Parts, rounds
from schemas.clock import Clock, utc_now
from services.notify.sender import Sender

GROUP = "subscriptions"
_EVERY = 0.5
_log = logging.getLogger(__name__)


async def run(
    log: Log,
    database: Database,
    contexts: ContextLibrary,
    sender: Sender,
    stop: asyncio.Event,
    clock: Clock = utc_now,
    standing: Standing | None = None,
) -> None:
    """Run until `stop` is set. `database` is the system's: it sees every tenant.

    `standing` asks again, when a subscription fires, whether its owner may still see what it tells.
    """
    handler = SubscriptionHandler(contexts, clock, standing)
    announcer = Announcer(contexts, clock)
    consumption = Consumption(log, database, Subscription(CHANGES, GROUP, 500, 0.2), handler.handle)
    async with Parts() as tasks:
        tasks.add(sender.run(stop))
        tasks.add(_keep_time(database, handler, announcer, stop))
        await consumption.run(stop)


async def _keep_time(
    database: Database, handler: SubscriptionHandler, announcer: Announcer, stop: asyncio.Event
) -> None:
    async for _ in rounds(stop=stop, every=_EVERY):
        try:
            async with database.transaction() as tx:
                await handler.tell_due(tx)
                await announcer.tell_due(tx)
        except (Conflict, Unavailable) as error:
            _log.warning("subscriptions by time wait: %s", error)
        except Exception:
            # A fault of ours with one of them must not end the deliveries of all.
            _log.exception("subscriptions by time failed; they are tried again")
