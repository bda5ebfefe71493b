"""The demonstration's city: a tenant, its gauges as devices, and a network that speaks for them. May be run again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from adapters.river_gauge.decode import TOPIC_FILTER
from adapters.river_gauge.routes import FAMILY
from broker.errors import Invalid
from broker.ports import Database, Transaction
from cityos.flood import DEVICE_PREFIX
from cityos.replay import DEMO_FOLDER
from schemas.device import DeviceProfile, Point
from services.evacuation.areas import parse_districts
from services.evacuation.shelters.desk import save_shelters
from services.evacuation.shelters.shelter import parse_shelters
from services.evacuation.store import SQL, load_districts, save_districts

TENANT = "fukui"
LOCAL_GOVERNMENT_CODE = "180009"
NETWORK = "fukui-telemetry"

_RECORDED_INTERVAL_S = 3_600
"""Two of the three recorded floods hold one row an hour, so an hour is when a gauge of the record is due."""
_MAX_AGE_S = 20 * 365 * 86_400
"""Floods of years ago are replayed with their own times."""
_STAGES = ("standby", "caution", "evacuation", "danger")


class DemoDevice(NamedTuple):
    """A device to register: its id, the entity its measurements belong to, and its profile."""

    id: str
    entity_id: str
    entity_type: str
    profile: DeviceProfile


class DemoCredentials(NamedTuple):
    """How the replay signs in at the city's MQTT endpoint."""

    tenant: str
    device: str
    secret: str

    @property
    def username(self) -> str:
        """The MQTT user name of the network."""
        return f"{self.tenant}/{self.device}"


async def provision_demo(database: Database, *, secret_file: Path, folder: Path = DEMO_FOLDER) -> DemoCredentials:
    """Make the tenant, register every station of `folder` and the network, and return the network's credentials.

    `database` must be the system's. The secret is made once and kept in `secret_file` (mode 0600), the database
    holds its SHA-256. What exists is left as its owner made it, except the network's secret and topics, which
    follow the file. Raises `Invalid` where a file of the demonstration is wrong.
    """
    devices = load_devices(folder)
    secret = _own_secret(secret_file)
    async with database.transaction() as tx:
        tenant_id = await _make_tenant(tx)
        await _register(tx, tenant_id, devices)
        await _register_network(tx, tenant_id, secret)
        await _draw_districts(tx, folder, devices)
    return DemoCredentials(TENANT, NETWORK, secret)


def load_devices(folder: Path = DEMO_FOLDER) -> list[DemoDevice]:
    """Every station in `folder` as a device. Raises `Invalid` naming the file."""
    try:
        with (folder / "stations.csv").open(encoding="utf-8", newline="") as stations:
            rows = list(csv.DictReader(stations))
        with (folder / "ranges.csv").open(encoding="utf-8", newline="") as lines:
            ranges = {
                row["station_id"]: (float(row["lowest_m"]), float(row["highest_m"])) for row in csv.DictReader(lines)
            }
        return to_devices(rows, ranges)
    except (OSError, KeyError, ValueError) as error:
        raise Invalid(f"the demonstration's stations in {folder} cannot be read: {error}", field="folder") from error


def to_devices(rows: Iterable[dict[str, str]], ranges: dict[str, tuple[float, float]]) -> list[DemoDevice]:
    """Rows of the stations' file as devices; `ranges` holds the ends of each gauge's scale in metres."""
    return [_device(row, ranges.get(row["station_id"])) for row in rows]


def _device(row: dict[str, str], scale: tuple[float, float] | None) -> DemoDevice:
    location = Point((float(row["longitude"]), float(row["latitude"])))
    profile = DeviceProfile(
        name=row["station_name"],
        river=row["river_name"],
        address=row["address"],
        manager=row["manager"],
        location=location,
        valid_range={"waterLevel": scale} if scale else {},
        report_interval_s=_RECORDED_INTERVAL_S,
        max_age_s=_MAX_AGE_S,
        stages={stage: float(row[f"{stage}_m"]) if row[f"{stage}_m"] else None for stage in _STAGES},
        attributes=_attributes(row, location),
        date_attribute="dateObserved",
    )
    entity = f"urn:ngsi-ld:WaterObserved:{LOCAL_GOVERNMENT_CODE}:{row['station_id']}"
    return DemoDevice(DEVICE_PREFIX + row["station_id"], entity, "WaterObserved", profile)


