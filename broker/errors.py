"""The one tree of errors that the layers below the gateway raise. The gateway alone maps it to HTTP."""

from __future__ import annotations


class CityError(Exception):
    """The root. `str(error)` is a sentence that a person can act on."""


class Unavailable(CityError):
    """The log or the database does not answer at present. Retry later; nothing was decided."""


class Fenced(CityError):
    """Another consumer took this partition over; this transaction must not commit and was not."""


class NotFound(CityError):
    """There is no such thing for this tenant."""


class UnknownTenant(NotFound):
    """There is no such tenant at all."""


class Conflict(CityError):
    """It exists already, or has changed since it was read. `existing` is the id of what stands in the way, if known."""

    def __init__(self, message: str, *, existing: str | None = None) -> None:
        super().__init__(message)
        self.existing = existing


class Invalid(CityError):
    """The input is wrong. `field` names what, the message says why and what would be right."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Forbidden(CityError):
    """The caller may not. The message explains which rule decided."""


UNREADABLE = (CityError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a document may raise that was kept before its like were checked so closely: it is passed over, with a
line in the log, for one must not silence the others."""
