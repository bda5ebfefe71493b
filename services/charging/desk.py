"""Charging as the city's staff see and steer it, and what anybody may see, in the caller's transaction."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from schemas.charging import FAMILY
from schemas.clock import iso
from schemas.river import Stage
from services.charging.balancer import limit_at, lineage, trees
from services.charging.disaster import Emergency, Feed, feed
from services.charging.forms import emergency_form, session_form, station_form, supplies
from services.charging.plugs import open_to_drivers
from services.charging.posting import connector_of
from services.charging.sessions import Session, parse
from services.charging.stations import Connector, status_of, uses_of

_SQL = load("services.charging", "desk")
_PROPOSED_FROM = frozenset({Stage.EVACUATION.value, Stage.DANGER.value, Stage.OVERFLOW.value})
"""From these stages of a river on a flood alert proposes the disaster mode."""


class Site(NamedTuple):
    """A place with one connection to the grid, or a feeder or district above such places, which are `part_of` it.

    Watts; `windows` are peak cuts in minutes after midnight in Japan. `meter` is the entity of the connection's meter,
    if it has one: what else draws there is taken off the limit; `base_w` where it is not heard.
    """

    id: str
    name: str
    limit_w: float
    sharing: str = "fair"
    windows: Sequence[Mapping[str, float]] = ()
    shelter: bool = False
    load_w: float = 0.0
    part_of: str | None = None
    meter: str | None = None
    meter_attribute: str = "totalActivePower"
    base_w: float = 0.0


class ShelterFeed(NamedTuple):
    """A shelter's site, where its stations stand (longitude and latitude), and what they could give the shelter."""

    site: str
    name: str
    places: tuple[tuple[float, float], ...]
    feed: Feed


class StationRule(NamedTuple):
    """What staff decide about a station."""

    site: str | None
    priority: str
    flooded: bool
    refused: bool
    v2h_w: float | None
    battery_kwh: float
    floods_with: Sequence[str] = ()


class Opening(NamedTuple):
    """The disaster mode as an officer opens it. `flooded`: stations to be stopped for as long as it is open."""

    because: str
    public_cap_w: float
    emergency_floor_w: float
    alert: str | None = None
    flooded: Sequence[str] = ()


async def stations(tx: Transaction) -> list[dict[str, Any]]:
    """Every station with its connectors, their faults in words, and its open sessions."""
    connectors = await _connectors(tx)
    running: defaultdict[str, list[Session]] = defaultdict(list)
    for row in await tx.fetch(_SQL["open_sessions"]):
        session = parse(json.loads(row["state"]))
        running[session.station].append(session)
    return [station_form(row, connectors[row["id"]], running[row["id"]]) for row in await tx.fetch(_SQL["stations"])]


async def variables(tx: Transaction, station: str) -> list[dict[str, Any]]:
    """How a station is set up, as it told when it was last asked, by name."""
    return [{**dict(row), "at": iso(row["at"])} for row in await tx.fetch(_SQL["variables"], station)]


async def public(tx: Transaction) -> list[dict[str, Any]]:
    """What anybody may know: where stations are, and how many connectors are free, in use or out of order.

    Where the disaster mode stops a connector it is not free: nobody is to drive there.
    """
    connectors, rules = await _connectors(tx), await tx.fetchrow(_SQL["open_rules"])
    emergency = None if rules is None else Emergency(rules["public_cap_w"], rules["emergency_floor_w"])
    shown = []
    for row in await tx.fetch(_SQL["public"]):
        plugs, connected = (
            [_to_drivers(each, row, emergency) for each in connectors[row["id"]]],
            row["connected"],
        )
        uses = uses_of(plugs, connected=connected)
        shown.append(
            {
                "id": row["id"],
                "name": row["name"],
                "location": row["location"] and json.loads(row["location"]),
                "status": status_of(plugs, connected=connected),
                "connectors": {use: uses.count(use) for use in ("free", "in-use", "out-of-order", "unknown")},
            }
        )
    return shown


def _to_drivers(connector: Any, station: Any, emergency: Emergency | None) -> Connector:
    return open_to_drivers(connector_of(connector), station["priority"], emergency, flooded=station["flooded"])


