"""What else is looked at for a district: rain, dams, and notices of those who look after the rivers. Pure.

Only a notice that answers to a warning level means one by itself; rain and dams are shown beside it for the officer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.flood_notice import NOTICE_NAMES, NoticeKind
from schemas.river import MODE_NAMES, Mode

_SILENT_AFTER = {
    "WeatherObserved": timedelta(hours=1),
    "DamObserved": timedelta(hours=2),
    "FloodNotice": timedelta(days=1),
}
_WORDS = {"WeatherObserved": "雨量", "DamObserved": "ダム", "FloodNotice": "通知"}
_RAIN = (("precipitation10min", "10分雨量"), ("precipitation", "時間雨量"), ("precipitationTotal", "累加雨量"))
_MAYORS = (3, 4, 5)


class Around(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One source as it stands: in words, since when, the level it answers to (0: none), and what is not known."""

    source: str
    kind: str
    name: str
    words: str = ""
    observed_at: datetime | None = None
    means: int = 0
    gap: str = ""


def around_of(entity_id: str, kind: str, doc: Mapping[str, Any], now: datetime, mode: Mode) -> Around:
    """The source of entity `entity_id` as it stands at `now`. An exercise's notice means nothing in an actual night."""
    name = _value(doc, "name") or entity_id.rsplit(":", 1)[-1]
    read = {"WeatherObserved": _rain, "DamObserved": _dam}.get(kind)
    words, means = read(doc) if read else _notice(doc, mode)
    at = _newest(doc)
    return Around(
        source=entity_id,
        kind=kind,
        name=str(name),
        words=words,
        observed_at=at,
        means=means,
        gap=_gap(str(name), kind, at, now, over=_value(doc, "ended") is True),
    )


def _rain(doc: Mapping[str, Any]) -> tuple[str, int]:
    parts = [f"{label} {value:g} mm" for name, label in _RAIN if (value := _number(doc, name)) is not None]
    return "、".join(parts), 0


def _dam(doc: Mapping[str, Any]) -> tuple[str, int]:
    level, inflow, outflow, storage, rate = (
        _number(doc, name) for name in ("reservoirLevel", "inflow", "outflow", "storageVolume", "storageRate")
    )
    parts = [
        f"貯水位 {level:.2f} m" if level is not None else "",
        f"流入量 {inflow:.1f} m³/s" if inflow is not None else "",
        f"放流量 {outflow:.1f} m³/s" if outflow is not None else "",
        f"貯水量 {storage / 1000:,.0f} 千m³" if storage is not None else "",
        f"貯水率 {rate:.0f} %" if rate is not None else "",
    ]
    return "、".join(part for part in parts if part), 0


def _notice(doc: Mapping[str, Any], mode: Mode) -> tuple[str, int]:
    kind, status, level = (_value(doc, name) for name in ("noticeKind", "noticeStatus", "warningLevel"))
    if kind not in list(NoticeKind):
        return "", 0
    over = _value(doc, "ended") is True
    parts = [
        f"【{MODE_NAMES[Mode(status)].ja}】" if status in (Mode.EXERCISE, Mode.TEST) else "",
        NOTICE_NAMES[NoticeKind(kind)].ja,
        f"（警戒レベル{level}相当）" if level else "",
        f" {_value(doc, 'headline') or ''}",
        "（解除）" if over else "",
    ]
    counts = not over and level in _MAYORS and (status == Mode.ACTUAL or mode is not Mode.ACTUAL)
    return "".join(parts).strip(), int(level) if counts and isinstance(level, int) else 0


def _gap(name: str, kind: str, at: datetime | None, now: datetime, *, over: bool) -> str:
    if kind == "FloodNotice":
        late = at is not None and not over and now - at > _SILENT_AFTER[kind]
        return f"{name}: 発表から1日以上たち、更新も解除も届いていません" if late else ""
    if at is None:
        return f"{name}: {_WORDS[kind]}が届いていません"
    if now - at > _SILENT_AFTER.get(kind, timedelta(hours=1)):
        return f"{name}: {_WORDS[kind]}の最後の値が{(now - at) // timedelta(minutes=1)}分前です"
    return ""


def _newest(doc: Mapping[str, Any]) -> datetime | None:
    times = [
        one["observedAt"] for one in doc.values() if isinstance(one, dict) and isinstance(one.get("observedAt"), str)
    ]
    return max(map(datetime.fromisoformat, times), default=None)


def _value(doc: Mapping[str, Any], name: str) -> Any:
    attribute = doc.get(name)
    return attribute.get("value") if isinstance(attribute, dict) else None


def _number(doc: Mapping[str, Any], name: str) -> float | None:
    value = _value(doc, name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
