"""From a gauge's new stage to a proposal, in one transaction with the position in the log; and who has not answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from broker.delivery.queue import enqueue
from broker.ports import Database, Record, Transaction
from schemas.change import changes_of_types
from schemas.clock import Clock, utc_now
from schemas.river import Mode
from services.evacuation import store
from services.evacuation.areas import District
from services.evacuation.orders import Order
from services.evacuation.proposals import propose
from services.evacuation.settings import EvacuationSettings
from services.evacuation.store import SQL, SYSTEM, Event, Times
from services.evacuation.telling import confirmation_notice, proposal_notice, raised
from services.evacuation.wording import Words

_LOOKED_AT = frozenset({"FloodMonitoring", "WeatherObserved", "DamObserved", "FloodNotice", "WaterLevelForecast"})


def _gauge_of(entity: str) -> str:
    """The gauge that an assessment or a forecast is about; any other source is itself."""
    return entity.replace(":FloodMonitoring:", ":WaterObserved:").replace(":WaterLevelForecast:", ":WaterObserved:")


class Proposer:
    """`handle` is a `broker.consume.Handle`. `by_data`: the city's present is its newest reading's (a replay)."""

    def __init__(self, mode: Mode, *, by_data: bool = False, clock: Clock = utc_now) -> None:
        self._mode, self._by_data, self._clock = mode, by_data, clock

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """Judge anew every district that a changed gauge or source stands for. Doing it again changes nothing."""
        changed: defaultdict[str, set[str]] = defaultdict(set)
        for change in changes_of_types((record.value for record in records), _LOOKED_AT):
            changed[change.tenant].add(_gauge_of(change.entity))
        for tenant, gauges in sorted(changed.items()):
            if await tx.fetchval(SQL["become"], tenant) is not None:
                await self._judge(tx, tenant, gauges)

    async def _judge(self, tx: Transaction, tenant: str, gauges: set[str]) -> None:
        rows = await tx.fetch(SQL["districts_of"], sorted(gauges))
        districts = [store.decode_district(row["body"]) for row in rows]
        signs = await store.load_signs(tx, (gauge for district in districts for gauge in district.gauges))
        for district in districts:
            seen = [signs[gauge] for gauge in district.gauges]
            wall = self._clock()
            observed = max((sign.observed_at for sign in seen if sign.observed_at), default=wall)
            now = Times(wall, observed if self._by_data else wall)
            around = await store.load_around(tx, [district], now.city, self._mode)
            proposal = propose(seen, now.city, list(around.values()))
            before = await store.save_proposal(tx, district.id, self._mode, proposal, wall)
            if proposal.level != before:
                await self._tell(tx, tenant, district, now, (before, proposal.level), proposal.why)

    async def _tell(
        self, tx: Transaction, tenant: str, district: District, now: Times, levels: tuple[int, int], why: str
    ) -> None:
        before, level = levels
        text = (
            f"{district.name}: 警戒レベル{level}を提案（{why}）"
            if level
            else f"{district.name}: 提案を取り下げ（{why}）"
        )
        event = Event("proposed", SYSTEM, [district.id], text, {"before": before, "level": level})
        await store.note(tx, now, self._mode, event)
        if level > before:
            number = str(int(now.wall.timestamp()))
            notice = proposal_notice(district.id, district.name, level, self._mode, number)
            await enqueue(tx, tenant, [notice], at=now.wall)


class Escalation:
    """Tells again what nobody has answered or confirmed: to those who know, and each time to one more in line.

    `mode` is what the city issues; what waits in another mode is over. `by_data` as for `Proposer`.
    """

    def __init__(
        self,
        database: Database,
        settings: EvacuationSettings,
        mode: Mode,
        *,
        by_data: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        self._database, self._settings, self._mode = database, settings, mode
        self._by_data, self._clock = by_data, clock

    async def look(self) -> int:
        """Tell again what has waited too long by now; how many."""
        now, settings = self._clock(), self._settings
        since = (
            now - timedelta(seconds=settings.answer_within_s),
            now - timedelta(seconds=settings.repeat_every_s),
            now - timedelta(hours=settings.repeat_for_h),
        )
        async with self._database.transaction() as tx:
            proposals = await tx.fetch(SQL["unanswered"], self._mode, *since)
            for row in proposals:
                await self._raise_proposal(tx, row, now)
            orders = await tx.fetch(SQL["unconfirmed"], self._mode, *since)
            for row in orders:
                await self._raise_order(tx, row, now)
        return len(proposals) + len(orders)

    async def _raise_proposal(self, tx: Transaction, row: Mapping[str, Any], now: datetime) -> None:
        await tx.execute(SQL["become"], row["tenant"])
        await tx.execute(SQL["escalate"], row["district_id"], self._mode, now)
        number = str(int(row["since"].timestamp()))
        notice = proposal_notice(row["district_id"], row["name"], row["level"], self._mode, number)
        await enqueue(tx, row["tenant"], raised(notice, row["step"]), at=now)
        what = f"{row['name']}: 警戒レベル{row['level']}の提案に応答がない"
        await self._note(tx, now, what, [row["district_id"]], {"step": row["step"]})

    async def _raise_order(self, tx: Transaction, row: Mapping[str, Any], now: datetime) -> None:
        await tx.execute(SQL["become"], row["tenant"])
        order = msgspec.json.decode(row["body"], type=Order)
        words = Words(**msgspec.json.decode(row["words"]))
        await tx.execute(SQL["raise_order"], order.id, now)
        await enqueue(tx, row["tenant"], raised(confirmation_notice(order, words), row["step"]), at=now)
        what = f"確認待ち「{words.headline}」に応答がない"
        await self._note(tx, now, what, order.districts, {"step": row["step"], "order": order.id})

    async def _note(
        self, tx: Transaction, now: datetime, what: str, districts: Sequence[str], detail: dict[str, Any]
    ) -> None:
        city = await tx.fetchval(SQL["present"], self._mode) if self._by_data else None
        text = f"{what}ため、次の担当まで知らせました（{detail['step']}回目）"
        await store.note(tx, Times(now, city or now), self._mode, Event("escalated", SYSTEM, districts, text, detail))
