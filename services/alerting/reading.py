"""What others may read of the flood service: gauges, hydrographs, alerts, documents. For a tenant's transaction.

Every function sees the rows of the transaction's tenant alone, by row-level security. Results are plain dicts whose
keys are the API's (camelCase).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from broker.delivery.atom import Entry, atom_feed
from broker.errors import Invalid
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import Clock, iso, utc_now
from schemas.device import DeviceProfile
from schemas.river import Quality, Stage, Thresholds, Trend, stage_of_rank
from services.alerting.backtest import backtest
from services.alerting.backtest_report import as_form, load_past
from services.alerting.publishing import thresholds_of
from services.alerting.rulebook import Rulebook, load_rules, parse_rules
from services.alerting.store import profile_of, store_rules

_SQL = load("services.alerting", "reading")


class FloodReading:
    """Read functions with what they need to know of the city: its address and its name."""

    def __init__(self, *, public_url: str = "", title: str = "河川水位情報", clock: Clock = utc_now) -> None:
        self._url = public_url.rstrip("/")
        self._title = title
        self._clock = clock

    async def gauges(self, tx: Transaction) -> list[dict[str, Any]]:
        """Every gauge as it stands. `suspectStage` is for staff: hide it from the public."""
        return [_gauge(row) for row in await tx.fetch(_SQL["gauges"])]

    async def hydrograph(
        self, tx: Transaction, entity_id: str, start: datetime, end: datetime
    ) -> dict[str, Any] | None:
        """The levels from `start` until before `end`, each in its latest version; None where there is no such gauge.

        `forecast` are the levels ahead of its latest reading, which not everybody may see.
        """
        gauge = await tx.fetchrow(_SQL["gauge"], entity_id)
        if gauge is None:
            return None
        profile = profile_of(gauge["profile"], entity_id)
        rows = await tx.fetch(_SQL["points"], entity_id, start, end)
        ahead = await tx.fetchval(_SQL["forecast"], entity_id)
        return {
            "id": entity_id,
            "thresholds": _thresholds(gauge["steps"], profile),
            "points": [
                {
                    "at": iso(row["at"]),
                    "level": row["level"],
                    "quality": row["quality"] or Quality.GOOD,
                    "reasons": row["reasons"] or [],
                    "status": "confirmed" if row["confirmed"] else "provisional",
                    "version": row["version"],
                }
                for row in rows
            ],
            "forecast": msgspec.json.decode(ahead) if ahead else [],
        }

    async def alerts(self, tx: Transaction, active: bool) -> list[dict[str, Any]]:
        """Alerts, active ones first, gravest first; only those when `active`."""
        return [
            {
                **msgspec.json.decode(row["shown"]),
                "updatedAt": iso(row["updated_at"]),
                "endedAt": iso(row["ended_at"]) if row["ended_at"] else None,
                "endedBy": row["ended_by"],
            }
            for row in await tx.fetch(_SQL["alerts"], active)
        ]

    async def cap(self, tx: Transaction, identifier: str) -> bytes | None:
        """A message's CAP 1.2 document by its identifier, exactly as it was issued."""
        text = await tx.fetchval(_SQL["cap"], identifier)
        return text.encode() if text is not None else None

    async def feed(self, tx: Transaction) -> bytes:
        """The latest hundred messages as an Atom feed."""
        entries = [
            Entry(row["id"], row["sent_at"], row["headline"], row["summary"], row["mode"])
            for row in await tx.fetch(_SQL["messages"])
        ]
        text = atom_feed(entries, title=self._title, author=self._title, url=self._url, updated=self._clock())
        return text.encode()

    async def decisions(
        self, tx: Transaction, entity_id: str | None, start: datetime, end: datetime
    ) -> list[dict[str, Any]]:
        """Decisions by the observed time of what decided them, newest first, with inputs and rule version."""
        return [
            {
                "gauge": row["entity_id"],
                "kind": row["kind"],
                "at": iso(row["at"]),
                "before": row["stage_before"],
                "after": row["stage_after"],
                "why": row["why"],
                "status": row["mode"],
                "rules": row["rules"],
                "inputs": msgspec.json.decode(row["inputs"]),
                "madeAt": iso(row["made_at"]),
            }
            for row in await tx.fetch(_SQL["decisions"], entity_id, start, end)
        ]


async def city_now(tx: Transaction) -> datetime | None:
    """The city's present, where that is its data's (see `cityclock`); None before the first reading."""
    at: datetime | None = await tx.fetchval(_SQL["clock"])
    return at


