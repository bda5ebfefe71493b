"""Which earlier notices a new one takes the place of, and what of them still holds: what a CAP document must name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.ports import Transaction
from schemas.river import Mode
from services.evacuation import store
from services.evacuation.areas import District
from services.evacuation.orders import Kind, Order, Standing


async def replaced_by(
    tx: Transaction, kind: Kind, about: Order | None, held: Mapping[str, Standing]
) -> tuple[Order, ...]:
    """The notices that end with one of `kind`, the newest first.

    A correction or a withdrawal ends what it is about. Lifting ends all that was issued one upon the other in its
    districts: a level 3 beneath a level 4 must not come back as if it still held. An issue ends nothing, so that
    withdrawing it leaves what was there before.
    """
    if kind is not Kind.LIFT:
        return (about,) if about is not None else ()
    found: dict[str, Order] = {}
    for district, standing in held.items():
        name = standing.order
        while name is not None:
            order = found.get(name) or await _load(tx, name)
            found[name] = order
            name = order.before[district].order
    return tuple(sorted(found.values(), key=lambda order: -order.number))


async def left_of(
    tx: Transaction, mode: Mode, replaced: Sequence[Order], without: Mapping[str, int]
) -> list[tuple[Order, list[District]]]:
    """Of the notices replaced those that hold on in districts that are not in `without`, and where."""
    standing = await store.load_standing(tx, mode)
    districts = [one for one in await store.load_districts(tx) if one.id not in without]
    held = [(order, [d for d in districts if standing.get(d.id, Standing()).order == order.id]) for order in replaced]
    return [(order, where) for order, where in held if where]


async def _load(tx: Transaction, name: str) -> Order:
    found = await store.load_order(tx, name)
    assert found is not None, "a notice that holds is kept"
    return found[0]
