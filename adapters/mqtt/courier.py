"""Brings commands from the store to the devices that are connected here, and notes how far each came.

Every endpoint looks at all open commands and takes those whose device has a session with it. A command is noted as
sent or acknowledged after the fact: an endpoint that dies between leaves it open, and the device hears it again under
the same number (at least once).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from datetime import datetime
from functools import partial

from adapters.mqtt.downlink import DeliveryState
from adapters.mqtt.endpoint import Endpoint
from broker.errors import Unavailable
from broker.ports import Database
from broker.store.commands import CHANNEL, Command, HowFar, came, open_commands
from broker.waiting import rounds
from schemas.clock import Clock, iso, utc_now
from schemas.command import command_topic

_EVERY = 2.0
_QOS = 1
_log = logging.getLogger(__name__)


class Courier:
    """One endpoint's courier. What is under way is known by (tenant, number) until it is noted or its time is over."""

    def __init__(self, endpoint: Endpoint, database: Database, clock: Clock = utc_now) -> None:
        self._endpoint = endpoint
        self._database = database
        self._clock = clock
        self._under_way: dict[tuple[str, str], datetime] = {}
        self._news: list[tuple[tuple[str, str], DeliveryState]] = []
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`: at once when a command is new, and every two seconds for devices that came back."""
        async with self._database.notices(CHANNEL) as noticed:
            async for _ in rounds(noticed, self._wake, stop=stop, every=_EVERY):
                try:
                    await self._note()
                    await self._deliver()
                except Unavailable as error:
                    _log.warning("commands wait: %s", error)
            with contextlib.suppress(Unavailable):
                await self._note()

    async def _deliver(self) -> None:
        now = self._clock()
        self._under_way = {key: until for key, until in self._under_way.items() if until > now}
        async for command in open_commands(self._database, now):
            key = (command.tenant, command.id)
            if key not in self._under_way:
                self._under_way[key] = command.expires_at
                if await self._send(key, command, now) is DeliveryState.NOBODY:
                    del self._under_way[key]

    async def _send(self, key: tuple[str, str], command: Command, now: datetime) -> DeliveryState:
        body = {"id": command.id, "command": command.name, "arguments": command.arguments,
                "expires": iso(command.expires_at)}  # fmt: skip
        return await self._endpoint.deliver(
            command.tenant,
            command.device,
            command_topic(command.device, command.id),
            json.dumps(body, ensure_ascii=False).encode(),
            _QOS,
            expires_in=(command.expires_at - now).total_seconds(),
            on_change=partial(self._changed, key),
        )

    def _changed(self, key: tuple[str, str], state: DeliveryState) -> None:
        self._news.append((key, state))
        self._wake.set()

    async def _note(self) -> None:
        """Write down what became of what was under way; what was not taken may be tried again."""
        while self._news:
            (tenant, number), state = self._news[0]
            if state in (DeliveryState.SENT, DeliveryState.ACKNOWLEDGED):
                how_far: HowFar = "sent" if state is DeliveryState.SENT else "acknowledged"
                async with self._database.transaction() as tx:
                    await came(tx, tenant, number, how_far, self._clock())
            del self._news[0]
            if state in (DeliveryState.REFUSED, DeliveryState.EXPIRED):
                self._under_way.pop((tenant, number), None)
