"""Retrieving and querying entities here and at the sources, as one view (ETSI GS CIM 009, 5.7.1, 5.7.2, 4.5.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request

from api_gateway.errors import SourceFailed
from api_gateway.federation.client import Question
from api_gateway.federation.forwarding import Distribution, Reply, kept_parameters
from api_gateway.ngsi_ld.context import JSON
from api_gateway.ngsi_ld.params import MAX_LIMIT, Page
from broker.entities.patch import instances
from broker.entities.represent import times_of
from broker.errors import CityError
from broker.federation.merging import LOCAL, RANK, Known, merged, received
from broker.federation.source import Share, narrowed
from broker.jsonld.context import Context
from broker.ports import Transaction
from broker.query.q import compile_q
from broker.store import sources
from broker.store.entity_maps import HERE
from broker.store.reading import Document
from broker.subscriptions.documents import REGISTRATION_MEMBERS
from broker.subscriptions.matching import Asked
from schemas.clock import iso

_MOST_ENTITIES = 10_000
_PAGED = frozenset({"limit", "offset"})
_SHAPING = ("options", "format", "sysAttrs", "pick", "omit", "lang", "geometryProperty", "join", "joinLevel",
            "containedBy", "splitEntities", "csf", "collation")  # fmt: skip
_FILTERS = frozenset({"q", "expandValues", "jsonKeys", "scopeQ", "georel", "geometry", "coordinates", "geoproperty",
                      "geoQ", "attrs", "attributes"})  # fmt: skip
_OF_OURS = frozenset({"pick", "omit", "lang", "join", "joinLevel", "csf"})
_EPOCH = "1970-01-01T00:00:00Z"


class View(NamedTuple):
    """Entities as all sources together know them, and the warnings of those that could not be asked."""

    documents: list[Document]
    warnings: list[tuple[bytes, bytes]]
    total: int | None = None
    known_by: Mapping[str, Sequence[str]] = MappingProxyType({})
    """By entity the registrations of the sources that know it, or "@none" for here."""


async def whole_entity(
    request: Request, asked: Distribution, entity_id: str, local: Document | None, context: Context
) -> tuple[Document | None, list[tuple[bytes, bytes]]]:
    """The entity as it is known here (`local`) and elsewhere (5.7.1)."""

    def question(share: Share) -> Question | None:
        attrs = narrowed(None, share.attributes)
        narrow = [("attrs", _compacted(attrs, context))] if attrs and "attrs" in request.query_params else []
        parameters = [*narrow, *_times_too(request.query_params)]
        if share.source.takes("retrieveEntity"):
            return Question("GET", f"/entities/{quote(entity_id, safe=':')}", parameters, {})
        return _query_for(share, context, [("id", entity_id), *parameters])

    replies = await asked.ask(asked.shares, question, context)
    known, faulty = _known(replies, context)
    if local is not None:
        known[entity_id].append(Known(LOCAL, _with_times(local)))
    warnings = asked.warnings([*replies, *faulty])
    found = known.get(entity_id)
    return (document_of(merged(found)) if found else None), warnings


class Wish(NamedTuple):
    """A query as it was asked: its parameters, and the body where it came by POST."""

    params: Mapping[str, str]
    context: Context
    page: Page
    order: Sequence[tuple[str, bool]]
    body: Mapping[str, Any] | None = None
    ids: tuple[str, ...] | None = None
    """None but these, where it is a page of an entity map."""

    def unfiltered(self) -> Wish:
        """The same for all the entities meant, whatever they are like: what is asked of sources where each may know a
        part of an entity that alone does not answer the query (splitEntities, 5.7.2)."""
        params = {name: value for name, value in self.params.items() if name not in _FILTERS}
        body = None if self.body is None else {n: value for n, value in self.body.items() if n not in _FILTERS}
        return self._replace(params=params, body=body)


async def whole_query(asked: Distribution, wish: Wish, local: Sequence[Document], here: int | None) -> View:
    """The entities that a query finds here (`local`, `here` in all) and elsewhere, in order (5.7.2).

    Each source is asked for everything up to the end of the page: an entity that several know is one of the first of
    each as it is of all together, where sources keep the same order.
    """
    page, context = wish.page, wish.context
    paging = [("limit", str(min(page.offset + page.limit, MAX_LIMIT)))] if _PAGED & wish.params.keys() else []
    paging += [("count", "true")] if page.counted else []
    base = kept_parameters(wish.params, *_SHAPING, *_PAGED, "count")
    more = [*_times_too(wish.params), *paging]

    def question(share: Share) -> Question | None:
        if wish.body is not None and share.source.takes("queryBatch"):
            return posted(wish.body, share, context, more)
        return _query_for(share, context, [*_narrow(base, share, context), *more])

    replies = await asked.ask(asked.shares, question, context)
    known, faulty = _known(replies, context)
    known_by = {entity_id: [one.source for one in ones] for entity_id, ones in known.items()}
    for document in local:
        known[document.id].append(Known(LOCAL, _with_times(document)))
        known_by.setdefault(document.id, []).append(HERE)
    found = [document_of(merged(one)) for one in known.values()]
    total = None
    if here is not None:
        twice = sum(map(len, known.values())) - len(known)
        total = here + sum(counted(reply) for reply in replies) - twice
    cut = [_cut(reply) for reply in replies if page.limit > MAX_LIMIT and _full(reply)]
    return View(in_order(found, wish.order), asked.warnings([*replies, *faulty, *cut]), total, known_by)


def _full(reply: Reply) -> bool:
    """Whether the source told as much as it was asked for: it may know more."""
    told = reply.answer.content if reply.answer is not None else None
    return isinstance(told, list) and len(told) >= MAX_LIMIT


def _cut(reply: Reply) -> Reply:
    why = f"{reply.share.source.id}: of what it knows only the first {MAX_LIMIT} entities were looked at"
    return Reply(reply.share, None, SourceFailed(why))


def _times_too(params: Mapping[str, str]) -> list[tuple[str, str]]:
    """Times of creation and change are asked for where they are wanted: few sources keep them as we do."""
    words = f"{params.get('options', '')},{params.get('format', '')}".split(",")
    return [("options", "sysAttrs")] if "sysAttrs" in words or params.get("sysAttrs") == "true" else []


def counted(reply: Reply) -> int:
    """How many entities the source says there are."""
    said = reply.answer.headers.get("ngsild-results-count", "") if reply.answer is not None else ""
    return int(said) if said.isdecimal() and len(said) < 10 else 0


def in_order(documents: list[Document], order: Sequence[tuple[str, bool]]) -> list[Document]:
    """As orderBy says; by id where nothing else tells. What has no such value comes last."""
    documents.sort(key=lambda document: document.id)
    for name, descending in reversed(order):
        values = {document.id: _value(document, name) for document in documents}
        there = [document for document in documents if values[document.id] is not None]
        there.sort(key=lambda document: _comparable(values[document.id]), reverse=descending)
        documents = there + [document for document in documents if values[document.id] is None]
    return documents


def _value(document: Document, name: str) -> Any:
    if name in ("createdAt", "modifiedAt"):
        return document.created_at if name == "createdAt" else document.modified_at
    value: Any = orjson.loads(document.text)
    for step in (*name.split("."), *(("value",) if name not in ("id", "type") else ())):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _comparable(value: Any) -> tuple[int, Any]:
    """Values of different kinds in some fixed order, as jsonb has one."""
    if isinstance(value, int | float):
        return 1, value
    return (2, value) if isinstance(value, str | datetime) else (3, orjson.dumps(value))


async def chosen_by_csf(
    tx: Transaction, asked: Distribution, params: Mapping[str, str], context: Context
) -> Distribution:
    """Only the sources that the context source filter lets pass (4.9, 5.7.2: csf)."""
    if (csf := params.get("csf")) is None:
        return asked
    registered = [doc for doc, _ in await sources.every(tx)]
    fitting = await sources.fitting(tx, compile_q(csf, context.expand), registered, REGISTRATION_MEMBERS)
    return asked._replace(shares=[share for share in asked.shares if share.source.id in fitting])


def _query_for(share: Share, context: Context, parameters: list[tuple[str, str]]) -> Question | None:
    """A query by GET, or by POST where the source takes only that; None where it takes neither."""
    wanted = dict(parameters)
    if "type" not in wanted and share.types:
        wanted = {"type": _compacted(sorted(share.types), context), **wanted}
    if share.source.takes("queryEntity"):
        return Question("GET", "/entities", list(wanted.items()), {})
    if not share.source.takes("queryBatch"):
        return None
    selector: dict[str, Any] = {"type": wanted.pop("type", "*")}
    if "id" in wanted:
        ids = wanted.pop("id").split(",")
        selector["id"] = ids[0] if len(ids) == 1 else ids
    body: dict[str, Any] = {"type": "Query", "entities": [selector]}
    if "idPattern" in wanted:
        selector["idPattern"] = wanted.pop("idPattern")
    if "attrs" in wanted:
        body["attrs"] = wanted.pop("attrs").split(",")
    body |= {name: wanted.pop(name) for name in ("q", "scopeQ") if name in wanted}
    body |= {name: wanted.pop(name).split(",") for name in ("expandValues", "jsonKeys") if name in wanted}
    if "georel" in wanted:
        body["geoQ"] = {name: wanted.pop(name) for name in _GEO if name in wanted}
    left = [(name, value) for name, value in wanted.items() if name in ("options", "limit", "count")]
    return Question("POST", "/entityOperations/query", left, {"content-type": JSON}, orjson.dumps(body))


_GEO = ("georel", "geometry", "coordinates", "geoproperty")


def _narrow(base: Iterable[tuple[str, str]], share: Share, context: Context) -> list[tuple[str, str]]:
    """The query's parameters, for what the registration says the source has."""
    given = dict(base)
    result = dict(given)
    if share.ids is not None:
        wanted = given["id"].split(",") if "id" in given else None
        result["id"] = ",".join(narrowed(wanted, share.ids) or ())
    if share.attributes is not None:
        wanted = [context.expand(name) for name in given["attrs"].split(",")] if "attrs" in given else None
        result["attrs"] = _compacted(narrowed(wanted, share.attributes) or (), context)
    return list(result.items())


