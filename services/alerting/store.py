"""The flood service's tables: loading and saving what the rules need, in the caller's transaction."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from broker.errors import Conflict
from broker.ports import Transaction
from broker.sql import load
from schemas.device import DeviceProfile, parse_profile
from schemas.river import Mode
from services.alerting.cityclock import CityClock, first_heard
from services.alerting.intake import GaugeKey, reading_of
from services.alerting.memory import Held, Tenant
from services.alerting.readings import Judged, Reading
from services.alerting.rulebook import Rulebook, dump_rules, load_rules
from services.alerting.rules import GaugeRules
from services.alerting.silence import silent_from
from services.alerting.state import Decision, GaugeState, decode_state, encode_state

SQL = load("services.alerting", "store")
_Steps = tuple[tuple[float, int], ...]
_log = logging.getLogger(__name__)
_NO_PROFILE = DeviceProfile()


async def refresh_tenants(
    tx: Transaction, names: Sequence[str], known: Mapping[str, Tenant], default: Rulebook
) -> list[Tenant]:
    """The tenants of those names that are new or have newer rules than is known; `default` where none are stored."""
    changed = []
    for row in await tx.fetch(SQL["tenants"], list(names)):
        old = known.get(row["name"])
        if old is not None and old.book.number == row["number"]:
            continue
        text = await tx.fetchval(SQL["rules"], row["id"], row["number"]) if row["number"] else None
        book = load_rules(text, row["number"]) if text else default
        changed.append(Tenant(row["id"], row["name"], row["local_government_code"], book))
    return changed


async def store_rules(tx: Transaction, tenant_id: int, book: Rulebook, *, by: str) -> Rulebook:
    """Make `book` the tenant's rules and return it with its number. The same rules again change nothing.

    Raises `Conflict` when somebody else stores rules at the same time.
    """
    newest = await tx.fetchrow(SQL["newest_rules"], tenant_id)
    if newest is not None and newest["digest"] == book.digest:
        return Rulebook(book.document, newest["number"])
    numbered = Rulebook(book.document, (newest["number"] if newest else 0) + 1)
    await tx.execute(SQL["add_rules"], tenant_id, numbered.number, numbered.digest, dump_rules(numbered), by)
    return numbered


def profile_of(text: str | None, entity_id: str) -> DeviceProfile:
    """A device's profile from its row. One that cannot be read is logged and counts as empty: no stage is inferred."""
    try:
        return _parsed(text) if text else _NO_PROFILE
    except ValueError as error:
        _log.error("the profile of %s is not usable, its stages are not judged: %s", entity_id, error)
        return _NO_PROFILE


@lru_cache(maxsize=1000)
def _parsed(text: str) -> DeviceProfile:
    return parse_profile(msgspec.json.decode(text))


@lru_cache(maxsize=1000)
def _kept_once(rules: GaugeRules) -> GaugeRules:
    return rules


class Loaded(NamedTuple):
    """Gauges as stored, and for each the readings that its history has beyond what its state has seen."""

    gauges: list[Held]
    unseen: dict[GaugeKey, list[Reading]]


async def load_gauges(tx: Transaction, tenant: Tenant, until: Mapping[str, float], *, unstored: float = 0.0) -> Loaded:
    """The gauges in `until` (entity id: time of the first reading at hand) as stored.

    Not every reading is stored with a state, only the first of every `unstored` seconds of observed time (see
    `AlertingSettings.checkpoint_s`); the history has them all, and taking a reading in twice changes nothing.
    """
    rows = await tx.fetch(SQL["gauges"], tenant.id, sorted(until))
    gauges = []
    for row in rows:
        key = GaugeKey(tenant.name, row["entity_id"])
        profile = profile_of(row["profile"], key.entity_id)
        state = decode_state(row["state"]) if row["state"] else GaugeState()
        stored_at = row["observed_at"].timestamp() if row["observed_at"] else float("-inf")
        rules = rules_of(tenant.book, key, profile)
        shown = (row["rules"], msgspec.json.decode(row["steps"], type=_Steps)) if row["rules"] else None
        gauges.append(Held(key, profile, rules, state, row["revision"] or 0, stored_at, shown))
    stored = [gauge for gauge in gauges if gauge.state.known]
    # What is at hand may be late, or of an old reading: those after it have been heard, and are not stored yet.
    reach = {gauge.key: max(until[gauge.key.entity_id], gauge.state.head.at + unstored) for gauge in stored}
    return Loaded(gauges, await _unseen(tx, tenant, stored, reach) if stored else {})


def rules_of(book: Rulebook, key: GaugeKey, profile: DeviceProfile) -> GaugeRules:
    """The gauge's rules; those of a gauge without stages where its profile's stages make no sense (logged).

    Equal rules and profiles are kept once: most of fifty thousand gauges have a handful of different ones.
    """
    try:
        return _kept_once(book.for_gauge(key.station, profile))
    except ValueError as error:
        _log.error("%s is judged as a gauge without stages: %s", key.entity_id, error)
        return book.for_gauge(key.station, msgspec.structs.replace(profile, stages={}))


