"""The registry of devices as an ordinary MQTT broker reads it: a file of passwords and an access list.

Whoever comes in by such a broker may do there what the city's own endpoint allows: publish as itself, and hear the
commands to itself. The forms are mosquitto's (mosquitto_passwd(1), mosquitto.conf(5), acl_file) and EMQX 5's (users of
its built-in database as CSV, and acl.conf).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from broker.ingest.doorkeeper import MayPublish, anything, topics_of
from broker.store.devices import Device, broker_password, secret_hash

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Known(NamedTuple):
    """A device and what mosquitto checks its password against (None: its secret is older than that was kept)."""

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


class Form(NamedTuple):
    """How a broker wants its files.

    `kept` is what a device's password is checked against, None where that is not known, and `hashed` the same of a
    password at hand; `account` and `rights` are a user's part of either file, `head` and `end` what stands around them.
    `topic` matches the topics that the access list can hold.
    """

    kept: Callable[[Known], str | None]
    hashed: Callable[[str], str]
    account: Callable[[str, str], str]
    rights: Callable[[str, Iterable[str], Iterable[str]], str]
    topic: re.Pattern[str]
    head: str = ""
    end: str = ""


def _topics_of_mosquitto(user: str, publish: Iterable[str], subscribe: Iterable[str]) -> str:
    rights = [*(f"topic write {topic}" for topic in publish), *(f"topic read {topic}" for topic in subscribe)]
    return "\n".join((f"user {user}", *rights)) + "\n\n"


MOSQUITTO = Form(
    kept=lambda known: known.password,
    hashed=broker_password,
    account=lambda user, kept: f"{user}:{kept}\n",
    rights=_topics_of_mosquitto,
    topic=re.compile(r"[^\s\x00]+"),
)


def _rules_of_emqx(user: str, publish: Iterable[str], subscribe: Iterable[str]) -> str:
    rules = ""
    for action, topics in (("publish", publish), ("subscribe", subscribe)):
        if listed := ", ".join(f'"{topic}"' for topic in topics):
            rules += f'{{allow, {{username, "{user}"}}, {action}, [{listed}]}}.\n'
    return rules


EMQX = Form(
    # Of our own secrets, long and random, EMQX's sha256 without a salt is what the registry keeps already.
    kept=lambda known: known.device.secret_hash.hex() if known.device.secret_hash else None,
    hashed=lambda password: secret_hash(password).hex(),
    account=lambda user, kept: f"{user},{kept},,false\n",
    rights=_rules_of_emqx,
    # A string of Erlang's, in which EMQX puts values for ${...}.
    topic=re.compile(r"(?:(?!\$\{)[!#-\[\]-~])+"),
    head="user_id,password_hash,salt,is_superuser\n",
    end="{deny, all}.\n",
)
FORMS = {"mosquitto": MOSQUITTO, "emqx": EMQX}
"""The brokers that files can be written for, by name."""


def broker_files(
    known: Iterable[Known], *, bridge: Bridge | None = None, may_publish: MayPublish = anything, form: Form = MOSQUITTO
) -> BrokerFiles:
    """The files for these devices and, where the city comes in there itself, for its bridge.

    Left out are suspended devices, those of which only certificates count, and names that the formats cannot hold.
    """
    passwords, acl = [form.head], []
    left_out: list[LeftOut] = []
    if bridge is not None:
        passwords.append(form.account(bridge.user, form.hashed(bridge.password)))
        acl.append(form.rights(bridge.user, ("city/+/+/down/#",), bridge.hears))
    for one in known:
        name = f"{one.device.tenant}/{one.device.id}"
        publish, subscribe = topics_of(one.device, may_publish)
        kept = form.kept(one)
        fault = _fault(one.device, kept, (*publish, *subscribe), form)
        if fault is not None or kept is None:
            left_out.append(LeftOut(name, fault or ""))
            continue
        passwords.append(form.account(name, kept))
        acl.append(form.rights(name, publish, subscribe))
    return BrokerFiles("".join(passwords), "".join((*acl, form.end)), left_out)


def _fault(device: Device, kept: str | None, topics: Iterable[str], form: Form) -> str | None:
    if device.status == "suspended":
        return "suspended"
    if device.certificates is not None:
        return "only its certificates count, and those are checked at the city's own endpoint"
    if kept is None:
        return "it has no secret, or one from before passwords for brokers were kept: give it a new one"
    if not (_NAME.fullmatch(device.tenant) and _NAME.fullmatch(device.id)):
        return "its name has characters that a broker's files cannot hold"
    if not all(form.topic.fullmatch(topic) for topic in topics):
        return "its profile names a topic that the broker's list cannot hold"
    return None
