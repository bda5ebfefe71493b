"""Who is asking, in which tenant, and whether they may: what every route asks before anything else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import orjson
from starlette.requests import Request

from access.delegation import guest_view, view_of
from access.policy import ANYONE, Action, Decision, Device, Policy, Resource, Subject
from access.reach import Reaches
from access.seeing import Asks, Readable
from access.tokens import Refusal, TokenVerifier, Why
from api_gateway import audit
from api_gateway.errors import Unauthenticated
from api_gateway.oauth.keys import SigningKeys
from api_gateway.policies.book import Judge, PolicyBook
from api_gateway.usage.metering import Meter
from broker.errors import Forbidden, NotFound, UnknownTenant
from broker.store.reading import Document

_TENANT = re.compile(r"[a-z][a-z0-9_]{0,49}")
_TENANT_HEADER = b"ngsild-tenant"
_PURPOSE = audit.PURPOSE_HEADER.encode()


class Caller(NamedTuple):
    """Who asks, and the tenant whose data they ask about (or the view that their own city was given of it)."""

    subject: Subject
    tenant: str

    @property
    def city(self) -> str:
        """The tenant whose data are asked about."""
        return view_of(self.tenant).giver


class Gate:
    """The policy at the door: that of the municipality whose data are asked about."""

    def __init__(
        self,
        policies: PolicyBook,
        verifier: TokenVerifier,
        keys: SigningKeys,
        default_tenant: str,
        meter: Meter,
        stranger: Subject = ANYONE,
    ) -> None:
        self._policies = policies
        self._stranger = stranger
        self._verifier = verifier
        self._keys = keys
        self._default_tenant = default_tenant
        self._meter = meter

    async def caller(self, request: Request, *, tenant: str | None = None) -> Caller:
        """Who sent the request. The tenant is NGSILD-Tenant (6.3.14) or `tenant`, else the token's, else the default.

        A token of another city sees what was delegated to it: the database refuses it where nothing was. Asked again of
        the same request, it answers the same and counts nothing. Who states a purpose that opens something leaves a
        line in the audit trail. Raises `Unauthenticated` for a token that is not good, and `TooMany`.
        """
        if (known := request.scope.get("caller")) is not None and tenant is None:
            return cast(Caller, known)
        authorization = None
        purpose = ""
        for name, value in request.scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == _TENANT_HEADER:
                tenant = value.decode("latin-1")
            elif name == _PURPOSE:
                purpose = value.decode("latin-1")
        subject = self._stranger if authorization is None else await self._subject(authorization)
        if tenant and not _TENANT.fullmatch(tenant):
            raise UnknownTenant(f"there is no tenant named {tenant[:60]!r}")
        chosen = tenant or subject.tenant or self._default_tenant
        if subject.tenant is not None and subject.tenant != chosen:
            chosen = guest_view(chosen, subject.tenant)
        judge = await self._policies.learn(view_of(chosen).giver)
        if purpose and judge.policy.knows_purpose(purpose):
            subject = subject._replace(purpose=purpose)
        caller = Caller(subject, chosen)
        request.scope["caller"] = caller
        self._meter.take(subject, caller.city)
        if subject.purpose in judge.policy.opening and subject.kind != "anyone":
            line = audit.Line("purpose.state", request.url.path, subject.id, subject.client, subject.purpose)
            await audit.note_alone(request, caller.city, line)
        return caller

    async def _subject(self, authorization: str) -> Subject:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("the header Authorization must be: Bearer TOKEN", error="invalid_request")
        found = self._verifier.subject(token.strip())
        if isinstance(found, Refusal) and found.why is Why.UNKNOWN_KEY and await self._keys.refresh():
            self._verifier.use(self._keys.ring)
            found = self._verifier.subject(token.strip())
        if isinstance(found, Refusal):
            raise Unauthenticated(found.explanation, error="invalid_token")
        return found

    def may(self, caller: Caller, action: Action, type_: str, attribute: str | None = None) -> Decision:
        """The policy's answer about a type (or ``service:NAME``), or an attribute of it, in the caller's tenant."""
        return self._judge(caller).decide(caller.subject, action, Resource(caller.tenant, type_, attribute))

    def demand(self, caller: Caller, action: Action, type_: str, device: Device | None = None) -> None:
        """Return if the caller may; else raise `Forbidden` with the rule, or `Unauthenticated` for a stranger."""
        resource = Resource(caller.tenant, type_, device=device)
        decision = self._judge(caller).decide(caller.subject, action, resource)
        if not decision.allowed:
            raise self.refusal(caller, decision)

    def demand_whole(self, caller: Caller, type_: str, but: Collection[str] = ()) -> None:
        """As `demand` to read all of every entity of a type, for a route that cannot leave out what is hidden or lies
        elsewhere, except the attributes in `but`."""
        self.demand(caller, Action.READ, type_)
        for name in sorted(self.hidden(caller, [type_]).difference(but)):
            raise self.refusal(caller, self.may(caller, Action.READ, type_, name), f"the attribute {name}: ")

    def may_whole(self, caller: Caller, type_: str, but: Collection[str] = ()) -> bool:
        """Whether `demand_whole` returns."""
        return self.may(caller, Action.READ, type_).allowed and self.hidden(caller, [type_]) <= set(but)

    def demand_some(self, caller: Caller, type_: str) -> None:
        """As `demand` to read entities of a type, where not all of them need be: each is to be asked for (`sees`)."""
        judge = self._judge(caller)
        resource = Resource(caller.tenant, type_, place=judge.policy.somewhere)
        decision = judge.decide(caller.subject, Action.READ, resource)
        if not decision.allowed:
            raise self.refusal(caller, decision)

    def demand_entity(self, caller: Caller, document: Document, but: Collection[str] = ()) -> None:
        """As `demand` to read this entity, as far as it is of other types than `but`; what is concealed is said not to
        exist."""
        for decision in self._decisions(caller, document, but):
            if decision.conceal:
                raise NotFound(f"there is no entity {document.id}")
            if not decision.allowed:
                raise self.refusal(caller, decision)

    def demand_write(
        self,
        caller: Caller,
        types: Iterable[str],
        names: Collection[str] | None,
        entity: Mapping[str, Any] | None,
    ) -> None:
        """Return if the caller may write these attributes (None: any) of an entity of these types, where `entity` lies;
        without one, wherever it lies. Raises as `demand`, naming the attribute."""
        judge, types = self._judge(caller), list(types)
        place = None
        if entity is not None and judge.policy.asks_where(Action.WRITE, types):
            place = judge.policy.place_of(entity)
        for type_ in types:
            self._demand_written(caller, judge, Resource(caller.tenant, type_, place=place), names)

    def demand_write_some(self, caller: Caller, types: Iterable[str]) -> None:
        """As `demand_write`, where it may be some entities of these types, or some attributes of them, that the caller
        may write: each is to be asked for."""
        judge = self._judge(caller)
        for type_ in types:
            self._demand_written(caller, judge, Resource(caller.tenant, type_, place=judge.policy.somewhere), ())

    def _demand_written(self, caller: Caller, judge: Judge, asked: Resource, names: Collection[str] | None) -> None:
        named = judge.policy.named(Action.WRITE, asked.type)
        for name in (None, *sorted(named if names is None else named.intersection(names))):
            decision = judge.decide(caller.subject, Action.WRITE, asked._replace(attribute=name))
            if not decision.allowed:
                raise self.refusal(caller, decision, "" if name is None else f"the attribute {name}: ")

    def asks_where_written(self, caller: Caller, types: Collection[str]) -> bool:
        """Whether it makes a difference to this caller's writing where entities of these types lie."""
        return self._judge(caller).policy.asks_where(Action.WRITE, types)

    def conceals(self, caller: Caller, types: Iterable[str]) -> bool:
        """Whether the caller is not even told that an entity of these types exists."""
        judge = self._judge(caller)
        asked = (Resource(caller.tenant, type_) for type_ in types)
        return any(judge.decide(caller.subject, Action.READ, one).conceal for one in asked)

    def sees(self, caller: Caller, document: Document) -> bool:
        """Whether the caller may read this entity, where it lies."""
        return all(decision.allowed for decision in self._decisions(caller, document))

    def _decisions(self, caller: Caller, document: Document, but: Collection[str] = ()) -> Iterator[Decision]:
        judge = self._judge(caller)
        types = [name for name in document.type if name not in but]
        place = judge.place(Action.READ, types, document.text)
        for name in types:
            yield judge.decide(caller.subject, Action.READ, Resource(caller.tenant, name, place=place))

    def asks_where(self, caller: Caller, types: Collection[str]) -> bool:
        """Whether it makes a difference to this caller's reading where entities of these types lie."""
        return self._judge(caller).policy.asks_where(Action.READ, types)

    def sees_change(self, caller: Caller, types: Collection[str], placed: bytes | None) -> bool:
        """Whether the caller may be told of a change of an entity of these types, by its location and scopes (JSON)
        after that. Where those are unknown (None) only who may read its types wherever they lie."""
        judge, place = self._judge(caller), None
        if placed is not None and judge.policy.asks_where(Action.READ, types):
            place = judge.policy.place_of(orjson.loads(placed))
        asked = (Resource(caller.tenant, name, place=place) for name in types)
        return all(judge.decide(caller.subject, Action.READ, one).allowed for one in asked)

    def reaches(self, caller: Caller) -> Reaches | None:
        """The types of which the caller may read only what lies in certain places; None where there is none."""
        return self._judge(caller).reaches(caller.subject, caller.tenant)

    def readable(self, caller: Caller) -> Readable:
        """The types the caller may read, for filtering before a query runs."""
        return self._judge(caller).readable(caller.subject, caller.tenant)

    def readable_somewhere(self, caller: Caller) -> Readable:
        """The types of which the caller may read some entities: each is to be asked for (`sees`, `sees_from_afar`)."""
        return self._judge(caller).askable(caller.subject, caller.tenant, Asks())

    def sees_from_afar(self, caller: Caller, document: Document) -> bool:
        """As `sees`, of an entity that others told of: where they say no place it may lie anywhere."""
        reaches = self.reaches(caller)
        return self.sees(caller, document) and (
            reaches is None or reaches.allow_of(document.type, orjson.loads(document.text))
        )

    def askable(self, caller: Caller, asks: Asks) -> Readable:
        """The types of which the caller may find entities by what a query asks."""
        return self._judge(caller).askable(caller.subject, caller.tenant, asks)

    def hidden(self, caller: Caller, types: list[str]) -> frozenset[str]:
        """Attributes of entities of these types that the caller may not see."""
        judge = self._judge(caller)
        if len(types) == 1:
            return judge.hidden(caller.subject, caller.tenant, types[0])
        return frozenset().union(*(judge.hidden(caller.subject, caller.tenant, name) for name in types))

    def hidden_by_type(self, caller: Caller) -> Mapping[str, frozenset[str]]:
        """What each type hides from the caller, for filtering by attributes: see `broker.store.reading.unhidden`."""
        return self._judge(caller).hidden_by_type(caller.subject, caller.tenant)

    def access(self, caller: Caller) -> dict[str, Any]:
        """All that the caller may see, to be kept with what it asks to be told (a subscription)."""
        return self._judge(caller).access(caller.subject, caller.tenant)

    def policy_of(self, caller: Caller) -> Policy:
        """The policy that decides about this caller's requests."""
        return self._judge(caller).policy

    def refusal(self, caller: Caller, decision: Decision, about: str = "") -> Forbidden | Unauthenticated:
        """The error for a No: a stranger is asked for a token, anybody else is told which rule decided."""
        version = self._judge(caller).policy.version
        told = f"{about}{decision.explanation} (rule {decision.rule} of policy {version})"
        if caller.subject.kind == "anyone" and not decision.conceal:
            return Unauthenticated(told)
        return Forbidden(told)

    def _judge(self, caller: Caller) -> Judge:
        return self._policies.judge(caller.city)


def gate_of(request: Request) -> Gate:
    """The gate of the application that serves this request."""
    gate: Gate = request.app.state.gate
    return gate