async def _connectors(tx: Transaction) -> defaultdict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for row in await tx.fetch(_SQL["connectors"]):
        found[row["station"]].append(row)
    return found


async def sessions(tx: Transaction, limit: int) -> list[dict[str, Any]]:
    """The newest sessions first."""
    return [session_form(parse(json.loads(row["state"]))) for row in await tx.fetch(_SQL["sessions"], limit)]


async def sites(tx: Transaction, now: datetime) -> list[dict[str, Any]]:
    """Every site with its limit now, what it draws, what was given out, and what its vehicles could give a shelter."""
    every = await stations(tx)
    rows, shown = await tx.fetch(_SQL["sites"]), []
    below = {name: sites for tree in trees({row["id"]: row["part_of"] for row in rows}) for name, sites in tree.items()}
    for row in rows:
        here = [each for each in every if each["site"] in below.get(row["id"], ())]
        plugs = [plug for each in here for plug in each["connectors"]]
        windows = json.loads(row["windows"])
        shown.append(
            {
                "id": row["id"],
                "name": row["name"],
                "limitW": row["limit_w"],
                "limitNowW": limit_at(row["limit_w"], windows, now),
                "sharing": row["sharing"],
                "windows": windows,
                "shelter": row["shelter"],
                "loadW": row["load_w"],
                "partOf": row["part_of"],
                "meter": row["meter"],
                "meterAttribute": row["meter_attribute"],
                "baseW": row["base_w"],
                "powerW": round(sum(plug["powerW"] or 0.0 for plug in plugs), 1),
                "givenW": round(sum(plug["limitW"] or 0.0 for plug in plugs if plug["use"] == "in-use"), 1),
                "stations": [each["id"] for each in here],
                "supply": supplies([each for each in here if each["site"] == row["id"]], row["load_w"]),
            }
        )
    return shown


async def shelter_feeds(tx: Transaction) -> list[ShelterFeed]:
    """What each site that is a shelter's could be fed with now. A station that is not connected, stands in the water or
    is refused gives nothing."""
    every, found = await stations(tx), []
    for row in await tx.fetch(_SQL["sites"]):
        if not row["shelter"]:
            continue
        here = [one for one in every if one["site"] == row["id"]]
        able = [one for one in here if one["v2hW"] and one["connected"] and not one["flooded"] and not one["refused"]]
        vehicles = [
            (one["batteryKwh"], one["v2hW"], session["stateOfCharge"]) for one in able for session in one["sessions"]
        ]
        places = tuple((p["coordinates"][0], p["coordinates"][1]) for one in here if (p := one["location"]))
        given = feed([one["v2hW"] for one in able], vehicles, row["load_w"])
        found.append(ShelterFeed(row["id"], row["name"] or row["id"], places, given))
    return found


async def load_of(tx: Transaction, site: str, since: datetime) -> list[dict[str, Any]]:
    """The most of each minute since then: watts drawn, given out, and the limit in force. Raises `NotFound`."""
    if await tx.fetchval(_SQL["site_exists"], site) is None:
        raise NotFound(f"there is no site {site}")
    return [
        {"at": iso(row["at"]), "powerW": row["power_w"], "givenW": row["given_w"], "limitW": row["limit_w"]}
        for row in await tx.fetch(_SQL["load"], site, since)
    ]


async def save_site(tx: Transaction, site: Site, now: datetime) -> None:
    """Add a site, or give it these values. Raises `Invalid` for a window that is none, or a site above that is none."""
    for window in site.windows:
        if not (0 <= window["from"] < 1440 and 0 <= window["until"] <= 1440 and window["limitW"] >= 0):
            raise Invalid(
                "a window is minutes of a day (from below 1440, until at most 1440) and watts", field="windows"
            )
        if window["from"] == window["until"]:
            raise Invalid("a window has a length: the whole day is from 0 until 1440", field="windows")
    if site.part_of is not None:
        parents = {row["id"]: row["part_of"] for row in await tx.fetch(_SQL["sites"])}
        if site.part_of not in parents:
            raise Invalid(f"there is no site {site.part_of!r}; add it first", field="partOf")
        if lineage(site.id, {**parents, site.id: site.part_of}) is None:
            raise Invalid(f"{site.part_of!r} is itself part of {site.id!r}", field="partOf")
    windows = json.dumps(list(site.windows))
    await tx.execute(
        _SQL["save_site"], site.id, site.name, site.limit_w, site.sharing, windows, site.shelter, site.load_w,
        site.part_of, site.meter, site.meter_attribute, site.base_w, now,
    )  # fmt: skip