async def _unseen(
    tx: Transaction, tenant: Tenant, stored: Sequence[Held], until: Mapping[GaugeKey, float]
) -> dict[GaugeKey, list[Reading]]:
    rows = await tx.fetch(
        SQL["history"],
        tenant.id,
        [gauge.key.entity_id for gauge in stored],
        [_time(gauge.state.window[0].reading.at if gauge.state.window else gauge.state.head.at) for gauge in stored],
        [_time(until[gauge.key]) for gauge in stored],
    )
    seen = {gauge.key.entity_id: {(e.reading.at, e.reading.version) for e in gauge.state.window} for gauge in stored}
    unseen: defaultdict[GaugeKey, list[Reading]] = defaultdict(list)
    for row in rows:
        at = row["at"].timestamp()
        if (at, row["version"]) not in seen[row["entity_id"]]:
            arrived = row["received_at"].timestamp()
            reading = reading_of(at, row["number"], row["version"], arrived, by_hand=row["by_hand"])
            unseen[GaugeKey(tenant.name, row["entity_id"])].append(reading)
    return unseen


async def save_gauges(tx: Transaction, tenant: Tenant, gauges: Sequence[Held]) -> None:
    """Store states, each one revision on. Raises `Conflict` when another process changed one meanwhile."""
    ordered = sorted(gauges, key=lambda gauge: gauge.key.entity_id)
    columns = zip(*(_columns(tenant.book, gauge) for gauge in ordered), strict=True)
    done = await tx.execute(SQL["save"], tenant.id, *(list(column) for column in columns))
    if done != f"INSERT 0 {len(ordered)}":
        raise Conflict("another process changed the state of one of these gauges")
    for gauge in ordered:
        gauge.revision += 1
        gauge.stored_at = gauge.state.head.at
        gauge.shown = gauge.ruled


def _columns(book: Rulebook, gauge: Held) -> tuple[object, ...]:
    head = gauge.state.head
    at = _time(head.at) if gauge.state.known else None
    silent = silent_from(gauge.profile, head.level, at, book.section(gauge.key.station).silence) if at else None
    return (
        gauge.key.entity_id,
        gauge.profile.river,
        head.rank,
        head.doubt_rank,
        head.trend,
        head.quality,
        " ".join(head.reasons),
        head.level if at else None,
        at,
        _time(head.since) if at else None,
        silent,
        msgspec.json.encode(gauge.rules.steps).decode(),
        encode_state(gauge.state),
        gauge.rules.version,
        gauge.revision + 1,
    )


async def save_decisions(
    tx: Transaction, tenant: Tenant, decided: Sequence[tuple[str, Decision]], *, mode: Mode, now: datetime
) -> None:
    """Store decisions (entity id, decision), with what they were made from."""
    rows = [
        (entity, d.kind, _time(d.at), d.before, d.after, d.why, d.rules, msgspec.json.encode(d.inputs).decode())
        for entity, d in decided
    ]
    if rows:
        await tx.execute(SQL["decisions"], tenant.id, mode, now, *(list(c) for c in zip(*rows, strict=True)))


async def save_marks(tx: Transaction, tenant: Tenant, marks: Sequence[tuple[str, Judged]]) -> None:
    """Store the qualities of values (entity id, value); the last of several for one value holds."""
    last = {(entity, mark.reading.at, mark.reading.version): mark for entity, mark in marks}
    rows = [
        (entity, _time(at), version, mark.quality, " ".join(mark.reasons))
        for (entity, at, version), mark in sorted(last.items())
    ]
    if rows:
        await tx.execute(SQL["marks"], tenant.id, *(list(c) for c in zip(*rows, strict=True)))


async def forget_marks(tx: Transaction, tenant: Tenant, removed: Sequence[tuple[str, float]]) -> None:
    """Forget the qualities of values (entity id, POSIX seconds) that were taken out of history, in every version."""
    if removed:
        entities, times = zip(*removed, strict=True)
        await tx.execute(SQL["forget_marks"], tenant.id, list(entities), [_time(at) for at in times])


async def advance_clock(tx: Transaction, tenant: Tenant, heard: Sequence[tuple[str, float]]) -> None:
    """Move the clock of a replay by readings (entity id, observed at in POSIX seconds) in order of their times."""
    row = await tx.fetchrow(SQL["clock"], tenant.id)
    before = None
    if row is not None:
        leap = row["leap"].timestamp() if row["leap"] else None
        before = CityClock(row["at"].timestamp(), row["sole"], row["leaper"], leap)
    clock = before
    for gauge, at in heard:
        clock = clock.heard(gauge, at) if clock else first_heard(gauge, at)
    if clock is not None and clock != before:
        leap_to = _time(clock.leap) if clock.leap is not None else None
        await tx.execute(SQL["set_clock"], tenant.id, _time(clock.at), clock.sole, clock.leaper, leap_to)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
