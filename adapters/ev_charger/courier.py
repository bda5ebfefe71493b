"""Brings commands from the store to the stations that are connected here, one by one for each, and publishes answers.

A command is noted as handed over before it is, so that a process that dies in between never repeats a reset: one that
was handed over and never answered reads as expired.
"""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from adapters.ev_charger.central import CentralSystem
from adapters.ev_charger.commands import outcome_of, request_of
from adapters.ev_charger.station import Refused, Station
from broker.errors import Invalid, Unavailable
from broker.ports import Database
from broker.store.commands import CHANNEL, Command, came, open_commands
from schemas.clock import Clock, iso, utc_now

_EVERY = 2.0
_log = logging.getLogger(__name__)


class StationCourier:
    """One central system's courier."""

    def __init__(self, central: CentralSystem, database: Database, clock: Clock = utc_now) -> None:
        self._central = central
        self._database = database
        self._clock = clock
        self._taken: dict[tuple[str, str], datetime] = {}
        self._errands: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`: at once when a command is new, and whenever a station has connected."""
        async with self._database.notices(CHANNEL) as noticed:
            while not stop.is_set():
                noticed.clear()
                self._central.arrived.clear()
                try:
                    await self._look()
                except Unavailable as error:
                    _log.warning("commands to stations wait: %s", error)
                waiters = [asyncio.ensure_future(event.wait()) for event in (noticed, self._central.arrived, stop)]
                await asyncio.wait(waiters, timeout=_EVERY, return_when=asyncio.FIRST_COMPLETED)
                for waiter in waiters:
                    waiter.cancel()
        for errand in self._errands.values():
            errand.cancel()
        await asyncio.gather(*self._errands.values(), return_exceptions=True)

    async def _look(self) -> None:
        """Start an errand for each station that has commands and none under way."""
        now = self._clock()
        self._taken = {key: until for key, until in self._taken.items() if until > now}
        waiting: dict[tuple[str, str], list[Command]] = {}
        async for command in open_commands(self._database, now):
            if (command.tenant, command.id) not in self._taken:
                waiting.setdefault((command.tenant, command.device), []).append(command)
        for who, commands in waiting.items():
            station = self._central.station(*who)
            if station is not None and who not in self._errands:
                self._taken.update({(each.tenant, each.id): each.expires_at for each in commands})
                errand = self._errands[who] = asyncio.create_task(self._errand(station, commands))
                errand.add_done_callback(partial(self._over, who))

    def _over(self, who: tuple[str, str], _errand: asyncio.Task[None]) -> None:
        self._errands.pop(who, None)

    async def _errand(self, station: Station, commands: list[Command]) -> None:
        for command in commands:
            if command.expires_at <= self._clock():
                continue
            try:
                async with self._database.transaction() as tx:
                    await came(tx, command.tenant, command.id, "acknowledged", self._clock())
                done, text = await self._ask(station, command)
                await self._answer(station, command, done, text)
            except Unavailable as error:
                _log.warning("command %s: %s", command.id, error)

    async def _ask(self, station: Station, command: Command) -> tuple[bool, str]:
        arguments: Mapping[str, object] = command.arguments if isinstance(command.arguments, dict) else {}
        try:
            number = zlib.crc32(command.id.encode()) & 0x7FFFFFFF
            asked = request_of(station.version, command.name, arguments, number)
            return outcome_of(command.name, await station.ask(asked.action, asked.payload))
        except (Invalid, Refused) as error:
            return False, str(error)

    async def _answer(self, station: Station, command: Command, done: bool, text: str) -> None:
        now = self._clock()
        body = {"t": iso(now), "outcome": "done" if done else "failed", "detail": text[:300]}
        topic = f"city/device/{command.device}/reply/{command.id}"
        await station.publish(topic, json.dumps(body, ensure_ascii=False).encode(), now)
