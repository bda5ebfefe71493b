"""From what a query asks to what is selected: what the caller may see, in which order, and where."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from access.policy import Action
from access.seeing import Asks
from api_gateway.auth import Caller, Gate
from api_gateway.federation.gating import may_see
from api_gateway.ngsi_ld.params import Wanted
from api_gateway.ngsi_ld.represent import Shape
from broker.ports import Transaction
from broker.query.geo import GeoQuery
from broker.store import reading
from broker.store.reach import settled
from broker.store.reading import Selection, Where, has_seen
from broker.store.values import narrowed
from broker.subscriptions.matching import Asked

CORE = frozenset({"id", "type", "scope"})
"""The members of an entity that are no attributes."""


def selection_for(gate: Gate, caller: Caller, wanted: Wanted) -> Selection:
    """What the caller asked for, less what it may not see, or not find by what it asks. Raises when every type asked
    for is refused."""
    visible = gate.askable(caller, wanted.asks)
    if wanted.types and not any(may_see(visible, [name]) for name in wanted.types):
        _refuse(gate, caller, wanted.types[0], wanted.asks)
    return Selection(
        wanted.types,
        wanted.ids,
        wanted.id_pattern,
        wanted.attributes,
        None if visible.only is None else tuple(visible.only),
        tuple(visible.never),
        (*wanted.where, *seen(gate, caller, wanted.asks)),
        reaches=gate.reaches(caller),
    )


def seen(gate: Gate, caller: Caller, asks: Asks) -> list[Where]:
    """The conditions that entities have one of the attributes asked for that the caller may see: one that it may not
    see finds nothing beside others either."""
    hidden = gate.hidden_by_type(caller)
    return [has_seen(names, hidden) for names in asks.some if any(map(names.intersection, hidden.values()))]


def _refuse(gate: Gate, caller: Caller, type_: str, asks: Asks) -> None:
    gate.demand_some(caller, type_)
    for name in sorted(asks.every.union(*asks.some)):
        decision = gate.may(caller, Action.READ, type_, name)
        if not decision.allowed:
            raise gate.refusal(caller, decision)


async def matching(tx: Transaction, selection: Selection, geo: GeoQuery | None) -> Selection:
    """`selection` with its geo-query answered: by the box on the index, then exactly, in a thread of its own; and with
    what is known of declared attributes' values, and of where its reader may look."""
    selection = await settled(tx, await narrowed(tx, selection))
    if geo is None:
        return selection
    box = geo.box()
    boxed = selection if box is None else selection._replace(where=(*selection.where, box))
    near = await reading.candidates(tx, boxed, geo.property)
    ids = await asyncio.to_thread(lambda: tuple(i for i, text in near if geo.matches(orjson.loads(text))))
    return selection._replace(ids=ids)


def ordered(selection: Selection, order: Sequence[tuple[str, bool]]) -> Selection:
    """`selection` in the order asked for (orderBy); by id where nothing else tells."""
    if not order:
        return selection
    pieces: list[str] = []
    values: list[Any] = []
    for name, descending in order:
        way = " desc nulls last" if descending else " asc nulls last"
        if name in _COLUMNS:
            pieces.append(_COLUMNS[name] + way)
            continue
        attribute, _, last = name.rpartition(".")
        if attribute and last in _STAMPED:
            pieces.append(_STAMPED[last].format(f"{{{len(values)}}}::text") + way)
            values.append(attribute)
            continue
        pieces.append(f"(doc #> {{{len(values)}}}::text[])" + way)
        values.append([*name.split("."), "value"])
    return selection._replace(order=", ".join([*pieces, "id"]), order_values=tuple(values))


_STAMPED = {
    "createdAt": "coalesce((stamps ->> ('c:' || {0}))::timestamptz, created_at)",
    "modifiedAt": "coalesce((stamps ->> ('m:' || {0}))::timestamptz, created_at)",
}
_COLUMNS = {"id": "id", "type": "first_type", "createdAt": "created_at", "modifiedAt": "modified_at"}


def concern_of(wanted: Wanted, shape: Shape) -> Asked:
    """What the query asks, for comparison with registrations (5.12)."""
    names = wanted.attributes if wanted.attributes is not None else tuple((shape.pick or frozenset()) - CORE) or None
    return Asked(wanted.types, wanted.ids, wanted.id_pattern, names)
