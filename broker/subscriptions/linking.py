"""What a notification shows of entities, with those that they are linked to where it wants them (ETSI GS CIM 009,
4.5.23 in 5.8.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from broker.entities.represent import Shape
from broker.errors import Invalid
from broker.query.joining import Join, Loaded, joined
from broker.store.reading import Document
from broker.subscriptions.telling import hidden, shown_entity

Find = Callable[[Sequence[str]], Awaitable[list[Document]]]
"""The entities with these ids that the subscription's owner may see."""


async def shown_linked(
    doc: Mapping[str, Any], told: Sequence[Loaded], shape: Shape, find: Find
) -> list[dict[str, Any]]:
    """The entities in the subscription's shape, inside or beside them what they point to, if it wants that.

    Where that would be too much for one notification, they are told alone: their relationships can be followed.
    """
    said = doc["notification"]
    join = said.get("join", "@none")
    if join != "@none":

        async def load(ids: Sequence[str]) -> list[Loaded]:
            return [_seen(doc, Loaded(orjson.loads(document.text), document)) for document in await find(list(ids))]

        def render(entity: dict[str, Any], document: Document, own: Shape) -> dict[str, Any]:
            return shown_entity(doc, entity, document, own, None)

        wanted = Join(join == "flat", said.get("joinLevel", 1))
        try:
            return await joined([_seen(doc, one) for one in told], wanted, shape, load, render)
        except Invalid:
            pass
    return [shown_entity(doc, one.entity, one.document, shape, None) for one in told]


def _seen(doc: Mapping[str, Any], one: Loaded) -> Loaded:
    """Less what the owner may not see: a hidden relationship leads nowhere."""
    unseen = hidden(doc, one.document.type)
    return one._replace(entity={name: member for name, member in one.entity.items() if name not in unseen})
