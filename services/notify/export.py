"""The channel `export`: a notice in another system's own form, made by a function that the city brings.

Lアラート and the prefectures' systems give their formats to those who register with them. Whoever has one writes a
function of this shape and names it in `CITYOS_NOTIFY_EXPORTER`; queue, retries and counts are those of every channel.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import httpx

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from broker.errors import Invalid
from services.notify.channel import NotDelivered, keep_from_public
from services.notify.posting import deliver
from services.notify.settings import NotifySettings


class Export(NamedTuple):
    """A document and its media type."""

    body: bytes
    media_type: str


Exporter = Callable[[Notice], Export | None]
"""Makes the document of a notice; None for one that the other system does not take. It is given actual notices alone:
exercises go to no public system. `notice.body` of an evacuation notice has `kind` (issue, correct, lift, withdraw),
`level`, `issuedAt`, the texts and the districts with their borders. Pure."""


def load_exporter(name: str) -> Exporter:
    """The function named as ``package.module:function``. Raises `Invalid` where there is none."""
    module, colon, function = name.partition(":")
    try:
        found = getattr(import_module(module), function) if colon else None
    except (ImportError, AttributeError, ValueError) as error:
        raise Invalid(f"the exporter {name!r} is not there: {error}", field="notify.exporter") from error
    if not callable(found):
        raise Invalid(f"{name!r} is no exporter: write package.module:function", field="notify.exporter")
    exporter: Exporter = found
    return exporter


class ExportChannel:
    """Posts each document to the subscriber's address; its secret, if any, is ``user:password`` there."""

    def __init__(self, exporter: Exporter, settings: NotifySettings) -> None:
        self._exporter, self._settings = exporter, settings
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. What the exporter cannot make a document of is a dead letter, which says why."""
        keep_from_public(notice)
        try:
            export = self._exporter(notice)
        except Exception as error:  # the city's own code: its faults are this delivery's alone
            raise NotDelivered(f"the exporter failed: {type(error).__name__}: {error}", final=True) from error
        if export is None:
            return
        headers = {"content-type": export.media_type, "x-message-id": notice.id}
        if subscriber.secret:
            headers["authorization"] = f"Basic {base64.b64encode(subscriber.secret).decode()}"
        await deliver(
            self._client,
            subscriber.target,
            export.body,
            headers,
            allow_private=self._settings.allow_private_targets,
            within=self._settings.timeout_s,
            gone=frozenset(),
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()
