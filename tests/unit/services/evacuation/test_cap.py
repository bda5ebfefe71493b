"""An officer's notices as CAP 1.2: valid against the OASIS schema, whatever they are about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from lxml import etree

from schemas.river import Mode
from services.evacuation.areas import District
from services.evacuation.cap import Part, Source, cap_of
from services.evacuation.levels import national_levels
from services.evacuation.orders import Kind, Officer, Order, State
from services.evacuation.telling import identifier_of
from services.evacuation.wording import Place, Told, words_of
from tests.field import beside

NOW = datetime(2024, 7, 1, 2, 0, tzinfo=UTC)
RING = [[136.0, 35.9], [136.1, 35.9], [136.1, 36.0], [136.0, 35.9]]
HOLE = [[136.02, 35.91], [136.03, 35.91], [136.03, 35.92], [136.02, 35.91]]
DISTRICTS = (
    District(id="eba", name="江波", name_en="Eba", polygon={"type": "Polygon", "coordinates": [RING, HOLE]}),
    District(id="a&b", name="原目 <東>", polygon={"type": "MultiPolygon", "coordinates": [[RING], [RING]]}),
)
SOURCE = Source("evacuation@city.example", ("福井市長", "Mayor (Fukui)"), "182010")


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(beside("specs/cap/CAP-v1.2.xsd")))


def document(kind: Kind, level: int, mode: Mode, **more: Any) -> etree._Element:
    order = Order(
        id="12345678", number=7, kind=kind, state=State.ISSUED, mode=mode, level=level, districts=("eba", "a&b"),
        reason="上昇", note="", about=None, asked_by=Officer(id="1", name="佐藤"), asked_at=NOW, issued_at=NOW,
    )  # fmt: skip
    places = [Place(one.name, one.name_en, level, 0) for one in DISTRICTS]
    told = Told(kind, level, mode, places, NOW, "体育館 <2階> & 公民館", ("市長", "Mayor"))
    words = words_of(told, national_levels().on(date(2024, 7, 1)))
    earlier = ["evacuation@city.example,evacuation-6,2024-07-01T10:00:00+09:00"] if kind is not Kind.ISSUE else []
    text = cap_of(Part(order, words, DISTRICTS), identifier_of(order), SOURCE, earlier)
    return etree.fromstring(text.encode())


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("level", [3, 4, 5])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_notice_is_valid(schema: etree.XMLSchema, kind: Kind, level: int, mode: Mode) -> None:
    root = document(kind, level, mode)
    schema.assertValid(root)
    assert [one.text for one in root.iterfind("{*}info/{*}language")] == ["ja-JP", "en"]
    assert root.findtext("{*}status") == {"actual": "Actual", "exercise": "Exercise", "test": "Test"}[mode]
    polygons = root.findall("{*}info[1]/{*}area/{*}polygon")
    assert len(polygons) == 3, "CAP's polygons have no holes"
    assert "体育館 <2階> & 公民館" in (root.findtext("{*}info/{*}description") or "")
