"""The channels `line` and `mastodon`: a notice as a post of the city's own account. Each in its documented API.

Both take an id with a post, so that a repetition after a lost answer is shown once: LINE's ``X-Line-Retry-Key``
(Messaging API, "Retrying a failed API request"), Mastodon's ``Idempotency-Key`` (API, "Post a new status").
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx
import msgspec

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from services.notify.channel import NotDelivered
from services.notify.posting import deliver
from services.notify.settings import NotifySettings

_POSTS = uuid.UUID("5f0c5c38-3d4b-5d0f-9d0e-4f6b1f2a7c11")
"""The name space of posts' ids."""


class Service(NamedTuple):
    """One service: the path of its posts, the header of a post's id, the body of a text, the most characters, and the
    answers that say that it has the post already."""

    path: str
    id_header: str
    body: Callable[[str], Mapping[str, Any]]
    most: int
    known: frozenset[int] = frozenset()


LINE = Service(
    "/v2/bot/message/broadcast",
    "x-line-retry-key",
    lambda text: {"messages": [{"type": "text", "text": text}]},
    5000,
    frozenset({409}),
)
"""To everybody who has added the city's LINE account as a friend. 409: accepted before under this key."""
MASTODON = Service("/api/v1/statuses", "idempotency-key", lambda text: {"status": text, "visibility": "public"}, 500)
SERVICES = {"line": LINE, "mastodon": MASTODON}


class SocialChannel:
    """Posts with the account's access token, which is the subscriber's secret; its target is the service's address."""

    def __init__(self, service: Service, settings: NotifySettings) -> None:
        self._service, self._settings = service, settings
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. A token that is refused waits for a better one: the queue is kept."""
        if not subscriber.secret:
            raise NotDelivered("the account has no access token; add it with `cityos subscriber add --token-file`")
        service, settings = self._service, self._settings
        await deliver(
            self._client,
            subscriber.target.rstrip("/") + service.path,
            msgspec.json.encode(service.body(post_text(notice, service.most))),
            {
                "authorization": f"Bearer {subscriber.secret.decode('ascii', 'replace')}",
                "content-type": "application/json",
                service.id_header: str(uuid.uuid5(_POSTS, f"{subscriber.id} {notice.id}")),
            },
            allow_private=settings.allow_private_targets,
            within=settings.timeout_s,
            gone=frozenset(),
            known=service.known,
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()


def post_text(notice: Notice, most: int) -> str:
    """The text in at most so many UTF-16 units, as both services count; cut at the end of a line where it is too long.

    The text begins with its headline; where it does not, the subject is put before it.
    """
    text = notice.text if notice.text.startswith(notice.subject) else f"{notice.subject}\n{notice.text}"
    if _units(text) <= most:
        return text
    kept: list[str] = []
    for line in text.split("\n"):
        if _units("\n".join([*kept, line])) > most - 1:
            break
        kept.append(line)
    return "\n".join(kept).rstrip() + "…" if kept else _cut(text, most)


def _cut(text: str, most: int) -> str:
    while _units(text) > most - 1:
        text = text[:-1]
    return text + "…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