def _attributes(row: dict[str, str], location: Point) -> dict[str, Any]:
    """What the entity says besides its measurements (Smart Data Models, WaterObserved)."""
    texts = {
        "name": row["station_name"],
        "identifier": f"{LOCAL_GOVERNMENT_CODE}-{row['station_id']}",
        "localGovernmentCode": LOCAL_GOVERNMENT_CODE,
        "riverName": row["river_name"],
        "manager": row["manager"],
        "dataProvider": "福井県",
    }
    attributes: dict[str, Any] = {name: {"type": "Property", "value": value} for name, value in texts.items()}
    address = {"addressCountry": "JP", "addressRegion": "福井県", "streetAddress": row["address"]}
    attributes["address"] = {"type": "Property", "value": address}
    attributes["location"] = {"type": "GeoProperty", "value": msgspec.to_builtins(location)}
    return attributes


def _own_secret(path: Path) -> str:
    """The secret kept in `path`, made on first use."""
    if path.exists():
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    return secret


async def _make_tenant(tx: Transaction) -> int:
    await tx.execute(
        "insert into tenant (name, title, local_government_code) values ($1, '福井県', $2)"
        " on conflict (name) do update set local_government_code = excluded.local_government_code"
        " where tenant.local_government_code is null",
        TENANT,
        LOCAL_GOVERNMENT_CODE,
    )
    return int(await tx.fetchval("select id from tenant where name = $1", TENANT))


async def _register(tx: Transaction, tenant_id: int, devices: Sequence[DemoDevice]) -> None:
    await tx.executemany(
        "insert into device (tenant_id, id, family, entity_id, entity_type, profile)"
        " values ($1, $2, $3, $4, $5, $6::text::jsonb) on conflict do nothing",
        [
            (tenant_id, device.id, FAMILY, device.entity_id, device.entity_type, _as_json(device.profile))
            for device in devices
        ],
    )


async def _draw_districts(tx: Transaction, folder: Path, devices: Sequence[DemoDevice]) -> None:
    """The sample districts and their shelters, unless the city has districts of its own."""
    file = folder / "districts.geojson"
    await tx.execute(SQL["become"], TENANT)
    if not file.exists() or await load_districts(tx):
        return
    try:
        document = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise Invalid(f"{file} is not JSON: {error}", field="folder") from error
    districts = parse_districts(document, [device.entity_id for device in devices]).districts
    await save_districts(tx, districts)
    shelters = folder / "shelters.csv"
    if shelters.exists():
        loaded = parse_shelters(shelters.read_text("utf-8"), {district.id for district in districts})
        await save_shelters(tx, loaded.shelters)


async def _register_network(tx: Transaction, tenant_id: int, secret: str) -> None:
    profile = DeviceProfile(name="福井県 河川情報テレメータ", publish=(TOPIC_FILTER,))
    await tx.execute(
        "insert into device (tenant_id, id, family, kind, secret_hash, profile)"
        " values ($1, $2, $3, 'network', $4, $5::text::jsonb)"
        " on conflict (tenant_id, id) do update"
        " set secret_hash = excluded.secret_hash, profile = excluded.profile"
        " where (device.secret_hash, device.profile) is distinct from (excluded.secret_hash, excluded.profile)",
        tenant_id,
        NETWORK,
        FAMILY,
        hashlib.sha256(secret.encode()).digest(),
        _as_json(profile),
    )


def _as_json(profile: DeviceProfile) -> str:
    return json.dumps(msgspec.to_builtins(profile), ensure_ascii=False)
