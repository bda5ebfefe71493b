"""What a channel is: sends one notice to one subscriber, or says why not."""

from __future__ import annotations

from typing import Protocol

from broker.delivery.notice import Notice, for_the_public
from broker.delivery.queue import Subscriber


class NotDelivered(Exception):
    """The receiver does not have it. `final`: no further attempt of this delivery would help. `gone`: the receiver
    wants nothing any more. `wait`: it asked for so many seconds of pause."""

    def __init__(self, reason: str, *, final: bool = False, gone: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.final = final
        self.gone = gone
        self.wait = wait


def keep_from_public(notice: Notice) -> None:
    """Return if everybody may read it. The last door before a public channel, whatever is in its queue.

    Raises `NotDelivered`.
    """
    if not for_the_public(notice):
        raise NotDelivered(f"{notice.mode} or for staff: it never goes to a public channel", final=True)


class Channel(Protocol):
    """A way out. Has a time-out of its own and may be used by many tasks at once."""

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """Return when the receiver has the notice. Raises `NotDelivered`."""

    async def close(self) -> None:
        """Release connections."""
