"""What is delivered, and who takes it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from access.consent import Disclosure
from schemas.river import Mode


class Addressee(msgspec.Struct, frozen=True):
    """A person who asked to be told of a matter (`broker.delivery.personal`)."""

    person: str
    matter: str


class Notice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing to tell. `id` is stable: every attempt and every repetition carries the same.

    `kind` names what it is (``flood.alert``), `body` is what a program reads, `subject` and `text` what a person
    reads. `about` labels it for filters (``{"gauge": "124", "river": "天王川"}``); `grade` is its gravity, higher is
    graver. `staff` notices go only to subscribers that are staff, `private` ones only to those whose filter names their
    kind and every label of `about`. `topic` is where it goes under an MQTT prefix, `page` the city's own page that
    shows more (such as ``tags.html``).
    `trace` is the W3C trace context of what it came from, handed on to the receiver. What follows stays here and is
    asked again before each attempt: `disclosure` at the consent gate, and whether `addressee` still wants to hear of it
    at that place.
    """

    id: str
    kind: str
    mode: Mode
    subject: str
    text: str
    body: dict[str, Any]
    about: dict[str, str] = {}
    grade: int = 0
    staff: bool = False
    private: bool = False
    topic: str = ""
    page: str = ""
    trace: str | None = None
    disclosure: Disclosure | None = None
    addressee: Addressee | None = None


class Filter(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What a subscriber takes: only actual messages for the public unless it says otherwise.

    `kinds` (None: all), `modes`, the least `grade`, `staff` matters too, and for each label in `about` the values
    wanted.
    """

    kinds: tuple[str, ...] | None = None
    modes: tuple[Mode, ...] = (Mode.ACTUAL,)
    grade: int = 0
    staff: bool = False
    about: dict[str, tuple[str, ...]] = {}

    def takes(self, notice: Notice) -> bool:
        """Whether the subscriber gets `notice`."""
        return (
            notice.mode in self.modes
            and (self.kinds is None or notice.kind in self.kinds)
            and notice.grade >= self.grade
            and (self.staff or not notice.staff)
            and (not notice.private or (self.kinds is not None and notice.about.keys() <= self.about.keys()))
            and all(notice.about.get(label) in wanted for label, wanted in self.about.items())
        )


PUBLIC_CHANNELS = frozenset({"line", "mastodon", "x", "export"})
"""Those that everybody reads at the other end: social networks, and systems such as Lアラート."""


def for_the_public(notice: Notice) -> bool:
    """Whether anybody at all may read it: it is actual, and neither for staff nor about a person."""
    return notice.mode is Mode.ACTUAL and not notice.staff and not notice.private


def reaches(channel: str, wants: Filter, notice: Notice) -> bool:
    """Whether a subscriber of `channel` gets `notice`. No filter lets an exercise out to a public channel."""
    return wants.takes(notice) and (channel not in PUBLIC_CHANNELS or for_the_public(notice))


def back_off(failures: int, *, first: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row: doubling from `first`, at most `longest`."""
    return float(min(longest, first * 2.0 ** min(max(failures - 1, 0), 30)))
