"""A notice as a CAP 1.2 document (OASIS), with the districts' polygons. Pure.

A lifted notice is an Update with `responseType` AllClear; Cancel retracts one that should not have been issued.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lxml import etree

from broker.delivery.cap import NAMESPACE, STATUS, add, add_named, as_text, cap_time, tag
from services.evacuation.areas import District
from services.evacuation.orders import Kind, Order
from services.evacuation.wording import Words

_TYPE = {Kind.ISSUE: "Alert", Kind.CORRECT: "Update", Kind.LIFT: "Update", Kind.WITHDRAW: "Cancel"}
_SEVERITY = {3: "Moderate", 4: "Severe", 5: "Extreme"}
_URGENCY = {3: "Expected", 4: "Immediate", 5: "Immediate"}


class Source(NamedTuple):
    """Who sends: CAP's `sender`, the name shown (Japanese, English) and the municipality's code."""

    sender: str
    names: tuple[str, str]
    government_code: str


class Part(NamedTuple):
    """What is told of some districts: a notice, its words, and where they hold."""

    order: Order
    words: Words
    districts: Sequence[District]


def cap_of(part: Part, identifier: str, source: Source, earlier: Sequence[str], rest: Sequence[Part] = ()) -> str:
    """The document of a notice, valid against the OASIS schema.

    `earlier` are references ``sender,identifier,sent`` of the messages it takes the place of, and `rest` what those
    said that still holds elsewhere: a referenced message counts no more as a whole (CAP 1.2, 3.2.1 msgType), so the
    document says it again, and a withdrawal of a part is an Update too.
    """
    order, words, _ = part
    assert order.issued_at is not None, "a notice that waits has no document"
    root = etree.Element(tag("alert"), nsmap={None: NAMESPACE})
    add(root, "identifier", identifier)
    add(root, "sender", source.sender)
    add(root, "sent", cap_time(order.issued_at))
    add(root, "status", STATUS[order.mode])
    add(root, "msgType", "Update" if rest else _TYPE[order.kind])
    add(root, "scope", "Public")
    if order.kind is Kind.WITHDRAW:
        add(root, "note", f"{words.headline} / {words.headline_en}")
    if earlier:
        add(root, "references", " ".join(earlier))
    for one in (part, *rest):
        _infos(root, one, source)
    return as_text(root)


def _infos(root: etree._Element, part: Part, source: Source) -> None:
    order, words, districts = part
    assert order.issued_at is not None, "a notice that waits has no document"
    texts = (("ja-JP", "避難情報", words.headline, words.text), ("en", "Evacuation", words.headline_en, words.text_en))
    for which, (language, event, headline, text) in enumerate(texts):
        info = etree.SubElement(root, tag("info"))
        add(info, "language", language)
        add(info, "category", "Safety")
        add(info, "event", event)
        add(info, "responseType", _response(order))
        over = order.kind in (Kind.LIFT, Kind.WITHDRAW)
        add(info, "urgency", "Past" if over else _URGENCY[order.level])
        add(info, "severity", "Minor" if over else _SEVERITY[order.level])
        add(info, "certainty", "Observed")
        add_named(info, "eventCode", "warningLevel", str(order.level))
        add(info, "effective", cap_time(order.issued_at))
        add(info, "senderName", source.names[which])
        add(info, "headline", headline)
        add(info, "description", text)
        for district in districts:
            _area(info, district, source.government_code)


def _response(order: Order) -> str:
    if order.kind is Kind.LIFT:
        return "AllClear"
    return "None" if order.kind is Kind.WITHDRAW else "Evacuate" if order.level >= 4 else "Prepare"


def _area(info: etree._Element, district: District, government_code: str) -> None:
    area = etree.SubElement(info, tag("area"))
    add(area, "areaDesc", district.name)
    for ring in _rings(district.polygon):
        add(area, "polygon", " ".join(f"{point[1]:.5f},{point[0]:.5f}" for point in ring))
    add_named(area, "geocode", "district", district.id)
    if government_code:
        add_named(area, "geocode", "localGovernmentCode", government_code)


def _rings(polygon: dict[str, Any]) -> Iterator[list[list[float]]]:
    """The outer borders: CAP's polygons have no holes (CAP 1.2, 3.2.4)."""
    parts = polygon["coordinates"] if polygon["type"] == "MultiPolygon" else [polygon["coordinates"]]
    for part in parts:
        yield part[0]
