"""The channels `line`, `mastodon` and `x`: a notice as a post of the city's own account. Each in its documented API.

A repetition after a lost answer is shown once. LINE and Mastodon take an id with a post: ``X-Line-Retry-Key``
(Messaging API, "Retrying a failed API request"), ``Idempotency-Key`` (API, "Post a new status"). X takes none, but
refuses the text of a post that is there (403, "duplicate content").
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx
import msgspec
from authlib.oauth1 import ClientAuth

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from services.notify.channel import NotDelivered, keep_from_public
from services.notify.posting import deliver
from services.notify.settings import NotifySettings

_POSTS = uuid.UUID("5f0c5c38-3d4b-5d0f-9d0e-4f6b1f2a7c11")
"""The name space of posts' ids."""


def utf16_units(text: str) -> int:
    """The length as LINE and Mastodon count it."""
    return len(text.encode("utf-16-le")) // 2


def x_weight(text: str) -> int:
    """The length as X counts it: Latin letters and the usual punctuation are one, others (all of Japanese) two, and an
    address is at least 23."""
    short = sum(max(0, 23 - len(address)) for address in _ADDRESS.findall(text))
    return short + sum(1 if any(ord(sign) in span for span in _LIGHT) else 2 for sign in text)


_ADDRESS = re.compile(r"https?://[!-~]+")
_LIGHT = (range(4352), range(0x2000, 0x200E), range(0x2010, 0x2020), range(0x2032, 0x2038))


class Service(NamedTuple):
    """One service: the path of its posts, the header of a post's id if it takes one, the body of a text, the most of a
    text by `length`, and which answers say that it has the post already: a status, and words of the body."""

    path: str
    id_header: str | None
    body: Callable[[str], Mapping[str, Any]]
    most: int
    known: Mapping[int, bytes] = {}
    length: Callable[[str], int] = utf16_units


LINE = Service(
    "/v2/bot/message/broadcast",
    "x-line-retry-key",
    lambda text: {"messages": [{"type": "text", "text": text}]},
    5000,
    {409: b""},
)
"""To everybody who has added the city's LINE account as a friend. 409: accepted before under this key."""
MASTODON = Service("/api/v1/statuses", "idempotency-key", lambda text: {"status": text, "visibility": "public"}, 500)
X = Service(
    "/2/tweets",
    None,
    lambda text: {"text": text},
    280,
    {403: b"duplicate content"},
    x_weight,
)
SERVICES = {"line": LINE, "mastodon": MASTODON, "x": X}


class SocialChannel:
    """Posts in the name of the account that the subscriber's secret opens; its target is the service's address."""

    def __init__(self, service: Service, settings: NotifySettings) -> None:
        self._service, self._settings = service, settings
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. A token that is refused waits for a better one: the queue is kept."""
        keep_from_public(notice)
        if not subscriber.secret:
            raise NotDelivered("the account has no access token; add it with `cityos subscriber add --token-file`")
        service, settings = self._service, self._settings
        url = subscriber.target.rstrip("/") + service.path
        headers = {
            "authorization": authorization(subscriber.secret, url),
            "content-type": "application/json",
            "accept-encoding": "identity",
        }
        if service.id_header is not None:
            headers[service.id_header] = str(uuid.uuid5(_POSTS, f"{subscriber.id} {notice.id}"))
        await deliver(
            self._client,
            url,
            msgspec.json.encode(service.body(post_text(notice, service.most, service.length))),
            headers,
            allow_private=settings.allow_private_targets,
            within=settings.timeout_s,
            gone=frozenset(),
            known=service.known,
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()


def authorization(secret: bytes, url: str) -> str:
    """The header that opens the account for a post to `url`.

    One word is an access token (Bearer). Four are the app's key and secret and the account's token and secret, with
    which the request is signed (OAuth 1.0a; by RFC 5849 3.4 a body that is no form is no part of it).
    """
    words = secret.decode("ascii", "replace").split()
    if len(words) != 4:
        return f"Bearer {' '.join(words)}"
    _, headers, _ = ClientAuth(*words).sign("POST", url, {}, b"")
    return str(headers["Authorization"])


def post_text(notice: Notice, most: int, length: Callable[[str], int] = utf16_units) -> str:
    """The text in at most so much as the service counts; cut at the end of a line where it is too long.

    The text begins with its headline; where it does not, the subject is put before it.
    """
    text = notice.text if notice.text.startswith(notice.subject) else f"{notice.subject}\n{notice.text}"
    if length(text) <= most:
        return text
    room = most - length("…")
    kept: list[str] = []
    for line in text.split("\n"):
        if length("\n".join([*kept, line])) > room:
            break
        kept.append(line)
    return "\n".join(kept).rstrip() + "…" if kept else _cut(text, room, length)


def _cut(text: str, room: int, length: Callable[[str], int]) -> str:
    while length(text) > room:
        text = text[:-1]
    return text + "…"
