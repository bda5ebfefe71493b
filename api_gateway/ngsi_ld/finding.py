"""What a query finds, here and at context sources, page by page (ETSI GS CIM 009, 5.7.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import orjson
from starlette.requests import Request

from access.seeing import Readable
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import TooManyResults
from api_gateway.federation.forwarding import Distribution
from api_gateway.federation.gating import may_see, places_matter, unconcealed
from api_gateway.federation.reads import View, Wish, chosen_by_csf, whole_query
from api_gateway.ngsi_ld.entity_maps import MOST_MEMBERS, make_map, told
from api_gateway.ngsi_ld.params import MAX_LIMIT, Page, pattern_blamed, shape_of
from api_gateway.ngsi_ld.represent import Shape, media_type
from api_gateway.ngsi_ld.selecting import matching, ordered
from broker.query.geo import GeoQuery
from broker.store import reading
from broker.store.entity_maps import HERE, EntityMap, Member
from broker.store.reading import AT_HAND, Document, Selection, columns_of
from broker.subscriptions.matching import Asked

Look = Callable[[Distribution | None, Wish], Awaitable[View]]
"""Finds what the sources and we have, as one view."""


async def found_everywhere(
    request: Request,
    caller: Caller,
    selection: Selection,
    geo: GeoQuery | None,
    concerns: Asked,
    shape: Shape,
    asked: Distribution | None,
    wish: Wish,
    candidates: Selection | None = None,
) -> View:
    """What is found here and elsewhere, from the page's offset on: one more than the page holds where there is more.

    Where the caller may read what lies in certain places only, the page is cut of what is left of everything. With
    `candidates` (splitEntities, 5.7.2) several may know parts of an entity: then these here and all that sources know
    of the kind are put together first, and `selection` is of the result. Raises `TooManyResults` for too many.
    """
    asked_page, total = wish.page, None
    placed = asked is not None and places_matter(request, caller, concerns.types)
    split = asked is not None and candidates is not None
    if split:
        wish = wish.unfiltered()
    if placed or split:
        wish = _of_everything(wish)
    page = wish.page
    # Where others answer too, a page is cut when all of them have: so everything up to it is needed from each.
    skipped = page.offset if asked is None else 0
    chosen, place = (candidates, None) if split and candidates is not None else (selection, geo)
    if wish.ids is not None:
        ids = wish.ids if chosen.ids is None else tuple(set(wish.ids).intersection(chosen.ids))
        chosen = chosen._replace(ids=ids)
    with pattern_blamed():
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            if asked is not None:
                asked = await chosen_by_csf(tx, asked, wish.params, wish.context)
                asked, wish = await unconcealed(tx, asked, wish, concerns.ids or ())
            chosen = ordered(await matching(tx, chosen, place), wish.order)
            limit = page.limit + 1 + page.offset - skipped
            found = await reading.select(tx, chosen, limit=limit, offset=skipped) if page.limit else []
            if page.counted:
                total = await reading.count(tx, chosen)
    if split and len(found) > MOST_MEMBERS:
        raise TooManyResults(f"with splitEntities at most {MOST_MEMBERS} entities are put together; name types or ids")
    if asked is None:
        return View(found, [], total, {document.id: [HERE] for document in found})
    view = await whole_query(asked, wish, found, total)
    only = None if selection.only_types is None else frozenset(selection.only_types)
    readable, gate = Readable(only, frozenset(selection.never_types)), gate_of(request)
    visible = [
        document
        for document in view.documents
        if may_see(readable, document.type)
        and (view.known_by.get(document.id) == [HERE] or gate.sees_from_afar(caller, document))
        and gate.sees(caller, document)
        and _has_wanted(document, shape, gate.hidden(caller, document.type))
    ]
    if placed:
        visible = await _not_barred_here(request, caller, visible, {document.id for document in found})
    if split:
        visible = await _fulfilling(request, caller, selection, geo, visible)
    if placed or split:
        view = view._replace(total=len(visible) if asked_page.counted else None)
    return view._replace(documents=visible[asked_page.offset :])


async def _fulfilling(
    request: Request, caller: Caller, selection: Selection, geo: GeoQuery | None, documents: list[Document]
) -> list[Document]:
    """Those of the entities, put together from what several know and judged by where they lie, that are selected."""
    at_hand = selection._replace(among=AT_HAND, at_hand=columns_of(documents), reaches=None)
    with pattern_blamed():
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            chosen = await matching(tx, at_hand, geo)
            found = {one.id for one in await reading.select(tx, chosen, limit=len(documents), offset=0)}
    return [document for document in documents if document.id in found]


async def _not_barred_here(
    request: Request, caller: Caller, documents: list[Document], found: set[str]
) -> list[Document]:
    """Without the entities that are known here, beside those `found`, and lie where the caller may not look: of these
    others are not heard either."""
    gate, others = gate_of(request), sorted({document.id for document in documents} - found)
    if not others:
        return documents
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        here = await reading.documents(tx, others)
    barred = {document.id for document in here.values() if not gate.sees(caller, document)}
    return [document for document in documents if document.id not in barred]


def _of_everything(wish: Wish) -> Wish:
    """All that the query finds, as far as anybody tells so much at once."""
    params = {**wish.params, "limit": str(MAX_LIMIT), "offset": "0"}
    return wish._replace(page=Page(MOST_MEMBERS, 0, counted=False), params=params)


async def by_map(
    request: Request, caller: Caller, listed: EntityMap | None, look: Look, asked: Distribution | None, wish: Wish
) -> tuple[View, list[tuple[bytes, bytes]]]:
    """The page of an entity map: of `listed`, or of one that is made of all that the query finds (5.7.2).

    Of the entities in the page those are shown that still match, each asked of the sources that knew it.
    """
    page = wish.page
    warnings: list[tuple[bytes, bytes]] = []
    if listed is None:
        whole = await look(asked, _of_everything(wish))
        members = [Member(document.id, tuple(whole.known_by[document.id])) for document in whole.documents]
        listed, warnings = await make_map(request, caller, members), whole.warnings
    part = listed.members[page.offset : page.offset + page.limit]
    known = {source for member in part for source in member.sources}
    if asked is not None:
        shares = [share for share in asked.shares if share.source.id in known]
        asked = asked._replace(shares=shares) if shares else None
    ids = tuple(member.entity for member in part)
    params = {name: value for name, value in wish.params.items() if name not in ("limit", "offset", "count")}
    own = wish._replace(
        page=Page(len(ids), 0, counted=False), params={**params, "id": ",".join(ids)}, body=None, ids=ids
    )
    view = await look(asked, own) if ids else View([], [])
    place = {id_: number for number, id_ in enumerate(ids)}
    shown = sorted((d for d in view.documents if d.id in place), key=lambda document: place[document.id])
    total = len(listed.members) if page.counted else None
    follows = page.offset + page.limit < len(listed.members)
    shape = shape_of(request, wish.context, wish.params)
    more = [told(listed), *page_headers(request, page, shape, more=follows, total=total)]
    return view._replace(documents=shown, warnings=[*warnings, *view.warnings]), more


def _has_wanted(document: Document, shape: Shape, hidden: frozenset[str]) -> bool:
    """Whether it has a member that pick or attrs names and that the caller may see."""
    names = shape.attrs if shape.pick is None else shape.pick
    return names is None or bool((names - hidden) & orjson.loads(document.text).keys())


def page_headers(
    request: Request, page: Page, shape: Shape, *, more: bool, total: int | None
) -> list[tuple[bytes, bytes]]:
    """NGSILD-Results-Count (6.3.13) and the links to the neighbouring pages (6.3.10)."""
    headers: list[tuple[bytes, bytes]] = []
    if total is not None:
        headers.append((b"ngsild-results-count", str(total).encode()))
    if page.limit and page.offset:
        headers.append(_neighbour(request, page, max(0, page.offset - page.limit), "prev", shape))
    if more and page.limit:
        headers.append(_neighbour(request, page, page.offset + page.limit, "next", shape))
    return headers


def _neighbour(request: Request, page: Page, offset: int, relation: str, shape: Shape) -> tuple[bytes, bytes]:
    params = {**dict(request.query_params), "limit": str(page.limit), "offset": str(offset)}
    link = f'<{request.url.path}?{urlencode(params)}>; rel="{relation}"; type="{media_type(shape)}"'
    return b"link", link.encode("latin-1")
