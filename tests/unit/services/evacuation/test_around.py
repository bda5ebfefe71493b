"""Rain, dams and notices beside a district's gauges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.clock import iso
from schemas.river import Mode
from services.evacuation.around import Around, around_of
from services.evacuation.proposals import propose

NOW = datetime(2023, 7, 13, 2, 0, tzinfo=UTC)
NOTICE = {
    "noticeKind": "flood-forecast",
    "noticeStatus": "actual",
    "warningLevel": 4,
    "headline": "天王川",
    "ended": False,
}


def around(kind: str, age: timedelta = timedelta(minutes=5), mode: Mode = Mode.ACTUAL, **values: Any) -> Around:
    doc: dict[str, Any] = {
        name: {"type": "Property", "value": value, "observedAt": iso(NOW - age)} for name, value in values.items()
    }
    return around_of(f"urn:ngsi-ld:{kind}:江波", kind, doc, NOW, mode)


def test_rain_and_dams_in_words() -> None:
    rain = around("WeatherObserved", precipitation10min=12.5, precipitation=43, precipitationTotal=181.5)
    assert (rain.name, rain.words) == ("江波", "10分雨量 12.5 mm、時間雨量 43 mm、累加雨量 181.5 mm")
    dam = around(
        "DamObserved", reservoirLevel=302.41, inflow=210.4, outflow=180, storageVolume=31_200_000, storageRate=92
    )
    assert dam.words == "貯水位 302.41 m、流入量 210.4 m³/s、放流量 180.0 m³/s、貯水量 31,200 千m³、貯水率 92 %"
    assert (rain.means, dam.means, rain.gap, dam.gap) == (0, 0, "", "")


@pytest.mark.parametrize(
    ("changes", "mode", "means"),
    [
        ({}, Mode.ACTUAL, 4),
        ({"warningLevel": 2}, Mode.ACTUAL, 0),
        ({"warningLevel": 0, "noticeKind": "dam-release"}, Mode.ACTUAL, 0),
        ({"ended": True}, Mode.ACTUAL, 0),
        ({"noticeStatus": "exercise"}, Mode.ACTUAL, 0),
        ({"noticeStatus": "exercise"}, Mode.EXERCISE, 4),
        ({"noticeStatus": "actual"}, Mode.EXERCISE, 4),
    ],
)
def test_which_notices_mean_a_level(changes: dict[str, Any], mode: Mode, means: int) -> None:
    found = around("FloodNotice", mode=mode, **{**NOTICE, **changes})
    assert found.means == means
    proposal = propose([], NOW, [found])
    assert proposal.level == means
    assert proposal.why == (f"江波 {found.words}" if means else "")


def test_an_exercise_and_an_end_are_said() -> None:
    assert around("FloodNotice", **{**NOTICE, "noticeStatus": "exercise"}).words.startswith("【訓練】洪水予報")
    assert around("FloodNotice", **{**NOTICE, "ended": True}).words.endswith("（解除）")


def test_silence_is_said() -> None:
    assert around("WeatherObserved").gap == "江波: 雨量が届いていません"
    assert around("DamObserved", timedelta(hours=3), inflow=3).gap == "江波: ダムの最後の値が180分前です"
    assert "解除も届いていません" in around("FloodNotice", timedelta(days=2), **NOTICE).gap
    assert around("FloodNotice", timedelta(days=2), **{**NOTICE, "ended": True}).gap == ""
    assert propose([], NOW, [around("WeatherObserved")]).missing[-1] == "江波: 雨量が届いていません"
