"""Finds gauges that have fallen silent, by the city's clock and by each gauge's own way of reporting."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from broker.delivery.notice import Notice
from broker.delivery.queue import enqueue
from broker.errors import Conflict, Unavailable
from broker.ports import Database, Transaction
from broker.store.entities import EntityWriter
from broker.waiting import rounds
from schemas.clock import Clock, iso, utc_now
from schemas.device import DeviceProfile
from schemas.river import Mode, Quality, Stage, Trend, stage_of_rank
from services.alerting.intake import GaugeKey
from services.alerting.memory import Tenant
from services.alerting.monitoring import flood_monitoring
from services.alerting.publishing import thresholds_of
from services.alerting.rulebook import Rulebook
from services.alerting.settings import AlertingSettings
from services.alerting.silence import silent_from
from services.alerting.state import Decision, Kind
from services.alerting.store import SQL, profile_of, refresh_tenants, rules_of, save_decisions

_log = logging.getLogger(__name__)
_AT_ONCE = 500


class _Silent(NamedTuple):
    key: GaugeKey
    profile: DeviceProfile
    rank: int
    level: float
    last_at: datetime
    since: datetime
    rules: str
    steps: tuple[tuple[float, int], ...]


class SilenceWatch:
    """Looks for silent gauges now and then. Several processes may: they pass over each other's rows."""

    def __init__(
        self,
        database: Database,
        writer: EntityWriter,
        settings: AlertingSettings,
        default: Rulebook,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._writer = writer
        self._settings = settings
        self._default = default
        self._clock = clock
        self._tenants: dict[str, Tenant] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look every `silence_every_s` until told to stop; a database that is away is waited out."""
        async for _ in rounds(stop=stop, every=self._settings.silence_every_s):
            try:
                await self.look()
            except (Unavailable, Conflict) as error:
                _log.warning("silent gauges are looked for later: %s", error)

    async def look(self) -> int:
        """Mark all gauges that are silent now; returns how many were new."""
        async with self._database.transaction() as tx:
            clocks = {row["name"]: row["at"] for row in await tx.fetch(SQL["clocks"])}
        found = 0
        for name, newest in sorted(clocks.items()):
            now = newest if self._settings.clock == "data" else self._clock()
            while now is not None:
                async with self._database.transaction() as tx:
                    looked, silent = await self._look(tx, name, now)
                found += silent
                if looked < _AT_ONCE:
                    break
        return found

    async def _look(self, tx: Transaction, name: str, now: datetime) -> tuple[int, int]:
        for fresh in await refresh_tenants(tx, [name], self._tenants, self._default):
            self._tenants[name] = fresh
        tenant = self._tenants[name]
        rows = await tx.fetch(SQL["overdue"], tenant.id, now, _AT_ONCE)
        judged = [self._judge(tenant, row) for row in rows]
        silent = [gauge for gauge in judged if gauge.since <= now]
        if judged:
            await tx.execute(
                SQL["set_silence"],
                tenant.id,
                [gauge.key.entity_id for gauge in judged],
                [gauge.since for gauge in judged],
                [gauge.since if gauge.since <= now else None for gauge in judged],
            )
        await self._tell(tx, tenant, silent)
        return len(rows), len(silent)

    def _judge(self, tenant: Tenant, row: Mapping[str, Any]) -> _Silent:
        """When the gauge counts as silent by the newest value in its history (its stored state may lag a little)."""
        key = GaugeKey(tenant.name, row["entity_id"])
        profile = profile_of(row["profile"], key.entity_id)
        newer = row["newest_at"] is not None
        level, at = (row["newest_level"], row["newest_at"]) if newer else (row["level"], row["observed_at"])
        since = silent_from(profile, level, at, tenant.book.section(key.station).silence)
        steps = rules_of(tenant.book, key, profile).steps
        return _Silent(key, profile, row["rank"], level, at, since, tenant.book.version, steps)

    async def _tell(self, tx: Transaction, tenant: Tenant, silent: list[_Silent]) -> None:
        if not silent:
            return
        wall = self._clock()
        mode = self._settings.mode or tenant.book.document.mode
        decided = [(gauge.key.entity_id, _decision(gauge)) for gauge in silent]
        await save_decisions(tx, tenant, decided, mode=mode, now=wall)
        updates = [
            flood_monitoring(
                gauge.key,
                gauge.profile,
                thresholds_of(gauge.steps),
                stage=Stage.UNKNOWN,
                trend=Trend.UNKNOWN,
                quality=Quality.MISSING,
                level=gauge.level,
                observed_at=gauge.last_at,
                rules=gauge.rules,
            )
            for gauge in silent
        ]
        await self._writer.write(tx, tenant.name, updates, at=wall)
        await enqueue(tx, tenant.name, [_notice(tenant, gauge, mode) for gauge in silent if gauge.rank > 0], at=wall)


def _decision(gauge: _Silent) -> Decision:
    return Decision(
        kind=Kind.SILENT,
        at=gauge.last_at.timestamp(),
        before=stage_of_rank(gauge.rank),
        after=Stage.UNKNOWN,
        why="no-report",
        rules=gauge.rules,
        inputs={"level": gauge.level, "lastReport": iso(gauge.last_at), "silentFrom": iso(gauge.since)},
    )


def _notice(tenant: Tenant, gauge: _Silent, mode: Mode) -> Notice:
    """A gauge that fell silent above a stage: its alert stays, and staff hear of it."""
    place = gauge.profile.name or gauge.key.station
    stage = stage_of_rank(gauge.rank)
    return Notice(
        id=f"silent-{gauge.key.station}-{int(gauge.last_at.timestamp())}-{mode}",
        kind="flood.silent",
        mode=mode,
        subject=f"【欠測】{gauge.profile.river} {place} 最後の値 {gauge.level:.2f} m（{tenant.book.name(stage).ja}）",
        text=f"{place}から値が届いていません。最後の値: {iso(gauge.last_at)}。出ている情報はそのまま続けます。",
        body={
            "gauge": gauge.key.entity_id,
            "stationId": gauge.key.station,
            "lastStage": stage,
            "lastLevel": gauge.level,
            "lastReport": iso(gauge.last_at),
            "status": mode,
        },
        about={"gauge": gauge.key.station, "river": gauge.profile.river},
        grade=gauge.rank,
        staff=True,
        topic=f"flood/silent/{gauge.key.station}",
    )
