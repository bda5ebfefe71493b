"""The words of a notice from one template each: Japanese, plain Japanese (やさしい日本語) and English. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.clock import JST
from schemas.river import MODE_NAMES, Mode
from services.evacuation.levels import Edition
from services.evacuation.orders import KIND_NAMES, KIND_NAMES_EN, Kind

_ACT = {
    3: "避難に時間のかかる方（高齢の方、障害のある方など）は、危険な場所から避難してください。"
    "ほかの方も避難の準備をしてください。",
    4: "危険な場所にいる方は、全員避難してください。",
    5: "命の危険が迫っています。今いる場所より少しでも安全な場所へ、直ちに移ってください。",
}
_ACT_EASY = {
    3: "お年寄（としよ）りや 体（からだ）の 不自由（ふじゆう）な 人（ひと）は、今（いま）すぐ 逃（に）げて ください。",
    4: "危（あぶ）ない ところに いる 人（ひと）は、全員（ぜんいん） 今（いま）すぐ 逃（に）げて ください。",
    5: "命（いのち）が とても 危（あぶ）ないです。すぐに 安全（あんぜん）な ところへ 行（い）って ください。",
}
_ACT_EN = {
    3: "Older people and all who need time should leave dangerous places now. Everybody else, get ready.",
    4: "Everybody in dangerous places must evacuate now.",
    5: "Your life is in danger. Move at once to the safest place you can reach.",
}
_OVER = {
    Kind.LIFT: (
        "危険が下がったため、解除しました。川や崖には引き続き近づかないでください。",
        "もう 逃（に）げなくて いいです（解除・かいじょ）。川（かわ）には 近（ちか）づかないで ください。",
        "The danger has passed and the notice is lifted. Stay away from rivers and slopes.",
    ),
    Kind.WITHDRAW: (
        "この発令は誤りでした。取り消します。",
        "さっきの お知（し）らせは 間違（まちが）いでした。",
        "This notice was issued by mistake and is withdrawn.",
    ),
}
_FLASH = 40
"""Characters of one line of a CATV's L-shaped text."""


class Words(NamedTuple):
    """A notice in words."""

    headline: str
    text: str
    easy: str
    headline_en: str
    text_en: str
    flash: str


class Told(NamedTuple):
    """What is to be said: of which level, where, when and why. `districts` are (Japanese, English) names."""

    kind: Kind
    level: int
    mode: Mode
    districts: Sequence[tuple[str, str]]
    at: datetime
    note: str
    issuer: tuple[str, str]


def words_of(told: Told, edition: Edition) -> Words:
    """The notice in all its languages. An exercise says so at both ends, in each of them."""
    name = edition.levels[told.level] if told.level else None
    places = "、".join(ja for ja, _ in told.districts)
    places_en = ", ".join(en or ja for ja, en in told.districts)
    mark = "" if told.mode is Mode.ACTUAL else f"【{MODE_NAMES[told.mode].ja}】"
    mark_en = "" if told.mode is Mode.ACTUAL else f"[{MODE_NAMES[told.mode].en}] "
    level = f"警戒レベル{told.level} {name.ja}" if name else "避難の情報"
    level_en = f"Alert Level {told.level}, {name.en}" if name else "Evacuation notice"
    act, easy, act_en = _OVER.get(told.kind) or (_ACT[told.level], _ACT_EASY[told.level], _ACT_EN[told.level])
    local = told.at.astimezone(JST)
    when = f"{local.month}月{local.day}日{local.hour}時{local.minute:02d}分"
    headline = f"{mark}{level}（{KIND_NAMES[told.kind]}） {places}"
    lines = [headline, f"{when}、{told.issuer[0]}は次の地区に{level}を{KIND_NAMES[told.kind]}しました: {places}。", act]
    if told.note.strip():
        lines.append(told.note.strip())
    headline_en = f"{mark_en}{level_en} ({KIND_NAMES_EN[told.kind]}): {places_en}"
    lines_en = [
        headline_en,
        f"{KIND_NAMES_EN[told.kind]} by the {told.issuer[1]} at {local:%H:%M} on {local:%Y-%m-%d}.",
        act_en,
    ]
    easy_lines = [f"{mark}{places}の 人（ひと）へ。", easy]
    return Words(
        headline,
        "\n".join([*lines, *([mark] if mark else [])]),
        "\n".join(easy_lines),
        headline_en,
        "\n".join(lines_en),
        f"{mark}{level}{KIND_NAMES[told.kind]} {places}"[:_FLASH],
    )
