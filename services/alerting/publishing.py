"""Makes decisions known, in the transaction that stores them: alerts, CAP messages, entities and notices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from broker.delivery.notice import Notice
from broker.delivery.queue import enqueue
from broker.entities.merge import EntityUpdate
from broker.ports import Transaction
from broker.store.entities import EntityWriter
from schemas.clock import JST
from schemas.river import QUALITY_NAMES, Mode, Quality, Stage, Thresholds, Trend
from services.alerting.cap import cap_document
from services.alerting.effects import Effects, Move
from services.alerting.lifecycle import Alert, Gauge, Message, Situation, Step, as_body, compose, next_step
from services.alerting.memory import Held, Tenant
from services.alerting.monitoring import alert_entity, flood_monitoring
from services.alerting.settings import AlertingSettings
from services.alerting.store import SQL, save_decisions, save_marks

CLEARED = (Step.CLEAR, Step.CANCEL)


class Moment(NamedTuple):
    """When and as what things are made known: this machine's time, and whether the city's present is its data's."""

    wall: datetime
    by_data: bool
    mode: Mode

    def city(self, observed: float) -> datetime:
        """The city's present when a reading observed then (POSIX seconds) is the newest."""
        return datetime.fromtimestamp(observed, UTC) if self.by_data else self.wall


class Publisher:
    """Writes everything that others see of a batch's effects."""

    def __init__(self, writer: EntityWriter, settings: AlertingSettings) -> None:
        self._writer = writer
        self._url = settings.public_url.rstrip("/")

    async def publish(
        self, tx: Transaction, tenant: Tenant, effects: Effects, moment: Moment, traces: Mapping[str, str]
    ) -> None:
        """Store decisions and marks, send messages, update entities. `traces`: by the gauges' entity ids."""
        await save_decisions(tx, tenant, effects.decisions, mode=moment.mode, now=moment.wall)
        await save_marks(tx, tenant, effects.marks)
        messages = await self._messages(tx, tenant, effects.moves, moment)
        for message in messages:
            await self._store_message(tx, tenant, message)
        updates = [
            (entity_id, _monitoring(tenant, gauge, effects.removed_at(gauge), silent=entity_id in effects.silent))
            for entity_id, gauge in effects.changed.items()
        ]
        updates += [(message.alert.entity_id, alert_entity(message)) for message in messages]
        traced = [update._replace(trace=traces.get(gauge)) for gauge, update in updates]
        if traced:
            await self._writer.write(tx, tenant.name, traced, at=moment.wall)
        notices = [(message.alert.entity_id, _told(message, self._url)) for message in messages]
        notices += [(move.gauge.key.entity_id, _to_staff(tenant, move, moment.mode)) for move in effects.suspects]
        told = [msgspec.structs.replace(notice, trace=traces.get(gauge)) for gauge, notice in notices]
        await enqueue(tx, tenant.name, told, at=moment.wall)

    async def _messages(self, tx: Transaction, tenant: Tenant, moves: Sequence[Move], moment: Moment) -> list[Message]:
        if not moves:
            return []
        active, counts = await _active(tx, tenant, {move.gauge.key.entity_id for move in moves}, moment.mode)
        least = Stage(tenant.book.document.alerts.from_stage).rank
        messages = []
        for gauge, decision in moves:
            entity_id = gauge.key.entity_id
            step = next_step(active.get(entity_id), decision.after.rank, least, decision.why)
            if step is None:
                continue
            now = moment.city(decision.at)
            alert = active.get(entity_id)
            if alert is None:
                counts[entity_id] += 1
                alert = _new_alert(gauge, counts[entity_id], moment.mode, now)
            situation = Situation(
                decision.after.rank,
                decision.inputs["level"],
                datetime.fromtimestamp(decision.at, UTC),
                Trend(decision.inputs["trend"]),
                decision.why,
            )
            place = Gauge(entity_id, gauge.key.station, gauge.profile)
            after, message = compose(
                step, alert, place, situation, tenant.book, sent_at=now, government_code=tenant.government_code
            )
            messages.append(message)
            if step in CLEARED:
                active.pop(entity_id, None)
            else:
                active[entity_id] = after
        return messages

    async def _store_message(self, tx: Transaction, tenant: Tenant, message: Message) -> None:
        alert = message.alert
        over = message.step in CLEARED
        await tx.execute(
            SQL["save_alert"],
            tenant.id,
            alert.id,
            alert.entity_id,
            alert.mode,
            alert.rank,
            alert.highest,
            alert.issued_at,
            message.sent_at,
            message.sent_at if over else None,
            message.step if over else None,
            msgspec.json.encode({"alert": alert, "shown": as_body(message, self._url)}).decode(),
        )
        await tx.execute(
            SQL["add_message"],
            tenant.id,
            message.identifier,
            alert.id,
            message.number,
            message.step,
            message.sent_at,
            message.headline.ja,
            message.headline.en,
            message.description.ja,
            cap_document(message),
        )


