"""What may be asked of context sources: a question itself tells something, so the gates decide before it is sent.

No source is asked for a type that the caller may not read, nor for an entity that is known here and not for this
caller's eyes: the question would tell the neighbour who is looked for, and its answer be a transfer without a ground.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from starlette.requests import Request

from access.places import LOCATION
from access.seeing import Readable
from api_gateway.auth import Caller, gate_of
from api_gateway.federation.forwarding import Distribution
from api_gateway.federation.reads import Wish
from broker.ports import Transaction
from broker.store.reading import documents


def of_readable(
    asked: Distribution | None, types: Collection[str] | None, *, somewhere: bool = False
) -> Distribution | None:
    """`asked`, less the sources of nothing but types that the caller may not read, of `types` where those are stated;
    None where no source is left. What a source sends of other types is judged when it has come.

    Types of which the caller may read what lies in certain places are asked for by those who judge each entity that
    comes (`somewhere`).
    """
    if asked is None:
        return None
    gate = gate_of(asked.request)
    visible = gate.readable_somewhere(asked.caller) if somewhere else gate.readable(asked.caller)
    shares = []
    for share in asked.shares:
        anything = "*" in share.types or not share.types
        named = types if anything else share.types.intersection(share.types if types is None else types)
        seen = frozenset(name for name in named or () if may_see(visible, [name]))
        if seen or named is None:
            shares.append(share if anything else share._replace(types=seen))
    return asked._replace(shares=shares) if shares else None


def places_matter(request: Request, caller: Caller, types: Collection[str] | None) -> bool:
    """Whether the caller may read what lies in certain places only, of these types or (None) of any."""
    reaches = gate_of(request).reaches(caller)
    return reaches is not None and bool(reaches.about(types))


def with_place(wish: Wish) -> Wish:
    """The query with the place among the attributes asked for, so that what comes can be judged by it."""
    params, body = dict(wish.params), wish.body
    if "attrs" in params:
        params["attrs"] += f",{LOCATION}"
    if body is not None and "attrs" in body:
        body = {**body, "attrs": [*body["attrs"], LOCATION]}
    return wish._replace(params=params, body=body)


def may_see(visible: Readable, types: Iterable[str]) -> bool:
    """Whether an entity of these types is among what the caller may read."""
    named = set(types)
    return named.isdisjoint(visible.never) and (visible.only is None or named <= set(visible.only))


async def unconcealed(
    tx: Transaction, asked: Distribution, wish: Wish, ids: Collection[str]
) -> tuple[Distribution, Wish]:
    """The query (of these `ids`, where it names any) without the entities known here that the caller may not read."""
    named = frozenset(ids).union(*(share.ids or () for share in asked.shares))
    gate = gate_of(asked.request)
    there = await documents(tx, sorted(named)) if named else {}
    concealed = frozenset(id_ for id_, document in there.items() if not gate.sees(asked.caller, document))
    if not concealed:
        return asked, wish
    shares = [s if s.ids is None else s._replace(ids=s.ids - concealed) for s in asked.shares]
    shares = [share for share in shares if share.ids is None or share.ids]
    if ids and concealed.issuperset(ids):
        shares = []
    params = dict(wish.params)
    if "id" in params:
        params["id"] = ",".join(id_ for id_ in params["id"].split(",") if id_ not in concealed)
    body = None if wish.body is None else _body_without(wish.body, concealed)
    return asked._replace(shares=shares), wish._replace(params=params, body=body)


def _body_without(body: Mapping[str, Any], concealed: frozenset[str]) -> dict[str, Any]:
    """A query's body (5.2.23) without these ids, and without the selectors that name no others."""
    kept = []
    for selector in body.get("entities", ()):
        said = selector.get("id", ())
        left = [id_ for id_ in ([said] if isinstance(said, str) else said) if id_ not in concealed]
        if left or not said:
            kept.append({**selector, "id": left[0] if len(left) == 1 else left} if left else selector)
    return {**body, **({"entities": kept} if kept else {})}