_MOST_TRIED = 200_000
"""Readings that rules are tried on in one request: two weeks of a hundred gauges that report every ten minutes."""


class StoredRules:
    """A tenant's rules as the API reads and replaces them. `default` are those of a tenant that has stored none."""

    def __init__(self, default: Rulebook) -> None:
        self._default = default

    async def current(self, tx: Transaction) -> Mapping[str, Any]:
        """The rules in force with their version and, for reference, every setting as it applies."""
        row = await tx.fetchrow("select number, document::text as document from rule_set order by number desc limit 1")
        book = load_rules(row["document"], row["number"]) if row else self._default
        return _shown(book)

    async def trial(
        self, tx: Transaction, tenant: str, document: Any, start: datetime, end: datetime
    ) -> Callable[[], dict[str, Any]]:
        """The rules in force and those of `document` beside each other on the past; run what is returned in a thread.

        Raises `Invalid` for rules that are wrong, naming the path, and for a time with too many readings.
        """
        if not isinstance(document, Mapping):
            raise Invalid("the rules must be a mapping of names to values", field="rules")
        candidate = parse_rules(document)
        row = await tx.fetchrow("select number, document::text as document from rule_set order by number desc limit 1")
        current = load_rules(row["document"], row["number"]) if row else self._default
        past = await load_past(tx, await tx.fetchval("select id from tenant where name = $1", tenant), start, end)
        if len(past.rows) > _MOST_TRIED:
            raise Invalid(f"{len(past.rows):,} readings; at most {_MOST_TRIED:,}: choose a shorter time", field="from")

        def run() -> dict[str, Any]:
            now, then = (backtest(past.rows, past.profiles, book) for book in (current, candidate))
            return {"current": as_form(now), "candidate": as_form(then)}

        return run

    async def replace(self, tx: Transaction, tenant: str, document: Any, author: str) -> Mapping[str, Any]:
        """Check and keep `document` as a new version. Raises `Invalid` naming the path of the first fault."""
        if not isinstance(document, Mapping):
            raise Invalid("the rules must be a mapping of names to values", field="rules")
        tenant_id = await tx.fetchval("select id from tenant where name = $1", tenant)
        return _shown(await store_rules(tx, tenant_id, parse_rules(document), by=author))


def _shown(book: Rulebook) -> dict[str, Any]:
    return {
        "version": book.version,
        "number": book.number,
        "document": book.document.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "effective": book.document.model_dump(mode="json", by_alias=True),
    }


def _gauge(row: Mapping[str, Any]) -> dict[str, Any]:
    entity_id = row["entity_id"]
    profile = profile_of(row["profile"], entity_id)
    thresholds = _thresholds(row["steps"], profile)
    silent = row["rank"] is None or row["silent_since"] is not None
    doubt = None if silent or row["doubt_rank"] <= 0 else stage_of_rank(row["doubt_rank"])
    place = profile.location
    return {
        "id": entity_id,
        "stationId": entity_id.rsplit(":", 1)[-1],
        "name": profile.name,
        "river": profile.river,
        "address": profile.address,
        "manager": profile.manager,
        "location": {"type": "Point", "coordinates": list(place.coordinates)} if place else None,
        "thresholds": thresholds,
        "level": _number(row["level"]),
        "observedAt": row["observed_at"],
        "receivedAt": iso(row["received_at"]) if row["received_at"] else None,
        "stage": Stage.UNKNOWN if silent else stage_of_rank(row["rank"]),
        "stageSince": iso(row["since"]) if row["since"] and not silent else None,
        "trend": Trend.UNKNOWN if silent else row["trend"],
        "quality": Quality.MISSING if silent else row["quality"],
        "qualityReasons": [] if silent else row["reasons"],
        "status": "confirmed" if row["confirmed"] else "provisional",
        "suspectStage": doubt,
    }


def _thresholds(steps: str | None, profile: DeviceProfile) -> dict[str, float | None]:
    """The stages as they are judged by; before the first reading, those of the profile."""
    levels = thresholds_of(msgspec.json.decode(steps, type=tuple[tuple[float, int], ...])) if steps else None
    if levels is None:
        known = {name: profile.stages.get(name) for name in ("standby", "caution", "evacuation", "danger")}
        levels = Thresholds(**known)
    return msgspec.structs.asdict(levels)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
