"""What each role runs, one file for each. A role holds no state that the log or the database does not.

Any may be killed at any time, and most may run several times side by side. A role's file is imported only where the
role runs, so that no process holds more than it needs, and on one machine once for all (`cityos/nursery.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module

from broker.errors import Invalid
from cityos.settings import Settings

Role = Callable[[Settings, asyncio.Event], Coroutine[None, None, None]]
"""Runs until the event is set."""

ROLES = {
    "endpoint": "the city's own MQTT endpoint",
    "bridge": "takes from an existing MQTT broker",
    "writer": "from observations to entities, history and accounting",
    "relay": "from the outbox to a log outside the database",
    "alerting": "stages, quality and alerts of river gauges",
    "evacuation": "levels hours ahead, proposals for districts, and who has not answered them",
    "notifier": "deliveries to webhooks, by mail and over MQTT",
    "dispatch": "the plans of demand-responsive buses, improved within every promise",
    "points": "the points' books by the clock: time-outs, expiry, seals, closings; rewards for what the log tells of",
    "chargers": "the central system for charging stations (OCPP), and the load of their sites",
    "presence": "where the wearers of watch tags are, and what their families are told",
    "gateway": "the open API, the event streams and the pages",
}
"""Every role by the name that `cityos run` takes, which is its file's name here."""


def load_role(name: str) -> Role:
    """The function of role `name`. Raises `Invalid` where there is none."""
    if name not in ROLES:
        raise Invalid(f"{name!r} is not a role; choose one of {', '.join(sorted(ROLES))}", field="role")
    role: Role = import_module(f"cityos.roles.{name}").run
    return role