def posted(body: Mapping[str, Any], share: Share, context: Context, parameters: list[tuple[str, str]]) -> Question:
    """The query's own body, for what the registration says the source has."""
    sent = {name: value for name, value in body.items() if name not in _OF_OURS}
    if share.attributes is not None:
        given = sent.pop("attributes", None) or sent.get("attrs")
        wanted = None if given is None else [context.expand(name) for name in given]
        sent["attrs"] = [context.compact(name) for name in narrowed(wanted, share.attributes) or ()]
    if share.ids is not None and "entities" in sent:
        ids = sorted(share.ids)
        sent["entities"] = [
            selector if "id" in selector else {**selector, "id": ids[0] if len(ids) == 1 else ids}
            for selector in sent["entities"]
        ]
    sent.pop("@context", None)
    return Question("POST", "/entityOperations/query", parameters, {"content-type": JSON}, orjson.dumps(sent))


def _compacted(names: Iterable[str], context: Context) -> str:
    return ",".join(context.compact(name) for name in names)


def _known(replies: Sequence[Reply], context: Context) -> tuple[defaultdict[str, list[Known]], list[Reply]]:
    """What the sources know, by entity; and the replies that are none, with why."""
    known: defaultdict[str, list[Known]] = defaultdict(list)
    faulty: list[Reply] = []
    for reply in replies:
        if reply.answer is None or reply.answer.status == 404:
            continue
        try:
            for entity in _entities(reply, context):
                known[entity["id"]].append(Known(RANK[reply.share.source.mode], entity, reply.share.source.id))
        except (CityError, TypeError) as error:
            why = SourceFailed(f"{reply.share.source.id}: {error}")
            faulty.append(Reply(reply.share, None, why))
    return known, faulty


