"""The registry of devices as an ordinary MQTT broker reads it: mosquitto's password file and access list.

Whoever comes in by such a broker may do there what the city's own endpoint allows: publish as itself, and hear the
commands to itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from broker.ingest.doorkeeper import MayPublish, anything, topics_of
from broker.store.devices import Device, broker_password

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOPIC = re.compile(r"[^\s\x00]+")


class Known(NamedTuple):
    """A device and what its password is checked against (None: its secret is older than that was kept)."""

    device: Device
    password: str | None


class LeftOut(NamedTuple):
    """A device that cannot come in by the broker, and why."""

    device: str
    why: str


class Bridge(NamedTuple):
    """The city's own user at the broker: it hears these topics, and brings every device its commands."""

    user: str
    password: str
    hears: tuple[str, ...] = ("city/#",)


class BrokerFiles(NamedTuple):
    """The two files, and who is in neither."""

    passwords: str
    acl: str
    left_out: list[LeftOut]


def broker_files(
    known: Iterable[Known], *, bridge: Bridge | None = None, may_publish: MayPublish = anything
) -> BrokerFiles:
    """The files for these devices and, where the city comes in there itself, for its bridge.

    Left out are suspended devices, those of which only certificates count, and names that the formats cannot hold.
    """
    passwords: list[str] = []
    acl: list[str] = []
    left_out: list[LeftOut] = []
    if bridge is not None:
        passwords.append(f"{bridge.user}:{broker_password(bridge.password)}")
        hears = [f"topic read {topic}" for topic in bridge.hears]
        acl.append("\n".join((f"user {bridge.user}", *hears, "topic write city/+/+/down/#")))
    for device, kept in known:
        name = f"{device.tenant}/{device.id}"
        publish, subscribe = topics_of(device, may_publish)
        fault = _fault(device, kept, (*publish, *subscribe))
        if fault is not None:
            left_out.append(LeftOut(name, fault))
            continue
        passwords.append(f"{name}:{kept}")
        rights = [*(f"topic write {topic}" for topic in publish), *(f"topic read {topic}" for topic in subscribe)]
        acl.append("\n".join((f"user {name}", *rights)))
    return BrokerFiles(_text(passwords, "\n"), _text(acl, "\n\n"), left_out)


def _fault(device: Device, kept: str | None, topics: Iterable[str]) -> str | None:
    if device.status == "suspended":
        return "suspended"
    if device.certificates is not None:
        return "only its certificates count, and those are checked at the city's own endpoint"
    if kept is None:
        return "its secret was made before passwords for brokers were kept: give it a new one"
    if not (_NAME.fullmatch(device.tenant) and _NAME.fullmatch(device.id)):
        return "its name has characters that a broker's files cannot hold"
    if not all(_TOPIC.fullmatch(topic) for topic in topics):
        return "its profile names a topic with blanks"
    return None


def _text(parts: list[str], between: str) -> str:
    return between.join(parts) + "\n" if parts else ""
