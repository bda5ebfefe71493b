"""Who is asking, in which tenant, and whether they may: what every route asks before anything else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, cast

import orjson
from starlette.requests import Request

from access.delegation import guest_view, view_of
from access.policy import ANYONE, Action, Asks, Decision, Device, Policy, Readable, Resource, Subject
from access.reach import Reaches
from access.tokens import Refusal, TokenVerifier, Why
from api_gateway.errors import Unauthenticated
from api_gateway.oauth.keys import SigningKeys
from api_gateway.policies.book import Judge, PolicyBook
from api_gateway.usage.metering import Meter
from broker.errors import Forbidden, NotFound, UnknownTenant
from broker.store.reading import Document

_TENANT = re.compile(r"[a-z][a-z0-9_]{0,49}")
_TENANT_HEADER = b"ngsild-tenant"


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
        the same request, it answers the same and counts nothing. Raises `Unauthenticated` for a token that is not good,
        and `TooMany`.
        """
        if (known := request.scope.get("caller")) is not None and tenant is None:
            return cast(Caller, known)
        authorization = None
        for name, value in request.scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == _TENANT_HEADER:
                tenant = value.decode("latin-1")
        subject = self._stranger if authorization is None else await self._subject(authorization)
        if tenant and not _TENANT.fullmatch(tenant):
            raise UnknownTenant(f"there is no tenant named {tenant[:60]!r}")
        chosen = tenant or subject.tenant or self._default_tenant
        if subject.tenant is not None and subject.tenant != chosen:
            chosen = guest_view(chosen, subject.tenant)
        caller = Caller(subject, chosen)
        await self._policies.learn(caller.city)
        request.scope["caller"] = caller
        self._meter.take(subject, caller.city)
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

    def sees_change(self, caller: Caller, types: Collection[str], state: bytes | None) -> bool:
        """Whether the caller may be told of a change of an entity of these types, by where it lay after that. Of one
        too large to travel with its change (without `state`) only who may read its types wherever they lie."""
        judge, place = self._judge(caller), None
        if state is not None and judge.policy.asks_where(Action.READ, types):
            place = judge.policy.place_of(orjson.loads(state)["doc"].get("location"))
        asked = (Resource(caller.tenant, name, place=place) for name in types)
        return all(judge.decide(caller.subject, Action.READ, one).allowed for one in asked)

    def reaches(self, caller: Caller) -> Reaches | None:
        """The types of which the caller may read only what lies in certain places; None where there is none."""
        return self._judge(caller).reaches(caller.subject, caller.tenant)

    def readable(self, caller: Caller) -> Readable:
        """The types the caller may read, for filtering before a query runs."""
        return self._judge(caller).readable(caller.subject, caller.tenant)

    def askable(self, caller: Caller, asks: Asks) -> Readable:
        """The types of which the caller may find entities by what a query asks."""
        return self._judge(caller).askable(caller.subject, caller.tenant, asks)

    def hidden(self, caller: Caller, types: list[str]) -> frozenset[str]:
        """Attributes of entities of these types that the caller may not see."""
        judge = self._judge(caller)
        if len(types) == 1:
            return judge.hidden(caller.subject, caller.tenant, types[0])
        return frozenset().union(*(judge.hidden(caller.subject, caller.tenant, name) for name in types))

    def access(self, caller: Caller) -> dict[str, Any]:
        """All that the caller may see, to be kept with what it asks to be told (a subscription)."""
        return self._judge(caller).access(caller.subject, caller.tenant)

    def policy_of(self, caller: Caller) -> Policy:
        """The policy that decides about this caller's requests."""
        return self._judge(caller).policy

    def refusal(self, caller: Caller, decision: Decision) -> Forbidden | Unauthenticated:
        """The error for a No: a stranger is asked for a token, anybody else is told which rule decided."""
        version = self._judge(caller).policy.version
        told = f"{decision.explanation} (rule {decision.rule} of policy {version})"
        if caller.subject.kind == "anyone" and not decision.conceal:
            return Unauthenticated(told)
        return Forbidden(told)

    def _judge(self, caller: Caller) -> Judge:
        return self._policies.judge(caller.city)


def gate_of(request: Request) -> Gate:
    """The gate of the application that serves this request."""
    gate: Gate = request.app.state.gate
    return gate
