"""The words of a notice from one template each: Japanese, plain Japanese (やさしい日本語) and English. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    5: "命の危険が迫っています。今いる場所より少しでも安全な場所へ、直ちに移ってください。"
    "外へ出るのが危険なときは、建物の高い階や、崖から離れた部屋へ移ってください。",
}
_ACT_EASY = {
    3: "お年寄（としよ）り、体（からだ）の 不自由（ふじゆう）な 人（ひと）、"
    "小（ちい）さい 子（こ）どもが いる 人（ひと）は、今（いま）すぐ 逃（に）げて ください。\n"
    "ほかの 人（ひと）は、逃（に）げる 準備（じゅんび）を して ください。",
    4: "川（かわ）や 崖（がけ）の 近（ちか）くなど、危（あぶ）ない ところに いる 人（ひと）は、"
    "全員（ぜんいん） 今（いま）すぐ 逃（に）げて ください。",
    5: "命（いのち）が とても 危（あぶ）ないです。"
    "今（いま）すぐ、少（すこ）しでも 安全（あんぜん）な ところへ 行（い）って ください。\n"
    "外（そと）が 危（あぶ）ない ときは、外（そと）に 出（で）ないで、"
    "建物（たてもの）の 2階（かい）など 高（たか）い ところへ 行（い）って ください。",
}  # fmt: skip
_ACT_EN = {
    3: "Older people and all who need time should leave dangerous places now. Everybody else, get ready.",
    4: "Everybody in dangerous places must evacuate now.",
    5: "Your life is in danger. Move at once to the safest place you can reach. If it is dangerous outside, stay in and"
    " go to a higher floor.",
}
_DONE = {
    Kind.ISSUE: "に{level}を発令しました",
    Kind.CORRECT: "に出している{level}の内容を訂正しました（発令は続いています）",
    Kind.LIFT: "の{level}を解除しました",
    Kind.WITHDRAW: "に出した{level}を取り消しました",
}
"""What was done, after 「次の地区」."""
_OVER = {
    Kind.LIFT: (
        "危険が下がったため、解除しました。川や崖には引き続き近づかないでください。",
        "もう 逃（に）げなくて いいです（解除・かいじょ）。川（かわ）や 崖（がけ）には 近（ちか）づかないで ください。",
        "The danger has passed and the notice is lifted. Stay away from rivers and slopes.",
    ),
    Kind.WITHDRAW: (
        "この発令は誤りでした。取り消します。",
        "さっきの お知（し）らせは 間違（まちが）いでした（取消・とりけし）。",
        "This notice was issued by mistake and is withdrawn.",
    ),
}
_CORRECTED_EASY = "前（まえ）の お知（し）らせを 直（なお）しました（訂正・ていせい）。"
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


class Place(NamedTuple):
    """A district by its Japanese and English names, with the level that held there before and the one that does now."""

    ja: str
    en: str
    was: int = 0
    now: int = 0


class Told(NamedTuple):
    """What is to be said: of which level, where, when and why."""

    kind: Kind
    level: int
    mode: Mode
    places: Sequence[Place]
    at: datetime
    note: str
    issuer: tuple[str, str]


class Named(NamedTuple):
    """The notice's level by name, its districts, and what holds again after it: the gravest first."""

    level: str
    places: str
    left: Mapping[int, str]


def words_of(told: Told, edition: Edition) -> Words:
    """The notice in all its languages. An exercise says so at both ends, in each of them."""
    text, easy, text_en = _japanese(told, edition), _easy(told), _english(told, edition)
    mark, mark_en = "", ""
    if told.mode is not Mode.ACTUAL:
        mark, mark_en = f"【{MODE_NAMES[told.mode].ja}】", f"[{MODE_NAMES[told.mode].en}]"
        text, easy = [f"{mark}{text[0]}", *text[1:], mark], [f"{mark}{easy[0]}", *easy[1:], mark]
        text_en = [f"{mark_en} {text_en[0]}", *text_en[1:], mark_en]
    head = f"{mark}{_named(told, edition).level}{KIND_NAMES[told.kind]} "
    flash = flash_lines(head, [place.ja for place in told.places])
    return Words(text[0], "\n".join(text), "\n".join(easy), text_en[0], "\n".join(text_en), "\n".join(flash))


