"""`cityos mqtt-acl`: the registry of devices for an ordinary MQTT broker."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from api_gateway.policies.book import PolicyBook
from broker.ingest.broker_files import FORMS, Bridge, BrokerFiles, Known, broker_files
from broker.ingest.doorkeeper import MayPublish
from broker.store.devices import known_to_brokers
from cityos.commands.common import console, print_table, with_parts
from cityos.policy_files import read_policy
from cityos.settings import Settings
from cityos.wiring import Parts


def mqtt_acl(
    passwords: Annotated[Path, typer.Option(help="mosquitto's password_file or EMQX's users (CSV), written anew")],
    acl: Annotated[Path, typer.Option(help="mosquitto's acl_file or EMQX's acl.conf, written anew")],
    broker: Annotated[Literal["mosquitto", "emqx"], typer.Option(help="whose files")] = "mosquitto",
) -> None:
    """Write a broker's password and access list files from the registry of devices. / MQTTブローカーの許可を書き出す

    A device publishes only as itself, and not at all where the policy forbids it. After a change of the registry or of
    the policy run it again and have the broker read them (mosquitto: HUP).
    """

    async def make(settings: Settings, parts: Parts) -> BrokerFiles:
        known = [Known(device, kept) async for device, kept in known_to_brokers(parts.database)]
        bridge = settings.bridge
        ours = None
        if bridge is not None and bridge.username:
            password = bridge.password.get_secret_value() if bridge.password else ""
            hears = tuple(s.split("/", 2)[-1] if s.startswith("$share/") else s for s in bridge.subscriptions)
            ours = Bridge(bridge.username, password, hears)
        return broker_files(
            known, bridge=ours, may_publish=await _by_policy(settings, parts, known), form=FORMS[broker]
        )

    made = with_parts(make)
    _replace(passwords, made.passwords)
    _replace(acl, made.acl)
    print_table([line._asdict() for line in made.left_out], empty="every device is in the files")


async def _by_policy(settings: Settings, parts: Parts, known: Sequence[Known]) -> MayPublish:
    """The policies in force, asked whether they forbid a device to publish."""
    book = PolicyBook(read_policy(settings.gateway.policy_file))
    async with parts.database.transaction() as tx:
        judges = {tenant: await book.current(tx, tenant) for tenant in {one.device.tenant for one in known}}
    return lambda device: judges[device.tenant].may_publish(device.tenant, device.id, device.family)


def _replace(path: Path, text: str) -> None:
    """All of it or the old file: a broker may read at any moment. Readable for its owner alone, as secrets are."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        known = path.stat()
        os.chown(beside, known.st_uid, known.st_gid)
        beside.chmod(known.st_mode & 0o777)
    beside.replace(path)
    console.print(f"{path}", markup=False, soft_wrap=True)
