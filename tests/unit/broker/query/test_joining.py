"""Linked entities inside and beside those that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.entities.represent import Shape
from broker.errors import Invalid
from broker.query.joining import Join, Loaded, joined
from broker.store.reading import Document

AT = datetime(2026, 7, 1, tzinfo=UTC)


def linked(name: str, *to: str) -> Loaded:
    entity: dict[str, Any] = {"id": name, "type": "Thing", "to": {"type": "Relationship", "object": list(to)}}
    return Loaded(entity, Document(name, ["Thing"], "", AT, AT, "{}"))


async def answer(found: Sequence[Loaded], there: Sequence[Loaded], join: Join) -> list[dict[str, Any]]:
    known = {one.document.id: one for one in there}

    async def load(ids: Sequence[str]) -> list[Loaded]:
        return [known[id_] for id_ in ids if id_ in known]

    def render(entity: dict[str, Any], document: Document, shape: Shape) -> dict[str, Any]:
        return {"id": document.id, "to": [one["id"] for one in entity["to"].get("entity", ())]} | (
            {"inside": entity["to"]["entity"]} if "entity" in entity["to"] else {}
        )

    return await joined(found, join, Shape(), load, render)


async def test_what_the_asker_has_is_neither_given_nor_followed() -> None:
    """4.5.23, 6.4.3.2: containedBy."""
    there = [linked("b", "d"), linked("c"), linked("d")]
    beside = await answer([linked("a", "b", "c")], there, Join(flat=True, level=2))
    assert [one["id"] for one in beside] == ["a", "b", "c", "d"]
    beside = await answer([linked("a", "b", "c")], there, Join(flat=True, level=2, within=frozenset({"b"})))
    assert [one["id"] for one in beside] == ["a", "c"]
    [inside] = await answer([linked("a", "b", "c")], there, Join(flat=False, level=2, within=frozenset({"b"})))
    assert inside["to"] == ["c"]


async def test_a_circle_is_shown_once_round() -> None:
    [inside] = await answer([linked("a", "b")], [linked("b", "c"), linked("c", "a", "b")], Join(flat=False, level=8))
    [b] = inside["inside"]
    [c] = b["inside"]
    assert (b["id"], c["id"], c["to"]) == ("b", "c", [])


async def test_what_many_are_linked_to_many_with_has_an_end() -> None:
    names = [f"n{number}" for number in range(30)]
    crowd = [linked(name, *names) for name in names]
    with pytest.raises(Invalid) as error:
        await answer(crowd[:1], crowd, Join(flat=False, level=8))
    assert error.value.field == "joinLevel"
    assert len(await answer(crowd[:1], crowd, Join(flat=True, level=8))) == 30
