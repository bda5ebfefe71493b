"""What is done by the clock: time-outs, expiry and its announcement, seals and the closing of each day."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from broker.errors import CityError
from broker.ports import Database
from broker.waiting import rounds
from schemas.clock import Clock, utc_now
from services.points.announcing import announce
from services.points.closing import SETTLING, SQL, close
from services.points.ledger import Ledger
from services.points.model import day_of
from services.points.settings import PointsSettings
from services.points.verify import seal

_log = logging.getLogger(__name__)


class Keeper:
    """Does what is due, for every tenant that keeps points. Several may run: every step is done once."""

    def __init__(self, system: Database, ledger: Ledger, settings: PointsSettings, clock: Clock = utc_now) -> None:
        self._system = system
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the books until `stop`. What fails for one tenant is tried again and holds up no other."""
        sealing = announcing = 0.0
        async for _ in rounds(stop=stop, every=self._settings.sweep_s):
            seals, announces = sealing <= 0, announcing <= 0
            sealing = self._settings.seal_s if seals else sealing - self._settings.sweep_s
            announcing = self._settings.announce_s if announces else announcing - self._settings.sweep_s
            try:
                async with self._system.transaction() as tx:
                    tenants = [row["name"] for row in await tx.fetch(SQL["tenants"])]
            except CityError as error:
                _log.warning("the points' books are kept later: %s", error)
                tenants = []
            for tenant in tenants:
                await self._keep(tenant, seals=seals, announces=announces)

    async def _keep(self, tenant: str, *, seals: bool, announces: bool) -> None:
        try:
            await self.sweep(tenant)
            if seals:
                await seal(self._system, tenant, self._clock())
                yesterday = day_of(self._clock() - SETTLING) - timedelta(days=1)
                await close(self._system, tenant, yesterday, self._clock())
            if announces and self._settings.announce_days:
                await announce(self._system, tenant, self._clock(), self._settings.announce_days)
        except CityError as error:
            _log.warning("the points' books of %s are kept later: %s", tenant, error)

    async def sweep(self, tenant: str) -> tuple[int, int]:
        """End reservations whose time is over, and points that have expired. Returns how many of each."""
        return await self._ledger.time_out(tenant), await self._ledger.expire(tenant)
