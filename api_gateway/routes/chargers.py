"""Charging stations: what anybody may see, and for staff stations, sessions, load, commands and the disaster mode."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from access.policy import Action, Device
from api_gateway.asking import asked, demanded, note
from api_gateway.auth import gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from broker.consent.register import find_person, link
from broker.errors import Invalid
from broker.store import commands
from services.charging import desk
from services.charging.posting import SERVICE, fingerprint

router = APIRouter(prefix="/api/v1/chargers", tags=["chargers"], responses=PROBLEMS)

_Watts = Annotated[float, Field(ge=0, le=100_000_000)]
_Id = Annotated[str, Field(min_length=1, max_length=100)]
_Card = Annotated[str, Field(min_length=1, max_length=36)]
_Priority = Literal["emergency", "shelter", "fleet", "public"]
_Name = Literal[
    "remote-start", "remote-stop", "reset", "unlock", "trigger", "availability", "get-configuration",
    "set-configuration", "limit", "clear-limit", "schedule", "reserve", "cancel-reservation", "local-list",
    "local-list-version", "clear-cache", "diagnostics", "log", "firmware", "data-transfer",
    "certificate", "trust", "trusted", "distrust",
]  # fmt: skip
_NEEDS: dict[str, tuple[str, ...]] = {
    "remote-start": ("token",), "remote-stop": ("transaction",), "unlock": ("connector",), "trigger": ("message",),
    "availability": ("operative",), "set-configuration": ("key", "value"), "limit": ("connector", "watts"),
    "clear-limit": ("connector",), "schedule": ("connector",), "reserve": ("connector", "token", "until"),
    "cancel-reservation": ("number",), "local-list": ("version", "tokens"), "diagnostics": ("url",),
    "log": ("url",), "firmware": ("url", "at"), "data-transfer": ("vendor",),
    "certificate": ("chain",), "trust": ("certificate",), "distrust": ("issuerName", "issuerKey", "serial"),
}  # fmt: skip
_MOST_RESERVATION = 2_147_483_647


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Window(_Body):
    """A peak cut, every day: minutes after midnight in Japan."""

    start: float = Field(ge=0, lt=1440, alias="from")
    until: float = Field(ge=0, le=1440)
    limit_w: _Watts


class SiteForm(_Body):
    """A place with one connection to the grid, or a feeder or district above such places."""

    name: str = Field("", max_length=200)
    limit_w: _Watts
    sharing: Literal["fair", "need", "departure"] = "fair"
    windows: list[Window] = Field(default=[], max_length=48)
    shelter: bool = False
    load_w: _Watts = Field(default=0, description="what the shelter draws in a disaster")
    part_of: _Id | None = Field(default=None, description="the feeder or district above it, a site too")
    meter: Annotated[str, Field(pattern=r"^urn:ngsi-ld:[^\s\x00]+$", max_length=300)] | None = Field(
        default=None, description="entity of the connection's meter: what else draws there is taken off the limit"
    )
    meter_attribute: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)] = "totalActivePower"
    base_w: _Watts = Field(default=0, description="what else draws there, for when the meter is not heard")


class ConnectorForm(_Body):
    """What a connector can deliver."""

    connector: int = Field(ge=1, le=999)
    most_w: float = Field(gt=0, le=1_000_000)
    phases: int = Field(1, ge=1, le=3)
    unit: Literal["W", "A"] = "W"


class StationForm(_Body):
    """What staff decide about a station."""

    site: _Id | None = None
    priority: _Priority = "public"
    flooded: bool = False
    refused: bool = False
    v2h_w: float | None = Field(default=None, gt=0, le=1_000_000, alias="v2hW")
    battery_kwh: float = Field(40, gt=0, le=2000)
    floods_with: list[Annotated[str, Field(max_length=300)]] = Field(default=[], max_length=50)
    connectors: list[ConnectorForm] = Field(default=[], max_length=50)


class CardForm(_Body):
    """A card that may charge, or may no more."""

    status: Literal["Accepted", "Blocked"] = "Accepted"
    label: str = Field("", max_length=200)
    until: AwareDatetime | None = None
    person: _Id | None = Field(default=None, description="whose it is; their sessions are then personal data of theirs")


class CommandForm(_Body):
    """What a station shall do."""

    command: _Name
    arguments: dict[str, Any] = {}
    expires_in_s: int = Field(60, ge=1, le=86_400)


class OpeningForm(_Body):
    """The disaster mode: public charging is capped for each connector (0 stops it), emergency vehicles have a floor."""

    because: str = Field(min_length=1, max_length=500)
    public_cap_w: _Watts = 0
    emergency_floor_w: _Watts = 6000
    alert: Annotated[str, Field(max_length=300)] | None = None
    flooded: list[_Id] = Field(default=[], max_length=5000, description="stations that stop: they stand in the water")


@router.get("", summary="Where stations are, and what is free")
async def public(request: Request) -> dict[str, Any]:
    """Open data: per station how many connectors are free, in use, out of order or unknown (not connected)."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand_whole(caller, "EVChargingStation")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return {"stations": await desk.public(tx)}