async def save_station(tx: Transaction, station: str, rule: StationRule) -> None:
    """Decide about a station, which need not have connected yet. Raises `NotFound` for one that is not registered,
    `Invalid` for a site there is not."""
    if rule.site is not None and await tx.fetchval(_SQL["site_exists"], rule.site) is None:
        raise Invalid(f"there is no site {rule.site!r}; add it first", field="site")
    values = (*rule[:-1], list(rule.floods_with))
    await tx.execute(_SQL["expect_station"], station, FAMILY)
    if await tx.fetchval(_SQL["save_station"], station, *values) is None:
        raise NotFound(f"there is no station {station}; register it as a device of the family {FAMILY}")


async def save_connector(tx: Transaction, station: str, connector: int, most_w: float, phases: int, unit: str) -> None:
    """What a connector can deliver, and in which unit its limits are written."""
    await tx.execute(_SQL["save_connector"], station, connector, most_w, phases, unit)


async def cards(tx: Transaction, text: str, limit: int) -> list[dict[str, Any]]:
    """The cards on the city's list whose number or label contains `text`, by number."""
    return [
        {
            "card": row["token"],
            "status": row["status"],
            "label": row["label"],
            "until": row["until"] and iso(row["until"]),
        }
        for row in await tx.fetch(_SQL["cards"], text, limit)
    ]


async def save_card(tx: Transaction, card: str, status: str, label: str, until: datetime | None) -> None:
    """Put a card on the city's list, or change what it may."""
    await tx.execute(_SQL["save_card"], card, status, label, until)


async def delete_card(tx: Transaction, card: str) -> None:
    """Take a card off the list. Raises `NotFound`."""
    if await tx.fetchval(_SQL["delete_card"], card) is None:
        raise NotFound("there is no such card")


async def disaster(tx: Transaction) -> dict[str, Any]:
    """Whether the disaster mode is open, since when and by whom; what proposes it; and how it was before."""
    kept = [emergency_form(row) for row in await tx.fetch(_SQL["emergencies"])]
    proposals = [
        {"alert": row["id"], "headline": row["headline"], "headlineEn": row["headline_en"], "stage": row["stage"],
         "mode": row["status"], "stations": [each["id"] for each in await tx.fetch(_SQL["reached"], row["gauge"])]}
        for row in await tx.fetch(_SQL["alerts"]) if row["stage"] in _PROPOSED_FROM
    ]  # fmt: skip
    current = next((each for each in kept if each["closedAt"] is None), None)
    return {"open": current, "proposals": [] if current else proposals, "past": [e for e in kept if e["closedAt"]]}


async def open_disaster(tx: Transaction, opening: Opening, by: str, now: datetime) -> str:
    """Open the disaster mode, and stop the stations that count as flooded. Raises `Conflict` where it is open already.

    `Invalid` for a station that never connected.
    """
    number = secrets.token_urlsafe(9)
    made = await tx.fetchval(
        _SQL["open_emergency"], number, now, by, opening.because, opening.alert, opening.public_cap_w,
        opening.emergency_floor_w,
    )  # fmt: skip
    if made is None:
        raise Conflict("the disaster mode is open already; close it to open it with other values")
    found = {row["id"] for row in await tx.fetch(_SQL["flood"], list(opening.flooded))}
    if strange := sorted(set(opening.flooded) - found):
        raise Invalid(f"no station {strange[0]} has ever connected", field="flooded")
    return number


async def close_disaster(tx: Transaction, by: str, now: datetime) -> str:
    """Return to normal; no station counts as flooded any more. Raises `Conflict` where nothing is open."""
    number = await tx.fetchval(_SQL["close_emergency"], now, by)
    if number is None:
        raise Conflict("the disaster mode is not open")
    await tx.execute(_SQL["end_floods"])
    return str(number)
