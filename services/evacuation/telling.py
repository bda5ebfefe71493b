"""How a notice leaves: for the channels, and for the open map as an Alert entity of each district. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.delivery.notice import Notice
from broker.entities.merge import EntityUpdate
from schemas.clock import iso
from schemas.river import Mode
from services.evacuation.areas import District
from services.evacuation.orders import Order
from services.evacuation.wording import Words

KIND = "evacuation.order"
PROPOSED = "evacuation.proposal"
CONFIRM = "evacuation.confirmation"
MATTER = "evacuation"
"""As what residents ask to be told of it (`broker.delivery.personal`): in their browsers, by mail."""
LONGEST_LINE = 9
"""Steps that a filter can name; from there on everybody in line is told every time."""
_SEVERITY = {0: "informational", 3: "high", 4: "critical", 5: "critical"}


def identifier_of(order: Order) -> str:
    """The CAP identifier, unique in the city."""
    suffix = "" if order.mode is Mode.ACTUAL else f"-{order.mode}"
    return f"evacuation-{order.number}{suffix}"


def notice_of(order: Order, words: Words, districts: Sequence[District], url: str) -> Notice:
    """The notice for webhooks, mail and MQTT. An exercise's is for staff alone, whatever a filter asks for."""
    link = f"{url}/cap/evacuation/{order.number}.xml" if order.mode is Mode.ACTUAL else ""
    return Notice(
        id=identifier_of(order),
        kind=KIND,
        mode=order.mode,
        subject=words.headline,
        text="\n\n".join((words.text, words.easy, words.text_en, *([link] if link else []))),
        body={**public_body(order, words, districts), "cap": link},
        grade=order.level,
        staff=order.mode is not Mode.ACTUAL,
        topic="evacuation/orders",
    )


def resident_notice(order: Order, words: Words, url: str) -> Notice:
    """The notice for residents who asked for it: the words without the borders, which a small device has no use for."""
    body = {name: value for name, value in public_body(order, words, []).items() if name != "districts"}
    link = f"{url}/cap/evacuation/{order.number}.xml"
    return msgspec.structs.replace(notice_of(order, words, [], url), body={**body, "cap": link}, page="/")


def raised(notice: Notice, step: int) -> list[Notice]:
    """A notice that nobody answered, told for the `step`-th time again: to those told before, and to the next in line.

    They are variants of one notice, with one id, so that each subscriber gets the first that it takes. Who is next in
    line takes the kind with ``.unanswered``; who comes later names in the filter the `step` from which on.
    """
    again = msgspec.structs.replace(notice, id=f"{notice.id}-again{step}", subject=f"【未応答】{notice.subject}")
    line = [
        msgspec.structs.replace(again, kind=f"{notice.kind}.unanswered", about={**notice.about, "step": str(number)})
        for number in range(min(step, LONGEST_LINE), 0, -1)
    ]
    return [*line, again]


def proposal_notice(district: str, name: str, level: int, mode: Mode, number: str) -> Notice:
    """For staff: a proposal."""
    return Notice(
        id=f"{PROPOSED}-{mode}-{district}-{level}-{number}",
        kind=PROPOSED,
        mode=mode,
        subject=f"{name}: 警戒レベル{level}の検討を",
        text=f"{name}の水位計が警戒レベル{level}にあたる状況です。職員の画面で根拠を確かめ、判断してください。",
        body={"district": district, "name": name, "level": level, "status": mode},
        about={"district": district},
        grade=level,
        staff=True,
        topic=f"evacuation/proposals/{district}",
    )


def confirmation_notice(order: Order, words: Words) -> Notice:
    """For staff: a notice waits for a second person."""
    return Notice(
        id=f"{CONFIRM}-{order.id}",
        kind=CONFIRM,
        mode=order.mode,
        subject=f"【確認待ち】{words.headline}",
        text=f"{order.asked_by.name}さんが、もう1人の職員の確認を求めています（まだ出ていません）。\n\n{words.text}",
        body={"order": order.id, "kind": order.kind, "level": order.level, "status": order.mode},
        grade=order.level,
        staff=True,
        topic="evacuation/confirmations",
    )


def public_body(order: Order, words: Words, districts: Sequence[District]) -> dict[str, Any]:
    """What anybody may read of a notice: neither the officers nor counts of people in need of help."""
    return {
        "id": identifier_of(order),
        "kind": order.kind,
        "status": order.mode,
        "level": order.level,
        "issuedAt": iso(order.issued_at) if order.issued_at else None,
        "headline": words.headline,
        "text": words.text,
        "easy": words.easy,
        "headlineEn": words.headline_en,
        "textEn": words.text_en,
        "districts": [{"id": d.id, "name": d.name, "nameEn": d.name_en, "geometry": d.polygon} for d in districts],
    }


def district_alert(order: Order, words: Words, district: District, level: int) -> EntityUpdate:
    """The district's Alert entity as it stands after the notice. Only for actual notices: it is open data."""
    assert order.issued_at is not None, "a notice that waits is shown to nobody"
    values = {
        "category": "naturalDisaster",
        "subCategory": "evacuation",
        "severity": _SEVERITY[level],
        "warningLevel": level,
        "msgType": order.kind,
        "status": order.mode,
        "dateIssued": {"@type": "DateTime", "@value": iso(order.issued_at)},
        "headline": words.headline,
        "headlineEn": words.headline_en,
        "description": words.text,
        "data": {"capIdentifier": identifier_of(order)},
    }
    attributes: dict[str, Any] = {name: {"type": "Property", "value": value} for name, value in values.items()}
    attributes["location"] = {"type": "GeoProperty", "value": msgspec.to_builtins(district.polygon)}
    return EntityUpdate(f"urn:ngsi-ld:Alert:evacuation:{district.id}", ("Alert",), attributes, frozenset(attributes))
