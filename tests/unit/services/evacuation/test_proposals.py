"""What gauges mean for a district, and what they do not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from broker.errors import Invalid
from schemas.river import Mode, Quality, Stage, Trend
from services.evacuation.levels import national_levels, parse_levels
from services.evacuation.orders import Kind
from services.evacuation.proposals import Sign, propose
from services.evacuation.wording import Place, Told, Words, flash_lines, words_of

NOW = datetime(2023, 7, 13, 2, 0, tzinfo=UTC)


def sign(stage: Stage, trend: Trend = Trend.STEADY, **more: object) -> Sign:
    known = {"gauge": "urn:ngsi-ld:WaterObserved:1:2", "name": "江波", "quality": Quality.GOOD, "observed_at": NOW}
    return Sign(**{**known, "stage": stage, "trend": trend, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (sign(Stage.BELOW), 0),
        (sign(Stage.CAUTION, Trend.RISING), 3),
        (sign(Stage.CAUTION, Trend.RISING, evacuation=3.0), 0),
        (sign(Stage.CAUTION), 0),
        (sign(Stage.EVACUATION, Trend.FALLING), 3),
        (sign(Stage.DANGER), 4),
        (sign(Stage.OVERFLOW), 5),
        (sign(Stage.UNKNOWN), 0),
    ],
)
def test_what_a_stage_means(found: Sign, level: int) -> None:
    assert propose([found], NOW).level == level


def test_the_gravest_counts_and_comes_first() -> None:
    proposal = propose([sign(Stage.BELOW), sign(Stage.DANGER, gauge="b")], NOW)
    assert (proposal.level, proposal.evidence[0].sign.gauge) == (4, "b")


def test_what_is_missing_is_said_and_is_no_safety() -> None:
    old = sign(Stage.BELOW, observed_at=NOW - timedelta(hours=4), name="原目")
    proposal = propose([old, sign(Stage.UNKNOWN), sign(Stage.NONE), sign(Stage.DANGER, quality=Quality.SUSPECT)], NOW)
    assert [gap.split(": ")[1] for gap in proposal.missing] == [
        "最後の値が4時間前です",
        "水位が届いていません",
        "基準水位が設定されていません",
        "値の品質が「要確認」です",
    ]
    assert propose([], NOW).missing == ("この地区を受け持つ水位計がありません",)


def test_a_year_has_its_own_words() -> None:
    levels = national_levels()
    assert levels.on(date(2020, 7, 1)).levels[4].ja == "避難勧告・避難指示（緊急）"
    assert levels.on(date(2023, 7, 13)).levels[4].notice == "氾濫危険情報"
    assert levels.on(date(2026, 11, 21)).levels[4].notice == "レベル4氾濫危険警報"


@pytest.mark.parametrize("text", ["[]", "- {from: 2026-01-01, levels: {}}", "nonsense", "- {from: soon}", "{"])
def test_levels_that_are_wrong(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_levels(text)
    assert refused.value.field == "levels"


def words(kind: Kind, *places: Place, level: int = 4, note: str = "") -> Words:
    told = Told(kind, level, Mode.ACTUAL, places, NOW, note, ("市長", "Mayor"))
    return words_of(told, national_levels().on(NOW.date()))


def test_each_kind_says_what_it_is_in_every_language() -> None:
    said = {kind: words(kind, Place("江波", "Eba", 4, 0)) for kind in Kind}
    for kind, japanese, easy, english in [
        (Kind.CORRECT, "内容を訂正しました（発令は続いています）", "訂正・ていせい", "Corrected; still in force"),
        (Kind.LIFT, "の警戒レベル4 避難指示を解除しました", "解除・かいじょ", "Lifted"),
        (Kind.WITHDRAW, "に出した警戒レベル4 避難指示を取り消しました", "取消・とりけし", "Withdrawn"),
    ]:
        assert japanese in said[kind].text
        assert easy in said[kind].easy
        assert english in said[kind].headline_en
    assert len({one.easy for one in said.values()}) == len(Kind)


def test_a_lift_over_several_levels_names_that_of_each_district() -> None:
    lifted = words(Kind.LIFT, Place("江波", "Eba", 4), Place("原目", "", 3))
    assert lifted.headline == "避難の情報（解除） 江波、原目"
    assert "江波（警戒レベル4 避難指示）、原目（警戒レベル3 高齢者等避難）" in lifted.text


def test_a_withdrawal_says_what_still_holds() -> None:
    back = words(Kind.WITHDRAW, Place("江波", "Eba", 5, 3), Place("原目", "", 5, 0), level=5)
    assert "前の発令は続いています" in back.headline
    assert "警戒レベル3 高齢者等避難は続いています: 江波。" in back.text
    assert "江波の 警戒（けいかい）レベル3は 続（つづ）いて います。" in back.easy
    assert "still holds in Eba" in back.text_en
    assert "続いています" not in words(Kind.WITHDRAW, Place("江波", "Eba", 5, 0), level=5).text


def test_the_officers_sentence_is_in_every_language() -> None:
    said = words(Kind.ISSUE, Place("江波", "Eba"), note="体育館を開けました。")
    assert all("体育館を開けました。" in text for text in (said.text, said.easy, said.text_en))


def test_television_is_told_of_every_district() -> None:
    places = [f"第{number}地区" for number in range(20)]
    lines = flash_lines("警戒レベル4 避難指示発令 ", places)
    assert all(len(one) <= 40 and one.startswith("警戒レベル4 避難指示発令 ") for one in lines)
    assert "、".join(one.removeprefix("警戒レベル4 避難指示発令 ") for one in lines).split("、") == places


@pytest.mark.parametrize("kind", list(Kind))
def test_an_exercise_says_so_in_every_language(kind: Kind) -> None:
    told = Told(kind, 4, Mode.EXERCISE, [Place("江波", "Eba")], NOW, "", ("市長", "Mayor"))
    words = words_of(told, national_levels().on(NOW.date()))
    assert all("訓練" in text for text in (words.headline, words.text, words.easy, words.flash))
    assert "Exercise" in words.headline_en
    assert "Exercise" in words.text_en
