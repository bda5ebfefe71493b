"""Where a subscriber may be: checked when it is added, so that a slip is told to who makes it. Pure."""

from __future__ import annotations

from email.headerregistry import Address

from broker.errors import Invalid
from services.notify.guard import url_fault

CHANNELS = ("webhook", "mail", "mqtt", "line", "mastodon", "x", "export")
"""Those to which an operator may send; a browser (`webpush`) is added by the person who uses it."""
TOKENED = frozenset({"line", "mastodon", "x"})
"""Those that an account's access token opens."""


def check_target(channel: str, target: str, *, allow_private: bool) -> None:
    """Return if `target` is one of `channel`'s. Raises `Invalid` naming what is wrong.

    A webhook's, a social network's (https://api.line.me), another system's (`export`) and a browser's at its push
    service is an https address (http only where private addresses are allowed), mail's an address, MQTT's one or more
    topic levels. Whether somebody is there is found out at delivery.
    """
    if channel in ("webhook", "webpush", "export") or channel in TOKENED:
        fault = url_fault(target, allow_private=allow_private)
    elif channel == "mail":
        fault = _mail_fault(target)
    elif channel == "mqtt":
        fault = _topic_fault(target)
    else:
        raise Invalid(f"{channel!r} is no channel; choose one of {', '.join(CHANNELS)}", field="channel")
    if fault:
        raise Invalid(f"{target!r} {fault}", field="target")


def _mail_fault(target: str) -> str | None:
    try:
        address = Address(addr_spec=target)
    except (ValueError, IndexError) as error:
        return f"is no mail address: {error}"
    return None if address.username and address.domain else "is no mail address: write name@domain"


def _topic_fault(target: str) -> str | None:
    if not target.strip("/") or any(character in target for character in "+#\0"):
        return "is no topic level: write a name without +, # or empty ends, such as signs/east"
    return None
