"""From records of the topic `changes` to readings. Pure, and lean: most records concern no gauge."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from broker.ports import Record
from services.alerting.readings import Reading, Removal

OBSERVED = "WaterObserved"
LEVEL = "waterLevel"
_log = logging.getLogger(__name__)


class _Sample(msgspec.Struct):
    attribute: str
    value: Any
    observed_at: datetime
    version: int = 0
    by_hand: bool = False
    moved_from: datetime | None = None
    dataset_id: str = ""


class _Withdrawn(msgspec.Struct):
    attribute: str
    observed_at: datetime
    dataset_id: str = ""


class _Change(msgspec.Struct):
    """The part of `schemas.change.Change` that matters here."""

    tenant: str
    entity: str
    type: tuple[str, ...]
    at: datetime
    samples: tuple[_Sample, ...] = ()
    withdrawn: tuple[_Withdrawn, ...] = ()
    trace: str | None = None


class GaugeKey(NamedTuple):
    """A gauge: a tenant's name and the id of its WaterObserved entity."""

    tenant: str
    entity_id: str

    @property
    def station(self) -> str:
        """The station id: the last part of the entity id."""
        return self.entity_id.rsplit(":", 1)[-1]

    def sibling(self, kind: str) -> str:
        """The id of the entity of another type that belongs to the same gauge."""
        return f"urn:ngsi-ld:{kind}:{self.entity_id.removeprefix('urn:ngsi-ld:').removeprefix(OBSERVED + ':')}"


class Arrivals(NamedTuple):
    """What a batch brought: by gauge, in order of arrival, readings and what was taken out of history; the newest trace
    of each gauge that has one; and which gauges spoke themselves (what a person does says nothing of whether a gauge is
    alive)."""

    readings: dict[GaugeKey, list[Reading | Removal]]
    traces: dict[GaugeKey, str]
    spoke: set[GaugeKey]


_decoder = msgspec.json.Decoder(_Change)


def readings_in(records: Sequence[Record]) -> Arrivals:
    """The water levels in `records`. A record or a value that is no level is logged and passed over."""
    arrivals = Arrivals({}, {}, set())
    for record in records:
        try:
            change = _decoder.decode(record.value)
        except msgspec.DecodeError as error:
            _log.warning("change %s/%d@%d is unreadable: %s", record.topic, record.partition, record.offset, error)
            continue
        if OBSERVED not in change.type or not (change.samples or change.withdrawn):
            continue
        gauge = GaugeKey(change.tenant, change.entity)
        found = [*_removals(change), *_readings(change)]
        if not found:
            continue
        arrivals.readings.setdefault(gauge, []).extend(found)
        if any(sample.attribute == LEVEL and not sample.by_hand for sample in change.samples):
            arrivals.spoke.add(gauge)
        if change.trace:
            arrivals.traces[gauge] = change.trace
    return arrivals


def _removals(change: _Change) -> Iterator[Removal]:
    for gone in change.withdrawn:
        if gone.attribute == LEVEL and not gone.dataset_id:
            yield Removal(gone.observed_at.timestamp())


def _readings(change: _Change) -> Iterator[Reading | Removal]:
    arrived = change.at.timestamp()
    for sample in change.samples:
        if sample.attribute != LEVEL or sample.dataset_id:
            continue
        if not is_level(sample.value):
            _log.warning("%s of %s is %r, no level in metres", LEVEL, change.entity, sample.value)
            if sample.moved_from:
                yield Removal(sample.moved_from.timestamp())
            continue
        at = sample.observed_at.timestamp()
        reading = reading_of(at, sample.value, sample.version, arrived, by_hand=sample.by_hand)
        yield Removal(sample.moved_from.timestamp(), reading) if sample.moved_from else reading


def is_level(value: Any) -> bool:
    """Whether a value of the attribute is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def reading_of(at: float, level: float, version: int, arrived: float, *, by_hand: bool) -> Reading:
    """A reading observed at `at` that arrived at `arrived` (both POSIX seconds)."""
    return Reading(at, float(level), version, at - arrived if at > arrived else 0.0, by_hand)