def _japanese(told: Told, edition: Edition) -> list[str]:
    """Lines; the first is the headline."""
    level, places, left = _named(told, edition)
    local = told.at.astimezone(JST)
    names = "、".join(place.ja for place in told.places)
    done = _DONE[told.kind].format(level=level)
    return [
        f"{level}（{KIND_NAMES[told.kind]}{'。前の発令は続いています' if left else ''}） {names}",
        f"{_hour(local)}、{told.issuer[0]}は次の地区{done}: {places}。",
        _OVER[told.kind][0] if told.kind in _OVER else _ACT[told.level],
        *(
            f"警戒レベル{number} {edition.levels[number].ja}は続いています: {where}。{_ACT[number]}"
            for number, where in left.items()
        ),
        *told.note.strip().splitlines(),
    ]


def _easy(told: Told) -> list[str]:
    """Lines for those who read little Japanese: short sentences, words set apart, each character with its reading."""
    names = "、".join(place.ja for place in told.places)
    lines = [f"{names}の 人（ひと）へ。{_hour(told.at.astimezone(JST))}の お知（し）らせです。"]
    if told.kind in _OVER:
        lines.append(_OVER[told.kind][1])
    else:
        lines += [_CORRECTED_EASY] if told.kind is Kind.CORRECT else []
        lines += [f"警戒（けいかい）レベル{told.level}です。", _ACT_EASY[told.level]]
    for number, where in _left(told, english=False).items():
        lines += [f"{where}の 警戒（けいかい）レベル{number}は 続（つづ）いて います。", _ACT_EASY[number]]
    return [*lines, *told.note.strip().splitlines()]


def _english(told: Told, edition: Edition) -> list[str]:
    """Lines; the first is the headline."""
    level, places, left = _named(told, edition, english=True)
    local = told.at.astimezone(JST)
    names = ", ".join(place.en or place.ja for place in told.places)
    done = KIND_NAMES_EN[told.kind]
    still = "; an earlier notice still holds" if left else "; still in force" if told.kind is Kind.CORRECT else ""
    return [
        f"{level} ({done}{still}): {names}",
        f"{done} by the {told.issuer[1]} at {local:%H:%M} on {local:%Y-%m-%d}: {places}.",
        _OVER[told.kind][2] if told.kind in _OVER else _ACT_EN[told.level],
        *(
            f"Alert Level {number}, {edition.levels[number].en}, still holds in {where}. {_ACT_EN[number]}"
            for number, where in left.items()
        ),
        *(f"From the city, in Japanese: {line}" for line in told.note.strip().splitlines()),
    ]


def _hour(local: datetime) -> str:
    return f"{local.month}月{local.day}日{local.hour}時{local.minute:02d}分"


def _named(told: Told, edition: Edition, *, english: bool = False) -> Named:
    """Where districts of several levels are lifted at once no level is that of all: each has its own in brackets."""

    def called(number: int) -> str:
        name = edition.levels[number]
        return f"Alert Level {number}, {name.en}" if english else f"警戒レベル{number} {name.ja}"

    between, opening, closing = (", ", " (", ")") if english else ("、", "（", "）")
    names = [(place, place.en or place.ja if english else place.ja) for place in told.places]
    left = _left(told, english=english)
    if told.kind is Kind.LIFT and len({place.was for place in told.places}) > 1:
        level = "Evacuation notices" if english else "避難の情報"
        places = between.join(f"{name}{opening}{called(place.was)}{closing}" for place, name in names)
        return Named(level, places, left)
    return Named(called(told.level), between.join(name for _, name in names), left)


def _left(told: Told, *, english: bool) -> dict[int, str]:
    """The levels that hold again after a withdrawal, the gravest first, and where."""
    left: dict[int, str] = {}
    for place in sorted(told.places, key=lambda one: -one.now):
        if told.kind is Kind.WITHDRAW and place.now:
            name = place.en or place.ja if english else place.ja
            before = f"{left[place.now]}{', ' if english else '、'}" if place.now in left else ""
            left[place.now] = f"{before}{name}"
    return left


def flash_lines(head: str, places: Sequence[str]) -> list[str]:
    """Lines of at most 40 characters for television, each with its head, which together name every place."""
    lines: list[str] = []
    for place in places:
        longer = f"{lines[-1]}、{place}" if lines else ""
        if lines and len(longer) <= _FLASH:
            lines[-1] = longer
        else:
            lines.append(f"{head}{place}"[:_FLASH])
    return lines
