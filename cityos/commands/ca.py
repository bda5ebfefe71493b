"""`cityos ca`: certificates for devices, from the city's own small authority."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import NotFound
from broker.store import certificates
from cityos import authority
from cityos.commands.common import console, print_table, settings_here, with_parts
from cityos.files import write_whole
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now

app = typer.Typer(help="機器の証明書 / certificates for devices", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Option(help="where the authority is kept; `ca` in the city's folder if left out")]
Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]


def _folder(settings: Settings, folder: Path | None) -> Path:
    return folder or settings.city.folder / "ca"


@app.command()
def init(folder: Folder = None) -> None:
    """Found the authority; keep its key off this machine if you can. / 認証局を作る"""
    settings = settings_here()
    path = authority.found_authority(_folder(settings, folder), settings.city.tenant, utc_now())
    console.print(f"CITYOS_MQTT_CLIENT_AUTHORITIES={path.absolute()}", markup=False, soft_wrap=True)


@app.command()
def issue(
    device: str,
    out: Annotated[Path, typer.Option(help="folder for DEVICE.pem and DEVICE.key")] = Path(),
    days: Annotated[int, typer.Option(min=1, max=3650, help="how long the certificate is good")] = 365,
    request: Annotated[Path | None, typer.Option(help="the device's own request (PKCS #10, PEM)")] = None,
    folder: Folder = None,
    tenant: Tenant = "",
) -> None:
    """Issue a certificate bound to a device; older ones stay good until revoked. / 証明書を出し、機器に結び付ける"""

    async def write(settings: Settings, parts: Parts) -> authority.Issued:
        name = tenant or settings.city.tenant
        asked = request.read_bytes() if request else None
        made = authority.issue(_folder(settings, folder), f"{name}/{device}", utc_now(), days, asked)
        async with parts.database.transaction() as tx:
            await certificates.bind(tx, name, device, made.fingerprint, made.serial, made.expires_at)
        return made

    made = with_parts(write)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{device}.pem").write_bytes(made.certificate)
    if made.key is not None:
        write_whole(out / f"{device}.key", made.key.decode(), mode=0o600)
    console.print(f"{out / device}.pem: {made.serial}, until {made.expires_at:%Y-%m-%d}", markup=False, soft_wrap=True)


@app.command()
def revoke(
    device: str,
    serial: Annotated[str, typer.Option(help="one certificate; all of the device if left out")] = "",
    tenant: Tenant = "",
) -> None:
    """Revoke a device's certificates; connections opened with them end at once. / 失効させる"""

    async def write(settings: Settings, parts: Parts) -> int:
        async with parts.database.transaction() as tx:
            return await certificates.revoke(tx, tenant or settings.city.tenant, device, serial or None, utc_now())

    if not (count := with_parts(write)):
        raise NotFound(f"device {device!r} has no such certificate that is not revoked")
    console.print(f"{count} revoked", markup=False)


@app.command("list")
def list_certificates(tenant: Tenant = "") -> None:
    """Certificates by device. / 一覧"""

    async def read(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await certificates.listed(tx, tenant or settings.city.tenant)

    print_table(with_parts(read), empty="no certificates / 証明書はありません")
