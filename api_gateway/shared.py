"""Answers that many ask for at the same time: made once, kept for a moment, and not sent again to who has them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

_WORTH_PACKING = 1000


class Answer(NamedTuple):
    """A JSON body and its (weak) entity tag; the same packed with gzip, empty where it is too short to be worth it."""

    body: bytes
    etag: str
    packed: bytes = b""


class _Made(NamedTuple):
    started: float
    task: asyncio.Task[Answer]


class SharedAnswers:
    """Each answer is at most `seconds` older than who gets it, unless making it took longer.

    `key` must name everything that the answer depends on: tenant, audience, parameters. A failure is told to those who
    waited for it and is not kept. There is one entry for each key that ever succeeded, so keys must be few.
    """

    def __init__(self, seconds: float = 1.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._made: dict[Hashable, _Made] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer for `key`: one that is being made or was made just now, else what `make` gives."""
        now = self._monotonic()
        made = self._made.get(key)
        if made is None or (made.task.done() and now - made.started >= self._seconds):
            made = self._made[key] = _Made(now, asyncio.ensure_future(self._make(key, make)))
        # Shielded: others wait for it too when this one's caller has gone.
        return await asyncio.shield(made.task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return packed(await make())
        except BaseException:
            del self._made[key]
            raise


def packed(answer: Answer) -> Answer:
    """The answer with its packed form: once for all who get it."""
    return answer if len(answer.body) < _WORTH_PACKING else answer._replace(packed=gzip.compress(answer.body, 6))


def tag_of(*parts: bytes) -> str:
    """A weak entity tag (RFC 9110, 8.8.3) over `parts`."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
    return f'W/"{digest.hexdigest()}"'


def has_it(request: Request, etag: str) -> bool:
    """Whether the caller says that they hold what `etag` stands for (RFC 9110, 13.1.2; compared weakly)."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return bool(known & {"*", etag.removeprefix("W/")})


def conditional(request: Request, answer: Answer) -> Response:
    """The answer, or 304 to who has it (RFC 9110, 13.1.2)."""
    vary = "Authorization, NGSILD-Tenant, CityOS-Purpose, Accept-Encoding"
    return respond(request, answer, {"Cache-Control": "private, no-cache", "Vary": vary})


def respond(request: Request, answer: Answer, headers: Mapping[str, str]) -> Response:
    """The answer in the form that the caller reads, with `headers`, or 304 to who has it."""
    headers = {**headers, "ETag": answer.etag}
    if has_it(request, answer.etag):
        return Response(status_code=304, headers=headers)
    if answer.packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(answer.packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
    return Response(answer.body, media_type="application/json", headers=headers)
