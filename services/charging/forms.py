"""Stations, sessions and the disaster mode as the city's staff see them: rows in the words of the API. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.clock import iso
from services.charging.disaster import supply
from services.charging.faults import explained
from services.charging.plugs import Needs, asked
from services.charging.posting import connector_of
from services.charging.sessions import Session
from services.charging.stations import status_of, use_of


def session_form(session: Session) -> dict[str, Any]:
    """A session as staff see it."""
    return {
        "station": session.station,
        "transaction": session.transaction,
        "connector": session.connector,
        "startedAt": session.started_at and iso(session.started_at),
        "endedAt": session.ended_at and iso(session.ended_at),
        "kwh": round(session.energy_wh / 1000, 3),
        "powerW": session.power_w,
        "stateOfCharge": session.soc,
        "authorized": session.authorized,
        "reason": session.reason,
        "flags": sorted(session.flags),
    }


def station_form(row: Any, rows: Sequence[Any], running: Sequence[Session]) -> dict[str, Any]:
    """A station with its connectors (`rows`) and open sessions (`running`)."""
    connected, doc = row["connected"], json.loads(row["doc"]) if row["doc"] else {}
    shown = []
    for each in rows:
        connector = connector_of(each)
        if connector.number == 0 and connector.error == "NoError":
            continue
        words = explained(connector.status, connector.error, connected=connected)
        shown.append(
            {
                "connector": connector.number, "use": use_of(connector, connected=connected),
                "status": connector.status,
                "fault": words and {"ja": words.ja, "en": words.en}, "info": connector.info,
                "powerW": connector.power_w, "limitW": each["watts"], "mostW": connector.most_w,
                "asks": _asks(asked(each)),
            }
        )  # fmt: skip
    return {
        "id": row["id"],
        "name": _value(doc, "name") or row["id"],
        "location": _value(doc, "location"),
        "status": status_of([connector_of(each) for each in rows], connected=connected),
        "connected": connected,
        "protocol": row["protocol"],
        "vendor": row["vendor"],
        "model": row["model"],
        "firmware": row["firmware"],
        "firmwareStatus": _value(doc, "firmwareStatus"),
        "diagnosticsStatus": _value(doc, "diagnosticsStatus"),
        "site": row["site"],
        "priority": row["priority"],
        "flooded": row["flooded"],
        "refused": row["refused"],
        "v2hW": row["v2h_w"],
        "batteryKwh": row["battery_kwh"],
        "floodsWith": list(row["floods_with"]),
        "certificateRequest": row["certificate_request"],
        "certificateAskedAt": row["certificate_asked_at"] and iso(row["certificate_asked_at"]),
        "connectors": shown,
        "sessions": [session_form(session) for session in running],
    }


def _asks(needs: Needs | None) -> dict[str, Any] | None:
    """What the vehicle there asks for: energy still wanted, and by when."""
    if needs is None:
        return None
    return {"wh": needs.energy_wh, "departsAt": needs.departs_at and iso(needs.departs_at)}


def supplies(here: Sequence[Mapping[str, Any]], load_w: float) -> list[dict[str, Any]]:
    """What vehicles at stations with V2H could give; those whose charge is unknown stand at none."""
    found = []
    for station in here:
        for session in station["sessions"] if station["v2hW"] else ():
            soc = session["stateOfCharge"]
            given = supply(station["batteryKwh"], soc or 0.0, station["v2hW"], load_w)
            found.append(
                {"station": station["id"], "stateOfCharge": soc, "kwh": given.kwh, "powerW": given.power_w,
                 "hours": given.hours}
            )  # fmt: skip
    return found


def emergency_form(row: Any) -> dict[str, Any]:
    """One opening of the disaster mode."""
    return {
        "id": row["id"],
        "openedAt": iso(row["opened_at"]),
        "openedBy": row["opened_by"],
        "because": row["because"],
        "alert": row["alert"],
        "publicCapW": row["public_cap_w"],
        "emergencyFloorW": row["emergency_floor_w"],
        "closedAt": row["closed_at"] and iso(row["closed_at"]),
        "closedBy": row["closed_by"],
    }


def _value(doc: Mapping[str, Any], name: str) -> Any:
    attribute = doc.get(name)
    return attribute.get("value") if isinstance(attribute, dict) else None