def _entities(reply: Reply, context: Context) -> list[dict[str, Any]]:
    """The entities in an answer, each checked, and none but what the registration is about."""
    answer = reply.answer
    assert answer is not None
    if answer.status != 200:
        raise SourceFailed(f"it answered {answer.status}")
    listed = answer.content if isinstance(answer.content, list) else [answer.content]
    if len(listed) > _MOST_ENTITIES:
        raise SourceFailed(f"it answered more than {_MOST_ENTITIES} entities")
    found = [received(document, context.expand) for document in listed]
    share = reply.share
    return [_only(entity, share) for entity in found if share.ids is None or entity["id"] in share.ids]


def _only(entity: dict[str, Any], share: Share) -> dict[str, Any]:
    if share.attributes is None:
        return entity
    always = {"id", "type", "scope", "createdAt", "modifiedAt"}
    return {name: value for name, value in entity.items() if name in always or name in share.attributes}


def _with_times(document: Document) -> dict[str, Any]:
    """A stored entity with createdAt and modifiedAt in it, as others send theirs."""
    entity: dict[str, Any] = orjson.loads(document.text)
    times = times_of(iso(document.created_at), iso(document.modified_at), document.stamps)
    for name, attribute in entity.items():
        if name in ("id", "type", "scope"):
            continue
        created = times.stamps.get(f"c:{name}", times.created)
        for instance in instances(attribute):
            instance |= {"createdAt": created, "modifiedAt": times.stamps.get(f"m:{name}", created)}
    return entity | {"createdAt": times.created, "modifiedAt": times.modified}


def document_of(entity: dict[str, Any]) -> Document:
    """A merged entity in the form of a stored one, so that everything that shows entities can show it."""
    created = entity.pop("createdAt", None) or _EPOCH
    modified = entity.pop("modifiedAt", None) or created
    stamps: dict[str, str] = {}
    for name, attribute in entity.items():
        for instance in instances(attribute) if name not in ("id", "type", "scope") else ():
            stamps[f"c:{name}"] = min(instance.pop("createdAt", created), stamps.get(f"c:{name}", "9"))
            stamps[f"m:{name}"] = max(instance.pop("modifiedAt", modified), stamps.get(f"m:{name}", ""))
    types = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
    return Document(
        entity["id"],
        types,
        orjson.dumps(entity).decode(),
        datetime.fromisoformat(created),
        datetime.fromisoformat(modified),
        orjson.dumps(stamps).decode(),
    )


def asked_about(entity_id: str, params: Mapping[str, str], context: Context, names: Sequence[str] | None) -> Asked:
    """What a request about one entity asks."""
    said = params.get("type")
    types = None if said is None else [context.expand(name) for name in said.replace("|", ",").split(",")]
    return Asked(types, (entity_id,), None, names)
