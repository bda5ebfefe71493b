"""From a gauge's new stage to a proposal, in one transaction with the position in the log; and who has not answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from broker.delivery.queue import enqueue
from broker.ports import Database, Record, Transaction
from schemas.change import changes_of_types
from schemas.clock import Clock, utc_now
from schemas.river import Mode
from services.evacuation import store
from services.evacuation.areas import District
from services.evacuation.proposals import propose
from services.evacuation.settings import EvacuationSettings
from services.evacuation.store import SQL, SYSTEM, Event, Times
from services.evacuation.telling import proposal_notice

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
            notice = proposal_notice(district.id, district.name, level, self._mode, number, again=False)
            await enqueue(tx, tenant, [notice], at=now.wall)


class Escalation:
    """Raises proposals that nobody has answered with the people who are asked next."""

    def __init__(self, database: Database, settings: EvacuationSettings, clock: Clock = utc_now) -> None:
        self._database, self._settings, self._clock = database, settings, clock

    async def look(self) -> int:
        """Escalate what waits too long, each once; how many."""
        now = self._clock()
        async with self._database.transaction() as tx:
            rows = await tx.fetch(SQL["unanswered"], now - timedelta(seconds=self._settings.answer_within_s))
            for row in rows:
                await tx.execute(SQL["become"], row["tenant"])
                mode = Mode(row["mode"])
                await tx.execute(SQL["escalate"], row["district_id"], mode, now)
                number = str(int(now.timestamp()))
                where = (row["district_id"], row["name"], row["level"])
                await enqueue(tx, row["tenant"], [proposal_notice(*where, mode, number, again=True)], at=now)
                text = f"{row['name']}: 警戒レベル{row['level']}の提案に応答がないため、次の担当へ知らせました"
                times = Times(now, row["observed_at"] or now)
                await store.note(tx, times, mode, Event("escalated", SYSTEM, [row["district_id"]], text))
        return len(rows)
