"""What every distributed operation shares: which sources, with which headers, all asked at once, failures told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request

from api_gateway.auth import Caller
from api_gateway.context import gateway_of
from api_gateway.errors import LoopDetected, SourceFailed
from api_gateway.federation.client import Answer, Parameters, Question, SourceClient
from api_gateway.ngsi_ld.context import header, link_to
from api_gateway.ngsi_ld.params import flag
from broker.federation.book import Page, SourceBook
from broker.federation.source import Share, Source
from broker.federation.via import MAX_HOPS, extended, passed_through
from broker.jsonld.context import Context
from broker.subscriptions.matching import Asked

_FROM_REQUEST = "urn:ngsi-ld:request"
_CONTEXT = "jsonldContext"
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect", "via", "content-type",
     "accept", "accept-encoding", "ngsild-tenant", "link"}
)  # fmt: skip
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_LOOP = 508


class Reply(NamedTuple):
    """What came of asking one source: its answer, or why there is none."""

    share: Share
    answer: Answer | None
    error: SourceFailed | None


class Distribution(NamedTuple):
    """A request that concerns sources elsewhere."""

    request: Request
    caller: Caller
    page: Page
    shares: list[Share]

    async def ask(
        self, shares: Sequence[Share], question: Callable[[Share], Question | None], context: Context | None
    ) -> list[Reply]:
        """Ask each share's source what `question` says of it (nothing where that is None), all at once.

        A source that the request came from (508) has nothing to add, and is passed over.
        """
        asked = [(share, made) for share in shares if (made := question(share)) is not None]
        replies = await asyncio.gather(*(self._ask(share, made, context) for share, made in asked))
        return [reply for reply in replies if reply.answer is None or reply.answer.status != _LOOP]

    async def _ask(self, share: Share, question: Question, context: Context | None) -> Reply:
        client: SourceClient = self.request.app.state.source_client
        source = share.source
        parameters = [*question.parameters, *([("local", "true")] if source.management.local_only else [])]
        headers = {**self._headers(source, context), **question.headers}
        made = question._replace(parameters=parameters, headers=headers)
        try:
            return Reply(share, await client.ask(self.caller.tenant, source, made), None)
        except SourceFailed as error:
            return Reply(share, None, error)

    def _headers(self, source: Source, context: Context | None) -> dict[str, str]:
        """Via, the tenant, the context, and what the registration wants said. A caller's token stays here."""
        headers = {"Via": extended(header(self.request, b"via"), self.page.alias), **constant_headers(source)}
        if context is not None and context.uri and not context.is_core:
            headers["Link"] = link_to(context)
        if trace := self.request.scope.get("traceparent"):
            headers["traceparent"] = trace
        for key, value in source.information:
            name = key.lower()
            if name in _OURS or key == _CONTEXT or value != _FROM_REQUEST or name in _SECRET:
                continue
            if (said := header(self.request, name.encode("latin-1"))) is not None:
                headers[key] = said
        return headers

    def warnings(self, replies: Sequence[Reply]) -> list[tuple[bytes, bytes]]:
        """NGSILD-Warning for each source that did not answer, or with what was kept from before (6.3.17)."""
        told = []
        for reply in replies:
            if reply.error is not None:
                told.append(f'199 {self.page.alias} "{_quotable(str(reply.error))}"')
            elif reply.answer is not None and reply.answer.stale:
                told.append(f'110 {self.page.alias} "{reply.share.source.id}: kept from before, it does not answer"')
        return [(b"ngsild-warning", text.encode("latin-1", "replace")) for text in told]


def constant_headers(source: Source) -> dict[str, str]:
    """The tenant, and what the registration wants said whoever asks."""
    said = {key: value for key, value in source.information if key.lower() not in _OURS and key != _CONTEXT}
    headers = {key: value for key, value in said.items() if value != _FROM_REQUEST}
    return headers if source.tenant is None else {**headers, "NGSILD-Tenant": source.tenant}


def _quotable(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


async def distribution(
    request: Request,
    caller: Caller,
    asked: Asked,
    params: Mapping[str, str] | None = None,
    *,
    history: bool = False,
) -> Distribution | None:
    """The sources that `asked` concerns, in the present or in `history`; None where it concerns none, or only what is
    here (local=true, 6.3.18, which type=* says as well, 6.4.3.2).

    Raises `LoopDetected` where the request has passed through here.
    """
    given = request.query_params if params is None else params
    if flag(given, "local") or given.get("type") == "*":
        return None
    book: SourceBook = request.app.state.sources
    page = await book.page(caller.tenant)
    if not page.sources:
        return None
    shares = page.shares(asked, gateway_of(request).clock(), history=history)
    if not shares:
        return None
    hops = await no_circle(request, caller)
    shares = [share for share in shares if share.source.alias not in hops]
    return Distribution(request, caller, page, shares) if shares else None


async def no_circle(request: Request, caller: Caller) -> tuple[str, ...]:
    """The brokers that the request has passed (6.3.18). Raises `LoopDetected` where this one is among them."""
    if (via := header(request, b"via")) is None:
        return ()
    book: SourceBook = request.app.state.sources
    hops = passed_through(via)
    if (await book.page(caller.tenant)).alias in hops or len(hops) >= MAX_HOPS:
        raise LoopDetected("the header Via shows that this request has been here; the registrations form a circle")
    return hops


def kept_parameters(params: Mapping[str, str], *dropped: str) -> Parameters:
    """The request's parameters, in their order, without those named and those that are about this broker alone."""
    return [(name, value) for name, value in params.items() if name not in dropped and name not in ("local", "via")]
