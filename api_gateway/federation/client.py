"""Asking context sources elsewhere: bounded in time, size and number; none of the city's own network unless allowed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
import orjson

from api_gateway.errors import SourceFailed, SourceSilent
from broker.errors import CityError
from broker.federation.source import Source
from broker.ports import Database
from broker.store import sources as store
from broker.store.sources import Tally
from services.notify.channel import NotDelivered
from services.notify.guard import resolve
from services.notify.posting import addressed

_AT_ONCE = 64
_MOST_KEPT = 512
_SETTLE_SECONDS = 5.0
_log = logging.getLogger(__name__)
_PREFIX = "/ngsi-ld/v1"
_PLAIN = ":/,;@!$'()*"
_LONGEST_SECONDS = 60.0
"""Whatever a registration says: what is asked holds one of the places for all questions."""

Parameters = Sequence[tuple[str, str]]


class Question(NamedTuple):
    """A request to a source; `path` from /ngsi-ld/v1 on."""

    method: str
    path: str
    parameters: Parameters
    headers: Mapping[str, str]
    body: bytes | None = None


class Answer(NamedTuple):
    """What a source answered: the body's JSON, None where there was none. `stale`: kept from before."""

    status: int
    headers: Mapping[str, str]
    content: Any
    stale: bool = False


class _Kept(NamedTuple):
    answer: Answer
    at: float


class SourceClient:
    """One per process. `seconds` is how long a source may take, `rest` how long one that took longer is left alone."""

    def __init__(
        self,
        *,
        seconds: float,
        rest: float,
        most_bytes: int,
        allow_private: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._rest = rest
        self._most_bytes = most_bytes
        self._allow_private = allow_private
        self._monotonic = monotonic
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE // 2)
        self._client = httpx.AsyncClient(timeout=None, limits=limits, follow_redirects=False, trust_env=False)  # noqa: S113
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._resting: dict[tuple[str, str], float] = {}
        self._kept: OrderedDict[object, _Kept] = OrderedDict()
        self._tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)

    async def ask(self, tenant: str, source: Source, question: Question) -> Answer:
        """The source's answer, whatever its status. Raises `SourceFailed`, `SourceSilent`.

        An answer to a GET is given again for the source's `cacheDuration`, and for ten times as long when the source
        fails (then it is `stale`).
        """
        key = _key(tenant, source, question)
        now = self._monotonic()
        kept = self._kept.get(key) if key is not None else None
        patience = source.management.cache or 0.0
        if kept is not None and now - kept.at < patience:
            return kept.answer
        try:
            answer = await self._ask(tenant, source, question)
        except SourceFailed:
            if kept is not None and now - kept.at < 10 * patience:
                return kept.answer._replace(stale=True)
            raise
        if key is not None and answer.status == httpx.codes.OK:
            self._kept[key] = _Kept(answer, now)
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return answer

    async def _ask(self, tenant: str, source: Source, question: Question) -> Answer:
        resting = self._resting.get((source.id, source.version), 0.0) - self._monotonic()
        if resting > 0:
            raise SourceSilent(f"{source.id} failed a moment ago and is left alone for {resting:.1f} s more")
        within = min(source.management.timeout or self._seconds, _LONGEST_SECONDS)
        try:
            async with asyncio.timeout(within):
                async with self._at_once:
                    answer = await self._exchange(source, question, within)
        except TimeoutError as error:
            self._count(tenant, source, failed=True)
            self._leave_alone(source, source.management.cooldown or self._rest)
            raise SourceSilent(f"{source.id} did not answer within {within:g} s") from error
        except (NotDelivered, httpx.HTTPError, httpx.InvalidURL, SourceFailed) as error:
            self._count(tenant, source, failed=True)
            self._leave_alone(source, source.management.cooldown or 0.0)
            raise SourceFailed(f"{source.id}: {error or type(error).__name__}") from error
        self._count(tenant, source, failed=answer.status >= httpx.codes.INTERNAL_SERVER_ERROR)
        return answer

    def _leave_alone(self, source: Source, seconds: float) -> None:
        if len(self._resting) >= _MOST_KEPT:
            now = self._monotonic()
            self._resting = {key: until for key, until in self._resting.items() if until > now}
        if seconds:
            self._resting[source.id, source.version] = self._monotonic() + seconds

    async def _exchange(self, source: Source, question: Question, within: float) -> Answer:
        base = source.endpoint.rstrip("/").removesuffix(_PREFIX)
        query = f"?{urlencode(question.parameters, safe=_PLAIN, quote_via=quote)}" if question.parameters else ""
        url = f"{base}{_PREFIX}{question.path}{query}"
        address = await resolve(url, allow_private=self._allow_private, within=within)
        headers = {"accept": "application/json", "accept-encoding": "identity", **question.headers}
        request = addressed(self._client, question.method, url, address, headers, question.body)
        response = await self._client.send(request, stream=True)
        try:
            return Answer(response.status_code, dict(response.headers), await self._content(response))
        finally:
            await response.aclose()

    async def _content(self, response: httpx.Response) -> Any:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self._most_bytes:
                raise SourceFailed(f"the answer is larger than {self._most_bytes} bytes")
        if not body:
            return None
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            if response.is_success:
                raise SourceFailed(f"the answer is not JSON: {error}") from error
            return None

    def _count(self, tenant: str, source: Source, *, failed: bool) -> None:
        was, now = self._tallies[tenant, source.id], datetime.now(UTC)
        self._tallies[tenant, source.id] = Tally(
            was.sent + 1,
            was.failed + failed,
            was.last_success if failed else now,
            now if failed else was.last_failure,
        )

    def tallies(self) -> dict[tuple[str, str], Tally]:
        """What came of asking, by tenant and registration, since this was last called."""
        taken, self._tallies = dict(self._tallies), defaultdict(Tally)
        return taken

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def keep_tallies(client: SourceClient, database: Database) -> None:
    """Write down, now and then, what came of asking; for as long as the process lives. What fails is told and lost."""
    while True:
        await asyncio.sleep(_SETTLE_SECONDS)
        for (tenant, source_id), tally in client.tallies().items():
            try:
                async with database.transaction(tenant) as tx:
                    await store.settle(tx, source_id, tally)
            except CityError as error:
                _log.warning("the counters of %s are not kept: %s", source_id, error)


_PASSING = ("via", "traceparent")


def _key(tenant: str, source: Source, question: Question) -> object:
    """By what an answer is found again; None where it is not kept."""
    if question.method != "GET" or not source.management.cache:
        return None
    headers = tuple(sorted(pair for pair in question.headers.items() if pair[0].lower() not in _PASSING))
    return tenant, source.id, source.version, question.path, tuple(question.parameters), headers