@router.get("/stations", summary="Every station with its connectors, faults and sessions")
async def stations(request: Request) -> dict[str, Any]:
    """Needs chargers:read."""
    async with asked(request, Action.READ, "chargers") as (_, tx):
        return {"stations": await desk.stations(tx)}


@router.get("/stations/{station}/variables", summary="How a station is set up")
async def variables(request: Request, station: _Id) -> dict[str, Any]:
    """Needs chargers:read. Keys of 1.6's configuration or variables of 2.0.1's device model, as the station told them
    when it was last asked (the command get-configuration)."""
    async with asked(request, Action.READ, "chargers") as (_, tx):
        return {"variables": await desk.variables(tx, station)}


@router.get("/sessions", summary="Charging sessions, the newest first")
async def sessions(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """Needs chargers:read. `flags` say what a person should look at before it is billed."""
    async with asked(request, Action.READ, "chargers") as (_, tx):
        return {"sessions": await desk.sessions(tx, limit)}


@router.get("/sites", summary="The load of each site against its limit")
async def sites(request: Request) -> dict[str, Any]:
    """Needs chargers:read. `supply` is what vehicles there could give a shelter, and for how long."""
    async with asked(request, Action.READ, "chargers") as (_, tx):
        return {"sites": await desk.sites(tx, gateway_of(request).clock())}


@router.get("/sites/{site}/load", summary="A site's load against its limit, by the minute")
async def load(request: Request, site: _Id, hours: Annotated[float, Query(gt=0, le=168)] = 3) -> dict[str, Any]:
    """Needs chargers:read. The most of each minute, in watts."""
    since = gateway_of(request).clock() - timedelta(hours=hours)
    async with asked(request, Action.READ, "chargers") as (_, tx):
        return {"load": await desk.load_of(tx, site, since)}


@router.put("/sites/{site}", summary="Set a site's limit and how it is shared", status_code=204)
async def put_site(request: Request, site: _Id, body: SiteForm) -> Response:
    """Needs chargers:write. The load is held to it within the stations' time of reaction."""
    windows = [window.model_dump(by_alias=True) for window in body.windows]
    values = desk.Site(
        site, body.name, body.limit_w, body.sharing, windows, body.shelter, body.load_w, body.part_of, body.meter,
        body.meter_attribute, body.base_w,
    )  # fmt: skip
    async with asked(request, Action.WRITE, "chargers") as (caller, tx):
        await desk.save_site(tx, values, gateway_of(request).clock())
        await note(tx, request, caller, "charging.site", site, body.model_dump_json(by_alias=True))
    return Response(status_code=204)


@router.put("/stations/{station}", summary="Decide about a station", status_code=204)
async def put_station(request: Request, station: _Id, body: StationForm) -> Response:
    """Needs chargers:write. `flooded` stops charging there while the disaster mode is open; `floodsWith` names gauges
    (WaterObserved) whose alert will propose that."""
    rule = desk.StationRule(
        body.site, body.priority, body.flooded, body.refused, body.v2h_w, body.battery_kwh, body.floods_with
    )
    async with asked(request, Action.WRITE, "chargers") as (caller, tx):
        await desk.save_station(tx, station, rule)
        for each in body.connectors:
            await desk.save_connector(tx, station, each.connector, each.most_w, each.phases, each.unit)
        await note(tx, request, caller, "charging.station", station, body.model_dump_json(by_alias=True))
    return Response(status_code=204)


@router.get("/cards", summary="The cards on the list")
async def cards(
    request: Request,
    text: Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$", description="part of number or label")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Needs chargers:write. A card's number is personal: each look has its line in the audit trail."""
    async with asked(request, Action.WRITE, "chargers") as (caller, tx):
        found = await desk.cards(tx, text, limit)
        await note(tx, request, caller, "charging.cards", "", f"{len(found)} cards looked at")
    return {"cards": found}


@router.put("/cards/{card}", summary="Put a card on the list", status_code=204)
async def put_card(request: Request, card: _Card, body: CardForm) -> Response:
    """Needs chargers:write, and persons:write to say whose it is. The audit names no card."""
    if body.person is not None:
        await demanded(request, Action.WRITE, "persons")
    async with asked(request, Action.WRITE, "chargers") as (caller, tx):
        await desk.save_card(tx, card, body.status, body.label, body.until)
        if body.person is not None:
            await find_person(tx, caller.tenant, body.person)
            reference, now = fingerprint(caller.tenant, card), gateway_of(request).clock()
            await link(tx, caller.tenant, body.person, SERVICE, reference, caller.subject.id, now)
            await note(tx, request, caller, "person.link", body.person, SERVICE)
        await note(tx, request, caller, "charging.card", "", body.status)
    return Response(status_code=204)


@router.delete("/cards/{card}", summary="Take a card off the list", status_code=204)
async def delete_card(request: Request, card: str) -> Response:
    """Needs chargers:write."""
    async with asked(request, Action.WRITE, "chargers") as (caller, tx):
        await desk.delete_card(tx, card)
        await note(tx, request, caller, "charging.card", "", "deleted")
    return Response(status_code=204)


@router.post("/stations/{station}/commands", status_code=202, summary="Tell a station to do something")
async def command(request: Request, station: _Id, body: CommandForm) -> JSONResponse:
    """Needs chargers:command. How far it came is at the answer's Location; each has its line in the audit trail.

    A reservation gets a number where it has none, told as `reservation`: `cancel-reservation` asks for it.
    """
    arguments = body.arguments
    if body.command == "reserve":
        arguments = {"number": 1 + secrets.randbelow(_MOST_RESERVATION), **arguments}
    for name in _NEEDS.get(body.command, ()):
        if name not in arguments:
            raise Invalid(f"{body.command} needs {name}", field=f"arguments.{name}")
    now, number = gateway_of(request).clock(), secrets.token_urlsafe(12)
    device = Device(station, "ev_charger")
    async with asked(request, Action.COMMAND, "chargers", device) as (caller, tx):
        expires = now + timedelta(seconds=body.expires_in_s)
        wish = commands.Wish(number, station, body.command, arguments, caller.subject.id, expires)
        await commands.add_command(tx, wish, now)
        told = ", ".join(sorted(arguments))
        await note(tx, request, caller, "charging.command", station, f"{number} {body.command} ({told})")
    answer = {"id": number, "status": "queued"}
    if body.command == "reserve":
        answer |= {"reservation": arguments["number"]}
    return JSONResponse(answer, 202, {"Location": f"/api/v1/chargers/commands/{number}"})


@router.get("/commands/{number}", summary="How far a command came")
async def command_state(request: Request, number: str) -> dict[str, Any]:
    """Needs chargers:read. `answer` is the station's, in at most 300 characters; where it says more, `whole` is all."""
    async with asked(request, Action.READ, "chargers") as (_, tx):
        found = await commands.command(tx, number, gateway_of(request).clock())
    return {name: found[name] for name in ("id", "device", "name", "status", "answer", "whole")}


@router.get("/disaster", summary="Whether the disaster mode is open, and what proposes it")
async def disaster(request: Request) -> dict[str, Any]:
    """Needs chargers:read. A flood alert from 避難判断水位 on is a proposal; only an officer opens the mode."""
    async with asked(request, Action.READ, "chargers") as (_, tx):
        return await desk.disaster(tx)


@router.post("/disaster", status_code=201, summary="Open the disaster mode")
async def open_disaster(request: Request, body: OpeningForm) -> JSONResponse:
    """Needs chargers:disaster. Shelters first, a floor for emergency vehicles, the public capped."""
    opening = desk.Opening(body.because, body.public_cap_w, body.emergency_floor_w, body.alert, body.flooded)
    async with asked(request, Action.WRITE, "charging-disaster") as (caller, tx):
        number = await desk.open_disaster(tx, opening, caller.subject.id, gateway_of(request).clock())
        await note(tx, request, caller, "charging.disaster.open", number, body.model_dump_json(by_alias=True))
    return JSONResponse({"id": number}, 201)


@router.delete("/disaster", status_code=204, summary="Return to normal")
async def close_disaster(request: Request) -> Response:
    """Needs chargers:disaster."""
    async with asked(request, Action.WRITE, "charging-disaster") as (caller, tx):
        number = await desk.close_disaster(tx, caller.subject.id, gateway_of(request).clock())
        await note(tx, request, caller, "charging.disaster.close", number)
    return Response(status_code=204)
