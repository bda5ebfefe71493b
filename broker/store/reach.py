"""Queries by somebody who may read some types in certain places only: by the box and the scopes, then exactly."""

from __future__ import annotations

import asyncio

import orjson

from access.reach import Reach
from broker.ports import Transaction
from broker.query.scope import in_scopes
from broker.store import reading
from broker.store.reading import Selection, Where, in_box


async def settled(tx: Transaction, selection: Selection) -> Selection:
    """`selection` with its `reaches` made conditions: of each type concerned, which entities its reader may see (or,
    where it sees all but some, which it may not)."""
    reaches = selection.reaches
    selection = selection._replace(reaches=None)
    if reaches is None:
        return selection
    further = [await _settled(tx, selection, reach, reaches.named) for reach in reaches.by_type.values()]
    return selection._replace(where=(*selection.where, *further))


async def _settled(tx: Transaction, selection: Selection, reach: Reach, named: frozenset[str]) -> Where:
    concerned = Where("{0}::text = any(type)", (reach.type,))
    if reach.type == "*":
        concerned = Where("not type <@ {0}::text[]", (sorted(named),))
    candidates = await reading.placed(tx, _candidates(selection, reach, concerned))
    ids = await asyncio.to_thread(
        lambda: [i for i, text in candidates if reach.allows(orjson.loads(text)) is not reach.outside]
    )
    chosen = "id <> all({1}::text[])" if reach.outside else "id = any({1}::text[])"
    return Where(f"not ({concerned.sql}) or {chosen}", (*concerned.values, ids))


def _candidates(selection: Selection, reach: Reach, concerned: Where) -> Selection:
    """Of what is selected and concerned, what lies in the box or is in one of the scopes."""
    within = _within(reach)
    if reach.type != "*" and (selection.types is None or reach.type in selection.types):
        return selection._replace(types=(reach.type,), where=(*selection.where, within))
    # Asked for by another of its types, or of a type that the policy does not name.
    several = () if selection.types is None or reach.type == "*" else (Where("cardinality(type) > 1", ()),)
    return selection._replace(where=(*selection.where, *several, concerned, within))


def _within(reach: Reach) -> Where:
    if reach.box is None:
        return in_scopes(reach.scopes)
    boxed = in_box(*reach.box)
    if not reach.scopes:
        return boxed
    scoped = in_scopes(reach.scopes, len(boxed.values))
    return Where(f"({boxed.sql}) or ({scoped.sql})", (*boxed.values, *scoped.values))