async def _active(
    tx: Transaction, tenant: Tenant, entity_ids: Iterable[str], mode: Mode
) -> tuple[dict[str, Alert], dict[str, int]]:
    """The active alert of each gauge that has one, and how many each has had."""
    rows = await tx.fetch(SQL["active_alerts"], tenant.id, sorted(entity_ids), mode)
    active = {row["entity_id"]: msgspec.json.decode(row["body"], type=_Body).alert for row in rows if row["body"]}
    return active, {row["entity_id"]: row["count"] for row in rows}


class _Body(msgspec.Struct):
    alert: Alert


def _new_alert(gauge: Held, number: int, mode: Mode, now: datetime) -> Alert:
    suffix = "" if mode is Mode.ACTUAL else f":{mode}"
    alert_id = f"{gauge.key.sibling('Alert')}{suffix}:{number}"
    return Alert(id=alert_id, entity_id=gauge.key.entity_id, mode=mode, rank=-2, highest=-2, issued_at=now)


def _monitoring(tenant: Tenant, gauge: Held, removed_at: float, *, silent: bool) -> EntityUpdate:
    """`removed_at` is the time of the latest reading that was just taken out: the stage shown then is another now.
    Nobody knows the stage of a `silent` gauge."""
    head = gauge.state.head
    return flood_monitoring(
        gauge.key,
        gauge.profile,
        thresholds_of(gauge.rules.steps),
        stage=Stage.UNKNOWN if silent else head.stage,
        trend=Trend.UNKNOWN if silent else head.trend,
        quality=Quality.MISSING if silent else head.quality,
        level=head.level if gauge.state.known else None,
        observed_at=datetime.fromtimestamp(max(head.at, removed_at), UTC),
        rules=tenant.book.version,
    )


def thresholds_of(steps: Iterable[tuple[float, int]]) -> Thresholds:
    """The inverse of `Thresholds.steps`."""
    levels = {rank: level for level, rank in steps}
    return Thresholds(levels.get(1), levels.get(2), levels.get(3), levels.get(4))


def _told(message: Message, url: str) -> Notice:
    lines = (message.description.ja, message.instruction.ja, "", message.headline.en, message.description.en)
    link = f"{url}/cap/{message.identifier}.xml"
    return Notice(
        id=message.identifier,
        kind="flood.alert",
        mode=message.alert.mode,
        subject=message.headline.ja,
        text="\n".join((*lines, message.instruction.en, "", link if url else message.identifier)),
        body=msgspec.to_builtins(as_body(message, url)),
        about={"gauge": message.station, "river": message.river},
        grade=max(message.alert.highest, 0),
        topic=f"flood/alerts/{message.station}",
    )


def _to_staff(tenant: Tenant, move: Move, mode: Mode) -> Notice:
    gauge, decision = move
    place = gauge.profile.name or gauge.key.station
    name = tenant.book.name(decision.after).ja
    at = datetime.fromtimestamp(decision.at, UTC)
    quality = QUALITY_NAMES[Quality(decision.inputs["quality"])].ja
    local = at.astimezone(JST)
    return Notice(
        id=f"suspect-{gauge.key.station}-{int(decision.at)}-{decision.after}-{mode}",
        kind="flood.suspect",
        mode=mode,
        subject=f"【{quality}】{gauge.profile.river} {place} {decision.inputs['level']:.2f} m（{name}相当）",
        text=f"{local:%Y-%m-%d %H:%M} の値は確認が必要です。理由: {decision.why}。正しければ{name}にあたります。",
        body={
            "gauge": gauge.key.entity_id,
            "stationId": gauge.key.station,
            "suspectStage": decision.after,
            "reasons": decision.why,
            "rules": decision.rules,
            "status": mode,
            "observedAt": at.isoformat(),
            "inputs": decision.inputs,
        },
        about={"gauge": gauge.key.station, "river": gauge.profile.river},
        grade=max(decision.after.rank, 0),
        staff=True,
        topic=f"flood/suspects/{gauge.key.station}",
    )
