"""What every write over HTTP shares: who may, the body and its context, one transaction that is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from access.personal import about_of
from access.policy import Action
from api_gateway import audit
from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.body import read_json
from api_gateway.context import Gateway, gateway_of
from api_gateway.errors import InvalidParameter, NotJson, Unauthenticated
from api_gateway.ngsi_ld.context import JSON, JSON_LD, MERGE_PATCH, body_context, content_type, header
from api_gateway.ngsi_ld.owners import key_of
from api_gateway.ngsi_ld.snapshot_header import snapshot_said
from api_gateway.usage.metering import about
from broker import telemetry
from broker.entities.merge import EntityUpdate, merge
from broker.entities.parse import is_uri
from broker.errors import Conflict, Forbidden, Invalid, NotFound
from broker.jsonld.context import Context
from broker.models.model import Model
from broker.ports import Transaction
from broker.store import snapshots
from broker.store.entities import EntityWriter
from broker.store.reading import FROZEN, Document, Selection, documents
from broker.store.snapshot_writing import SnapshotWriter
from schemas.change import Change

_TRIES = 3

Decide = Callable[[dict[str, Document]], list[EntityUpdate]]
"""From the entities as they stand (locked) to what is applied. Called again after a collision; raises to refuse."""


Result = TypeVar("Result")
Work = Callable[[Transaction, EntityWriter, str | None], Awaitable[Result]]
"""What is done in a transaction, with the writer and the trace to give to what follows."""


class Writing(NamedTuple):
    """A request that writes: its caller and the application's parts."""

    request: Request
    gateway: Gateway
    gate: Gate
    caller: Caller
    models: Mapping[str, Model] = MappingProxyType({})
    """The models that entities are held to, by type."""
    snapshot: str | None = None
    """The snapshot of the caller's in which it writes; None for the present."""

    @property
    def writer(self) -> EntityWriter | SnapshotWriter:
        """What writes the state that the request is about."""
        if self.snapshot is not None:
            return SnapshotWriter(self.snapshot, key_of(self.caller.subject), self.gateway.clock())
        writer: EntityWriter = self.request.app.state.writer
        return writer

    async def stored(self, tx: Transaction, ids: Sequence[str], *, lock: bool = False) -> dict[str, Document]:
        """The entities among `ids` that there are; with `lock` nobody else changes them until the transaction ends."""
        if self.snapshot is None:
            return await documents(tx, ids, lock=lock)
        return (await self.writer.hold(tx, self.caller.tenant, ids)).documents

    async def among(self, tx: Transaction, selection: Selection) -> Selection:
        """`selection`, of what the request is about."""
        if self.snapshot is None:
            return selection
        await snapshots.use(tx, self.snapshot, key_of(self.caller.subject), self.gateway.clock())
        return selection._replace(among=FROZEN)

    def may(self, types: Iterable[str]) -> None:
        """Raise `Forbidden` or `Unauthenticated` where the caller may write no entity of these types. Whether it may
        write this one, `may_change` says, which everything that is written here passes (`apply`, `delete`)."""
        named = set(types)
        if self.snapshot is not None and about_of(named) is not None:
            raise Forbidden("a snapshot holds nothing about persons")
        self.gate.demand_write_some(self.caller, named)
        about(self.request, named)

    def may_touch(self, document: Document, types: Iterable[str] = (), *, known_as: str = "entity") -> None:
        """As `may`, for an entity that is there, to which `types` are added. Raises `NotFound` for one that the caller
        is not told of, in the words for one that is not there."""
        if self.gate.conceals(self.caller, document.type):
            raise NotFound(f"there is no {known_as} {document.id}")
        self.may([*document.type, *types])

    def may_elsewhere(self, types: Iterable[str], names: Collection[str] | None) -> None:
        """Raise where the caller may not write these attributes (None: any) of every entity of these types: what
        another broker holds is judged without being looked at."""
        self.gate.demand_write(self.caller, types, names, None)

    def may_change(
        self, before: Mapping[str, Any] | None, names: Collection[str] | None, after: Mapping[str, Any] | None
    ) -> None:
        """Raise where the caller may not write these attributes (None: any), where the entity lies or will lie."""
        for entity in (before, after):
            if entity is not None:
                types = entity["type"]
                self.gate.demand_write(self.caller, [types] if isinstance(types, str) else types, names, entity)

    async def apply(self, ids: Sequence[str], decide: Decide) -> list[Change]:
        """Apply what `decide` says about the entities `ids`, in one transaction."""
        with self._trace() as trace:
            return await self._apply(ids, decide, trace)

    async def _apply(self, ids: Sequence[str], decide: Decide, trace: str | None) -> list[Change]:
        writer = self.writer
        for attempt in range(_TRIES):
            try:
                async with self.gateway.database.transaction(self.caller.tenant) as tx:
                    held = await writer.hold(tx, self.caller.tenant, ids)
                    updates = decide(held.documents)
                    if not updates:
                        return []
                    self._hold_to_policy(held.documents, updates)
                    self._hold_to_models(held.documents, updates)
                    now = self.gateway.clock()
                    written = await writer.write(tx, self.caller.tenant, updates, at=now, trace=trace, held=held)
                    await self._note(tx, list(dict.fromkeys(update.id for update in updates)))
                    return written.changes
            except Conflict as error:
                if attempt == _TRIES - 1 or isinstance(error, AlreadyThere):
                    raise
        raise AssertionError("the last try returns or raises")

    async def transact(self, work: Work[Result]) -> Result:
        """Do `work` in one transaction of the caller's tenant, again where somebody else was quicker."""
        writer: EntityWriter = self.request.app.state.writer
        with self._trace() as trace:
            for attempt in range(_TRIES):
                try:
                    async with self.gateway.database.transaction(self.caller.tenant) as tx:
                        done = await work(tx, writer, trace)
                        await self._note(tx, [self.request.url.path])
                        return done
                except Conflict:
                    if attempt == _TRIES - 1:
                        raise
        raise AssertionError("the last try returns or raises")

    def hold_to_model(self, entity: Mapping[str, Any]) -> None:
        """Raise `Invalid` where the entity, as it would be, breaks the model of one of its types (strict mode)."""
        types = [entity["type"]] if isinstance(entity["type"], str) else entity["type"]
        for name in types:
            if (model := self.models.get(name)) is not None:
                model.check(entity)

    async def hold_history(self, types: Iterable[str], attributes: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """As `hold_to_model`, of values in time. In a thread: there may be many."""
        for name in types:
            if (model := self.models.get(name)) is not None:
                await asyncio.to_thread(model.check_instances, attributes)

    def _hold_to_policy(self, stored: Mapping[str, Document], updates: Sequence[EntityUpdate]) -> None:
        docs: dict[str, dict[str, Any]] = {}
        for update in updates:
            document = stored.get(update.id)
            types = {*update.type, *(document.type if document is not None else ())}
            if not self.gate.asks_where_written(self.caller, types):
                self.gate.demand_write(self.caller, types, update.attributes, None)
                continue
            before = docs.get(update.id)
            if before is None and document is not None:
                before = orjson.loads(document.text)
            docs[update.id] = after = merge(before, update).doc
            self.may_change(before, update.attributes, after)

    def _hold_to_models(self, stored: Mapping[str, Document], updates: Sequence[EntityUpdate]) -> None:
        if not self.models:
            return
        docs: dict[str, dict[str, Any]] = {id_: orjson.loads(document.text) for id_, document in stored.items()}
        for update in updates:
            docs[update.id] = merge(docs.get(update.id), update).doc
        for id_ in dict.fromkeys(update.id for update in updates):
            self.hold_to_model(docs[id_])

    async def delete(self, ids: Sequence[str]) -> list[Change]:
        """Delete entities; those that are not there are passed over."""
        with self._trace() as trace:
            return await self._delete(ids, trace)

    async def _delete(self, ids: Sequence[str], trace: str | None) -> list[Change]:
        async with self.gateway.database.transaction(self.caller.tenant) as tx:
            for document in (await self.stored(tx, ids, lock=True)).values():
                self.may_touch(document)
                entity = orjson.loads(document.text)
                self.may_change(entity, entity, None)
            gone = await self.writer.delete(tx, self.caller.tenant, ids, at=self.gateway.clock(), trace=trace)
            if gone:
                await self._note(tx, [change.entity for change in gone])
            return gone

    async def _note(self, tx: Transaction, objects: Sequence[str]) -> None:
        """Leave the request's one line in the audit trail, in the transaction that writes, however many it writes."""
        subject = self.caller.subject
        one = objects[0] if len(objects) == 1 else f"{len(objects)} entities"
        action = f"{'entities' if self.snapshot is None else 'snapshots'}.{self.request.method.lower()}"
        detail = "" if len(objects) == 1 else " ".join(objects)
        await audit.note(
            tx,
            self.request,
            audit.Line(action, one, subject.id, subject.client, audit.purpose_of(self.request), True, detail),
        )

    @contextmanager
    def _trace(self) -> Iterator[str | None]:
        """The caller's trace, continued: what follows from the write (an alert, its delivery) is part of it."""
        scope = self.request.scope
        with telemetry.span("write", scope.get("traceparent"), new=True) as trace:
            if trace:
                scope["trace"] = trace.split("-")[1]
            yield trace

    async def body(self, *, patch: bool = False) -> tuple[Any, Context]:
        """The body and the context of its names. Raises `NotJson` also for an empty one (5.5.2)."""
        if header(self.request, b"content-type") is None:
            # What is no JSON is told so; of what is, the sender is asked to say what it is.
            await read_json(self.request, self.gateway.settings.max_body_bytes)
        media = content_type(self.request, *((MERGE_PATCH,) if patch else ()))
        document = await read_json(self.request, self.gateway.settings.max_body_bytes)
        if not isinstance(document, Mapping):
            raise NotJson("the body must be a JSON object")
        if not document:
            raise Invalid("the body is empty; it must say something", field="$")
        if media == MERGE_PATCH:
            media = JSON_LD if isinstance(document, Mapping) and "@context" in document else JSON
        return document, await body_context(self.request, self.caller.tenant, document, media)


class AlreadyThere(Conflict):
    """The entity to be created exists."""


async def asking(request: Request) -> Writing:
    """The request as one that says in a body what it would read: anyone may ask, the policy holds for the answer."""
    gate = gate_of(request)
    return Writing(request, gateway_of(request), gate, await gate.caller(request))


async def writing(request: Request) -> Writing:
    """The request as one that writes. Raises `Unauthenticated` for a stranger."""
    ask = await asking(request)
    if ask.caller.subject.kind == "anyone":
        raise Unauthenticated("writing needs a token with the scope entities:write")
    snapshot = snapshot_said(request)
    if snapshot is not None and ask.caller.tenant != ask.caller.city:
        raise Forbidden("what another city gave to be read is in no snapshot")
    return ask._replace(models=await request.app.state.models.of(ask.caller.tenant), snapshot=snapshot)


async def managing(request: Request, service: str) -> Writing:
    """The request as one that manages subscriptions, registrations or contexts. Raises what `Gate.demand` raises."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.WRITE, f"service:{service}")
    return Writing(request, gateway_of(request), gate, caller)


def entity_id_of(request: Request) -> str:
    """The entity's id in the path. Raises `Invalid` for what is no URI."""
    entity_id: str = request.path_params["entity_id"]
    if not is_uri(entity_id):
        raise Invalid("the id in the path must be a URI, such as urn:ngsi-ld:WaterObserved:1", field="id")
    return entity_id


def only(request: Request, *known: str) -> None:
    """Raise `InvalidParameter` for a query parameter that the operation does not have."""
    for name in request.query_params:
        if name not in known and name not in ("local", "via"):
            raise InvalidParameter(f"there is no parameter {name!r} here", field=name)


def created(path: str) -> Response:
    """201 with where the new resource is."""
    return Response(status_code=201, headers={"Location": path})


def no_content() -> Response:
    """204."""
    return Response(status_code=204)


def multi_status(body: Mapping[str, Any]) -> Response:
    """207 with what was done and what was not (5.2.17, 5.2.18)."""
    return Response(orjson.dumps(body), 207, media_type=JSON)
