"""`/api/v1/config`: what a page must know before it shows anything."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.auth import gate_of
from api_gateway.context import Gateway, gateway_of
from broker.ports import Transaction
from schemas.clock import iso

router = APIRouter(prefix="/api/v1", tags=["city"])

_EXAMPLE = {
    "city": {"name": "福井県", "nameEn": "Fukui", "localGovernmentCode": "180009"},
    "mode": "live",
    "now": "2023-07-13T02:20:00Z",
    "tileUrl": None,
    "tileAttribution": None,
    "dataAttribution": None,
    "languages": ["ja", "en"],
    "center": [136.2, 35.95],
    "zoom": 8.5,
    "services": ["buses", "points"],
    "version": "0.1.0",
}


def services_of(gateway: Gateway) -> list[str]:
    """The building blocks with pages of their own for residents that this city runs."""
    blocks = {
        "buses": gateway.buses is not None,
        "chargers": gateway.chargers,
        "points": gateway.points is not None,
        "tags": gateway.tags is not None,
    }
    return [name for name, runs in blocks.items() if runs]


async def city_time(gateway: Gateway, tx: Transaction) -> str:
    """The city's present: the clock, or in a replay the time of its newest data."""
    if gateway.settings.mode == "replay" and gateway.city_now is not None:
        return iso(await gateway.city_now(tx) or gateway.clock())
    return iso(gateway.clock())


@router.get(
    "/config",
    summary="The city, its clock and its map",
    responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}},
)
async def config(request: Request) -> Response:
    """`now` is the city's present; in `mode` replay it is the data's time. `services`: building blocks with pages."""
    gateway = gateway_of(request)
    caller = await gate_of(request).caller(request)
    shown = gateway.settings.map
    async with gateway.database.transaction(caller.tenant) as tx:
        now = await city_time(gateway, tx)
    body: dict[str, Any] = {
        "city": {
            "name": shown.city_name,
            "nameEn": shown.city_name_en,
            "localGovernmentCode": shown.local_government_code,
        },
        "mode": gateway.settings.mode,
        "now": now,
        "tileUrl": shown.tile_url,
        "tileAttribution": shown.tile_attribution,
        "dataAttribution": shown.data_attribution,
        "languages": shown.languages,
        "center": shown.center,
        "zoom": shown.zoom,
        "services": services_of(gateway),
        "version": version("city-os"),
    }
    return answer(body)
