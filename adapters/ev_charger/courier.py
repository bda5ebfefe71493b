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
from typing import Any, NamedTuple

from adapters.ev_charger.central import CentralSystem
from adapters.ev_charger.commands import outcome_of, request_of
from adapters.ev_charger.station import Refused, Station
from adapters.ev_charger.variables import told_of
from broker.errors import Invalid, NotFound, Unavailable
from broker.ports import Database
from broker.store.commands import CHANNEL, Command, came, keep_answer, open_commands
from broker.waiting import rounds
from schemas.clock import Clock, iso, utc_now

_EVERY = 2.0
_SHOWN = 300
"""Characters of an answer that stand with the command and on the log; one that says more is kept whole beside it."""
_log = logging.getLogger(__name__)


class _Outcome(NamedTuple):
    """What became of a command: whether it is done, in words, and all that the station answered."""

    done: bool
    text: str
    whole: Mapping[str, Any] | None = None


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
            async for _ in rounds(noticed, self._central.arrived, stop=stop, every=_EVERY):
                try:
                    await self._look()
                except Unavailable as error:
                    _log.warning("commands to stations wait: %s", error)
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
                await self._answer(station, command, await self._ask(station, command))
            except Unavailable as error:
                _log.warning("command %s: %s", command.id, error)

    async def _ask(self, station: Station, command: Command) -> _Outcome:
        arguments: Mapping[str, object] = command.arguments if isinstance(command.arguments, dict) else {}
        try:
            number = zlib.crc32(command.id.encode()) & 0x7FFFFFFF
            asked = request_of(station.version, command.name, arguments, number)
            begun = self._clock()
            answer = await station.ask(asked.action, asked.payload)
            if told := told_of(command.name, answer):
                await station.note(told)
            outcome = _Outcome(*outcome_of(command.name, answer), answer)
            if command.name == "certificate" and outcome.done:
                await station.certified(begun)
            return outcome
        except Refused as error:
            return _Outcome(False, str(error), error.whole)
        except (Invalid, NotFound) as error:
            return _Outcome(False, str(error))

    async def _answer(self, station: Station, command: Command, outcome: _Outcome) -> None:
        now, text = self._clock(), outcome.text
        if len(text) > _SHOWN or (outcome.whole and not outcome.done):
            async with self._database.transaction() as tx:
                await keep_answer(tx, command.tenant, command.id, outcome.whole or text)
            text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        body = {"t": iso(now), "outcome": "done" if outcome.done else "failed", "detail": text}
        topic = f"city/device/{command.device}/reply/{command.id}"
        await station.publish(topic, json.dumps(body, ensure_ascii=False).encode(), now)
