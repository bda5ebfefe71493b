"""The kinds of notice that agencies send when a river may flood or a dam lets water go."""

from __future__ import annotations

from enum import StrEnum

from schemas.river import Name


class NoticeKind(StrEnum):
    """What was announced, and by which law: 水防法 10, 13, 16 条, 河川法 48 条."""

    FLOOD_FORECAST = "flood-forecast"
    WATER_LEVEL = "water-level"
    FLOOD_FIGHTING = "flood-fighting"
    DAM_RELEASE = "dam-release"
    WEIR_RELEASE = "weir-release"


NOTICE_NAMES = {
    NoticeKind.FLOOD_FORECAST: Name("洪水予報", "Flood forecast"),
    NoticeKind.WATER_LEVEL: Name("水位周知情報", "Water level notice"),
    NoticeKind.FLOOD_FIGHTING: Name("水防警報", "Flood-fighting alert"),
    NoticeKind.DAM_RELEASE: Name("ダム放流通知", "Dam release notice"),
    NoticeKind.WEIR_RELEASE: Name("堰放流通知", "Weir release notice"),
}
