"""From a gauge's stage to alerts and their messages. Pure.

An alert lives from the first raise to `from_stage` or above until the stage is below it again. Its messages form a
chain: the first alerts, later ones update (up or down), the last is an all-clear (解除: the danger is over) or a
cancellation (取消: it should never have been sent, because a person took away or corrected what it was made from).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from schemas.clock import JST
from schemas.device import DeviceProfile
from schemas.river import MODE_NAMES, TREND_NAMES, Mode, Name, Stage, Trend, stage_of_rank
from services.alerting.outcome import CORRECTED, DELETED, MARGIN_AND_DWELL, MOVED
from services.alerting.rulebook import Rulebook


class Step(StrEnum):
    """What a message does to its alert."""

    ALERT = "alert"
    UPDATE = "update"
    CLEAR = "clear"
    CANCEL = "cancel"


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """What a later message must say of an earlier one (CAP's `references`)."""

    sender: str
    identifier: str
    sent_at: datetime


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of one gauge, in one mode. `id` is an NGSI-LD id; `sent` are its messages so far, oldest first."""

    id: str
    entity_id: str
    mode: Mode
    rank: int
    highest: int
    issued_at: datetime
    sent: tuple[Sent, ...] = ()


class Gauge(NamedTuple):
    """What a message says about the place."""

    entity_id: str
    station: str
    profile: DeviceProfile


class Situation(NamedTuple):
    """What a message says about the water. `level` is None where nothing is known of it any more."""

    rank: int
    level: float | None
    observed_at: datetime
    trend: Trend
    why: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of an alert, complete: what the CAP document, the feed, the mail and the webhook are made from."""

    identifier: str
    alert: Alert
    number: int
    step: Step
    sent_at: datetime
    sender: str
    sender_name: Name
    stage: Stage
    stage_name: Name
    headline: Name
    description: Name
    instruction: Name
    station: str
    station_name: str
    river: str
    address: str
    point: tuple[float, float] | None
    radius_km: float
    government_code: str | None
    references: tuple[Sent, ...]


_INSTRUCTIONS = {
    Step.CLEAR: Name("引き続き河川に近づかないでください。", "Keep away from the river all the same."),
    Step.CANCEL: Name("この情報は取り消されました。", "This message has been withdrawn."),
}
_BECAUSE = {
    CORRECTED: Name("観測値が訂正されました。", "A measured value has been corrected. "),
    DELETED: Name("観測値が削除されました。", "A measured value has been deleted. "),
    MOVED: Name("観測時刻が訂正されました。", "The time of a measured value has been corrected. "),
}
_DANGER = Name(
    "市町村の避難情報を確認し、川から離れた安全な場所へ移れるようにしてください。",
    "Check your municipality's evacuation information and be ready to move to safety away from the river.",
)
_WATCH = Name(
    "川に近づかず、今後の情報に注意してください。", "Keep away from the river and watch for further information."
)


def next_step(active: Alert | None, rank: int, from_rank: int, why: str) -> Step | None:
    """What to send now that the gauge stands at `rank`, or None. `why` is the reason of its last move."""
    if active is None:
        return Step.ALERT if rank >= from_rank else None
    if rank < from_rank:
        return Step.CLEAR if why == MARGIN_AND_DWELL else Step.CANCEL
    return Step.UPDATE if rank != active.rank else None


def compose(
    step: Step,
    alert: Alert,
    gauge: Gauge,
    now: Situation,
    book: Rulebook,
    *,
    sent_at: datetime,
    government_code: str | None,
) -> tuple[Alert, Message]:
    """The message and the alert as it stands after it."""
    number = len(alert.sent) + 1
    signed = book.document.alerts
    identifier = f"{alert.id.removeprefix('urn:ngsi-ld:Alert:').replace(':', '-')}-{alert.mode}-{number}"
    stage = stage_of_rank(max(now.rank, 0))
    place = gauge.profile
    sent = Sent(signed.sender, identifier, sent_at)
    after = msgspec.structs.replace(
        alert, rank=now.rank, highest=max(alert.highest, now.rank), sent=(*alert.sent, sent)
    )
    message = Message(
        identifier=identifier,
        alert=after,
        number=number,
        step=step,
        sent_at=sent_at,
        sender=signed.sender,
        sender_name=Name(signed.sender_name, signed.sender_name_en),
        stage=stage,
        stage_name=book.name(stage),
        headline=_headline(step, alert, stage, gauge, book),
        description=_description(gauge, now),
        instruction=_INSTRUCTIONS.get(step) or (_DANGER if now.rank >= Stage.EVACUATION.rank else _WATCH),
        station=gauge.station,
        station_name=place.name or gauge.station,
        river=place.river,
        address=place.address,
        point=place.location.coordinates if place.location else None,
        radius_km=signed.radius_km,
        government_code=government_code,
        references=alert.sent,
    )
    return after, message


def _headline(step: Step, alert: Alert, stage: Stage, gauge: Gauge, book: Rulebook) -> Name:
    where = gauge.profile.name or gauge.station
    river = gauge.profile.river
    mark = Name("", "") if alert.mode is Mode.ACTUAL else Name(*(f"【{n}】" for n in MODE_NAMES[alert.mode]))
    place = Name(f"{river}（{where}）" if river else where, f"{where} ({river})" if river else where)
    name = book.name(stage)
    before = book.name(stage_of_rank(alert.rank))
    text = {
        Step.ALERT: Name(f"{place.ja} {name.ja}に到達", f"{place.en}: {name.en} reached"),
        Step.UPDATE: Name(f"{place.ja} {name.ja}に変化", f"{place.en}: now at {name.en}"),
        Step.CLEAR: Name(f"{place.ja} {before.ja}を解除", f"{place.en}: all clear, below {before.en}"),
        Step.CANCEL: Name(f"{place.ja} {before.ja}の情報を取消", f"{place.en}: {before.en} message withdrawn"),
    }[step]
    return Name(mark.ja + text.ja, mark.en + text.en)


def _description(gauge: Gauge, now: Situation) -> Name:
    place = gauge.profile.name or gauge.station
    because = _BECAUSE.get(now.why, Name("", ""))
    if now.level is None:
        return Name(
            f"{because.ja}{place}の水位は現在不明です。", f"{because.en}The level at {place} is not known at present."
        )
    local = now.observed_at.astimezone(JST)
    trend = TREND_NAMES[now.trend]
    return Name(
        f"{because.ja}{place}の水位は{local.month}月{local.day}日{local:%H:%M} {now.level:.2f} m（{trend.ja}）。"
        "値は暫定です。",
        f"{because.en}Level at {place} {now.level:.2f} m at {local:%Y-%m-%d %H:%M} JST ({trend.en}). "
        "Provisional value.",
    )


def as_body(message: Message, public_url: str) -> dict[str, Any]:
    """What a program reads of a message: plain JSON, camelCase, as the API shows alerts."""
    return {
        "id": message.alert.id,
        "identifier": message.identifier,
        "msgType": message.step,
        "status": message.alert.mode,
        "gauge": message.alert.entity_id,
        "stationId": message.station,
        "gaugeName": message.station_name,
        "river": message.river,
        "stage": message.stage,
        "severity": severity(message.stage),
        "issuedAt": message.alert.issued_at,
        "sentAt": message.sent_at,
        "headline": message.headline.ja,
        "headlineEn": message.headline.en,
        "description": message.description.ja,
        "descriptionEn": message.description.en,
        "cap": f"{public_url}/cap/{message.identifier}.xml",
    }


_SEVERITY = {Stage.STANDBY: "low", Stage.CAUTION: "medium", Stage.EVACUATION: "high", Stage.DANGER: "critical"}


def severity(stage: Stage) -> str:
    """Smart Data Models' word for how grave a stage is (Alert, `severity`)."""
    return "critical" if stage is Stage.OVERFLOW else _SEVERITY.get(stage, "informational")
