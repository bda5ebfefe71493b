"""A station as the city shows it: its state for the public, from what its connectors say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from access.personal import PERSON_URN
from schemas.clock import iso
from services.charging.sessions import Session

Use = Literal["free", "in-use", "out-of-order", "unknown"]
_IN_USE = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Reserved", "Occupied"})
_OUT = frozenset({"Unavailable", "Faulted"})
_ALMOST = 0.25


class Connector(NamedTuple):
    """A connector as it was last heard."""

    number: int
    status: str
    error: str = "NoError"
    info: str = ""
    power_w: float | None = None
    status_at: datetime | None = None
    most_w: float = 6000.0
    phases: int = 1
    unit: str = "W"


def use_of(connector: Connector, *, connected: bool) -> Use:
    """Whether somebody could charge here now. A station that is not heard says nothing about itself."""
    if not connected:
        return "unknown"
    if connector.status == "Available":
        return "free"
    return "in-use" if connector.status in _IN_USE else "out-of-order"


def uses_of(connectors: Sequence[Connector], *, connected: bool) -> list[Use]:
    """Of each connector whether somebody could charge there; at none where the station as a whole is out of order."""
    whole = next((each for each in connectors if each.number == 0), None)
    plugs = [each for each in connectors if each.number > 0]
    if connected and whole is not None and whole.status in _OUT:
        return ["out-of-order" for _ in plugs]
    return [use_of(each, connected=connected) for each in plugs]


def status_of(connectors: Sequence[Connector], *, connected: bool) -> str:
    """`status` of EVChargingStation in Smart Data Models: `empty` is all free, `full` none free."""
    uses = uses_of(connectors, connected=connected)
    working = [use for use in uses if use in ("free", "in-use")]
    if not working:
        return "outOfService"
    if len(working) < len(uses):
        return "withIncidence"
    free = uses.count("free")
    if free == len(uses):
        return "empty"
    if free == 0:
        return "full"
    return "almostFull" if free / len(uses) <= _ALMOST else "working"


def station_entity(connectors: Sequence[Connector], *, connected: bool, at: datetime) -> dict[str, Any]:
    """Attributes of the EVChargingStation that follow from its connectors."""
    plugs = [each for each in connectors if each.number > 0]
    uses = uses_of(connectors, connected=connected)
    values: dict[str, Any] = {
        "status": status_of(connectors, connected=connected),
        "availableCapacity": uses.count("free"),
        "connectors": [{"id": c.number, "use": use, "status": c.status} for c, use in zip(plugs, uses, strict=True)],
        "powerConsumption": round(sum(each.power_w or 0.0 for each in plugs), 1),
    }
    if plugs:
        values |= {"capacity": len(plugs), "socketNumber": len(plugs)}
    units = {"powerConsumption": "WTT"}
    return {
        name: {"type": "Property", "value": value, "observedAt": iso(at), **_unit(units.get(name))}
        for name, value in values.items()
    }


def session_entity(session: Session, person: str | None = None) -> dict[str, Any]:
    """Attributes of the EVChargingSession: the city's own model, with OCPI 2.2.1's names (9.3, Sessions). No card.

    Personal data where it names whose card it was; where it does not, it is disclosed to nobody
    (`access/personal.py`).
    """
    values: dict[str, Any] = {
        "status": "ACTIVE" if session.open else "COMPLETED",
        "startDateTime": session.started_at and iso(session.started_at),
        "endDateTime": session.ended_at and iso(session.ended_at),
        "kwh": round(session.energy_wh / 1000, 3),
        "connectorId": session.connector,
        "stateOfCharge": session.soc,
        "power": session.power_w,
        "stopReason": session.reason,
        "flags": sorted(session.flags) or None,
    }
    units = {"kwh": "KWH", "power": "WTT", "stateOfCharge": "P1"}
    at = iso(session.last_at)
    attributes: dict[str, Any] = {
        name: {"type": "Property", "value": value, "observedAt": at, **_unit(units.get(name))}
        for name, value in values.items()
        if value is not None
    }
    if person is not None:
        attributes["person"] = {"type": "Relationship", "object": f"{PERSON_URN}{person}"}
    attributes["refStation"] = {"type": "Relationship", "object": station_urn(session.station)}
    return attributes


def station_urn(station: str) -> str:
    """The id of a station's entity."""
    return f"urn:ngsi-ld:EVChargingStation:{station}"


def session_urn(session: Session) -> str:
    """The id of a session's entity."""
    return f"urn:ngsi-ld:EVChargingSession:{session.station}:{session.transaction}"


def _unit(code: str | None) -> dict[str, str]:
    return {"unitCode": code} if code else {}
