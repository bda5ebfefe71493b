"""`cityos device`: the registry of devices."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.commands.routes import FAMILY as ANSWERS
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.store.devices import Device, list_devices, register, set_status
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import ROUTES, Parts
from schemas.device import entity_of, parse_profile

app = typer.Typer(help="機器の登録 / the registry of devices", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]


@app.command("list")
def list_(tenant: Tenant = "", status: Annotated[str, typer.Option(help="only quarantined, say")] = "") -> None:
    """List the devices. / 一覧する"""

    async def read(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await list_devices(tx, tenant or settings.city.tenant, status or None)

    print_table(with_parts(read), empty="no devices")


@app.command()
def add(
    device: str,
    family: Annotated[str, typer.Option(help="the adapter, such as river_gauge")],
    entity: Annotated[str, typer.Option(help="the NGSI-LD entity of its values, urn:ngsi-ld:TYPE:…")] = "",
    network: Annotated[bool, typer.Option("--network", help="it speaks for the other devices of its family")] = False,
    profile: Annotated[Path | None, typer.Option(help="its profile: a JSON file")] = None,
    tenant: Tenant = "",
) -> None:
    """Register a device and print its secret, once. / 登録して合言葉を1回だけ表示する"""
    families = sorted({route.family for route in ROUTES} - {ANSWERS})
    if family not in families:
        raise Invalid(f"{family!r} is not a family; choose one of {', '.join(families)}", field="family")
    data = _profile(profile)
    secret = secrets.token_urlsafe(24)

    async def write(settings: Settings, parts: Parts) -> str:
        name = tenant or settings.city.tenant
        if entity and entity.count(":") < 3:
            raise Invalid(f"{entity!r} is not an entity; write urn:ngsi-ld:TYPE:NAME", field="entity")
        kind = "network" if network else "device"
        entity_id, entity_type = entity_of(family, device, entity or None)
        row = Device(name, device, family, kind, entity_id=entity_id, entity_type=entity_type)
        async with parts.database.transaction() as tx:
            await register(tx, name, row, data, secret)
        return name

    name = with_parts(write)
    console.print(f"MQTT user name: {name}/{device}", markup=False)
    console.print(f"MQTT password:  {secret}", markup=False)


@app.command()
def approve(device: str, tenant: Tenant = "") -> None:
    """Let a quarantined or suspended device speak. / 承認する"""
    _set_status(device, tenant, "approved")


@app.command()
def suspend(device: str, tenant: Tenant = "") -> None:
    """Refuse what a device sends from now on. / 停止する"""
    _set_status(device, tenant, "suspended")


def _set_status(device: str, tenant: str, status: str) -> None:
    async def write(settings: Settings, parts: Parts) -> None:
        name = tenant or settings.city.tenant
        async with parts.database.transaction() as tx:
            await _change(tx, name, device, status)

    with_parts(write)
    console.print(f"{device} is {status}", markup=False)


async def _change(tx: Transaction, tenant: str, device: str, status: str) -> None:
    if not await set_status(tx, tenant, device, status):
        raise NotFound(f"tenant {tenant!r} has no device {device!r}")


def _profile(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        parse_profile(data)
    except (OSError, ValueError) as error:
        raise Invalid(f"{path}: {error}", field="profile") from error
    return data
