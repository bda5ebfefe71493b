"""Cameras beside gauges: images in, the latest one out, unmasked ones for staff alone, old ones forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.evacuation import cameras
from tests.integration.alerting.bench import EBA
from tests.integration.evacuation.conftest import PREFIX, Night, collection, district

JPEG = b"\xff\xd8\xff\xe0" + b"still" * 100
PNG = b"\x89PNG\r\n\x1a\n" + b"still" * 50


@pytest.fixture
async def camera(night: Night, officer: httpx.AsyncClient) -> httpx.AsyncClient:
    """The gateway of the cameras, where a district names one."""
    body = collection(district("eba", 136.0, gauges=["124"], cameras=["bridge"]))
    assert (await officer.put(f"{PREFIX}/districts", json=body)).status_code == 200
    return await night.officer("administrator")


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def send(
    client: httpx.AsyncClient, body: bytes, at: str, name: str = "bridge", masked: bool = True
) -> httpx.Response:
    params = {"at": at, "masked": str(masked).lower()}
    return await client.put(f"{PREFIX}/cameras/{name}/stills", params=params, content=body)


async def test_residents_see_what_was_masked(
    night: Night, officer: httpx.AsyncClient, camera: httpx.AsyncClient
) -> None:
    anybody = await night.anybody()
    assert (await anybody.get(f"{PREFIX}/cameras/bridge/still")).status_code == 404
    at = ago(10)
    assert (await send(camera, JPEG, at)).json() == {"camera": "bridge", "kept": True}
    assert (await send(camera, JPEG, at)).json() == {"camera": "bridge", "kept": False}, "sent again"
    assert (await send(camera, PNG, ago(1), masked=False)).status_code == 200
    public = await anybody.get(f"{PREFIX}/cameras/bridge/still")
    assert (public.content, public.headers["content-type"]) == (JPEG, "image/jpeg")
    assert public.headers["cache-control"] == "public, max-age=60"
    staff = await officer.get(f"{PREFIX}/cameras/bridge/still")
    assert (staff.content, staff.headers["content-type"], staff.headers["cache-control"]) == (
        PNG,
        "image/png",
        "no-store",
    )
    [shown] = (await anybody.get(f"{PREFIX}/cameras")).json()["cameras"]
    assert (shown["camera"], shown["masked"]) == ("bridge", True)
    assert ([one["id"] for one in shown["districts"]], shown["gauges"]) == (["eba"], [EBA])
    [shown] = (await officer.get(f"{PREFIX}/cameras")).json()["cameras"]
    assert shown["masked"] is False


async def test_what_is_no_image_of_a_camera_is_refused(
    night: Night, officer: httpx.AsyncClient, camera: httpx.AsyncClient
) -> None:
    for body, at, name, field in (
        (b"<html>", ago(1), "bridge", "body"),
        (JPEG, ago(-60), "bridge", "at"),
        (JPEG, "0001-01-01T00:00:00+09:00", "bridge", "at"),
        (JPEG, ago(1), "elsewhere", "camera"),
    ):
        refused = await send(camera, body, at, name)
        assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert (await send(camera, JPEG + bytes(cameras.LARGEST), ago(1))).status_code == 413
    assert (await send(officer, JPEG, ago(1))).status_code == 403
    assert (await send(await night.anybody(), JPEG, ago(1))).status_code == 401


async def test_old_images_are_forgotten(night: Night, camera: httpx.AsyncClient) -> None:
    await send(camera, JPEG, ago(10))
    system = night.city.database.system
    async with system.transaction() as tx:
        assert await cameras.purge(tx, datetime.now(UTC) - timedelta(hours=1)) == 0
        assert await cameras.purge(tx, datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert (await (await night.anybody()).get(f"{PREFIX}/cameras/bridge/still")).status_code == 404
