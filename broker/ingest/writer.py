"""The writer: from the log's observations to entities, history, rejected store and accounting, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from broker import telemetry
from broker.entities.merge import EntityUpdate
from broker.ingest.figures import Figures
from broker.ports import Record, Transaction
from broker.store.accounting import (
    DUPLICATE,
    RECEIVED,
    STORED,
    Ledger,
    Rejected,
    first_seen,
    keep_rejected,
    rejected_as,
)
from broker.store.commands import Answer, answered
from broker.store.devices import Device, DeviceRegistry, note_seen, quarantine
from broker.store.entities import EntityWriter
from broker.store.history import WITHDRAWN
from schemas.change import Change
from schemas.clock import Clock, iso
from schemas.command import ANSWER_PROPERTY
from schemas.observation import COUNTED_ONLY, Observation, Reason, Received, Tally, decode_arrival

GROUP = "writer"
_SEEN_EVERY = timedelta(minutes=1)


class _Measured(NamedTuple):
    arrival: Received
    observation: Observation


class ObservationWriter:
    """Handles batches of the topic `observations`, each in the one transaction that it is given.

    Detections of watch tags in it are not the writer's: no entity tells where a person is (`services.presence`).
    """

    def __init__(self, entities: EntityWriter, registry: DeviceRegistry, clock: Clock) -> None:
        self._entities = entities
        self._registry = registry
        self._clock = clock
        self._figures = Figures()
        self._noted: dict[tuple[str, str], datetime] = {}
        self._noting: dict[tuple[str, str], datetime] = {}

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """Store every observation once; count one outcome for each; keep what was rejected."""
        self._figures = Figures()
        ledger = Ledger()
        measured: list[_Measured] = []
        rejected: list[Rejected] = []
        newcomers: list[tuple[str, str, str]] = []
        for record in records:
            arrival = decode_arrival(record.value)
            if isinstance(arrival, Tally):
                _count_tally(ledger, arrival)
                self._figures.rejected[arrival.reason.value] += arrival.count
                continue
            for observation in arrival.observations:
                ledger.add(arrival.tenant, observation.device, arrival.received_at, RECEIVED)
                measured.append(_Measured(arrival, observation))
            rejected.extend(_rejections(ledger, arrival))
            self._figures.rejected.update(r.reason.value for r in arrival.rejections)
            newcomers.extend(self._newcomers(arrival))
        await self._know(measured)
        changes = await self._store(tx, ledger, measured)
        await keep_rejected(tx, rejected)
        await quarantine(tx, newcomers)
        await answered(tx, [_answer(item) for item in measured if item.observation.property == ANSWER_PROPERTY])
        await note_seen(tx, self._unnoted(measured))
        await ledger.save(tx)
        await self._entities.announce(tx, changes)

    async def _know(self, measured: Sequence[_Measured]) -> None:
        """Look for the devices that the intake knew already and this process does not: their readings are of the
        entities that they were registered with, not of entities of their own."""
        if any(self._registry.find(item.arrival.tenant, item.observation.device) is None for item in measured):
            await self._registry.refresh()

    async def _store(self, tx: Transaction, ledger: Ledger, measured: Sequence[_Measured]) -> list[Change]:
        changes: list[Change] = []
        by_tenant: defaultdict[str, list[_Measured]] = defaultdict(list)
        for item in await _without_copies(tx, ledger, measured):
            by_tenant[item.arrival.tenant].append(item)
        for tenant, items in sorted(by_tenant.items()):
            with telemetry.spans("store", [item.arrival.trace for item in items]) as traces:
                updates = [self._update(item, trace) for item, trace in zip(items, traces, strict=True)]
                written = await self._entities.apply(tx, tenant, updates, at=self._clock())
            for item, versions in zip(items, written.versions, strict=True):
                outcome = DUPLICATE if versions[item.observation.property] in (None, WITHDRAWN) else STORED
                ledger.add(tenant, item.observation.device, item.arrival.received_at, outcome)
                self._figures.outcomes[outcome] += 1
            self._figures.received_at += [item.arrival.received_at for item in items]
            self._figures.observed_at += [item.observation.observed_at for item in items]
            changes += written.changes
        return changes

    def committed(self) -> None:
        """Tell the figures of the batch handled last, once its transaction is committed."""
        self._figures.tell(self._clock())
        self._noted.update(self._noting)

    def _update(self, item: _Measured, trace: str | None) -> EntityUpdate:
        observation = item.observation
        device = self._registry.find(item.arrival.tenant, observation.device)
        attributes: dict[str, Any] = {observation.property: attribute_of(observation)}
        entity_id, entity_type = _entity_of(device, observation)
        untimed: frozenset[str] = frozenset()
        if device and (date := device.profile.date_attribute) and observation.property != ANSWER_PROPERTY:
            attributes[date] = _date_observed(observation.observed_at)
            untimed = frozenset({date})
        return EntityUpdate(entity_id, (entity_type,), attributes, untimed, item.arrival.received_at, trace)

    def _unnoted(self, measured: Sequence[_Measured]) -> Mapping[tuple[str, str], datetime]:
        """Who was heard: each device once a minute, so that a fast one costs no write for every reading."""
        self._noting = {}
        for arrival, observation in measured:
            key = (arrival.tenant, observation.device)
            noted = self._noted.get(key)
            if noted is None or arrival.received_at - noted >= _SEEN_EVERY:
                self._noting[key] = max(arrival.received_at, self._noting.get(key, arrival.received_at))
        return self._noting

    def _newcomers(self, arrival: Received) -> Iterable[tuple[str, str, str]]:
        for rejection in arrival.rejections:
            unknown = rejection.device if rejection.reason is Reason.QUARANTINED else None
            if unknown and self._registry.find(arrival.tenant, unknown) is None:
                yield arrival.tenant, unknown, arrival.family


def attribute_of(observation: Observation) -> dict[str, Any]:
    """The observation as a normalized NGSI-LD Property, a place as a GeoProperty (ETSI GS CIM 009, 4.5.2)."""
    attribute: dict[str, Any] = {"type": "Property", "value": observation.value}
    if isinstance(observation.value, tuple):
        point = {"type": "Point", "coordinates": list(observation.value)}
        attribute = {"type": "GeoProperty", "value": point}
    if observation.unit is not None:
        attribute["unitCode"] = observation.unit
    attribute["observedAt"] = iso(observation.observed_at)
    return attribute


def _answer(item: _Measured) -> Answer:
    """What the device says became of a command. The command's number is the message key (`adapters.commands`)."""
    observation, arrival = item.observation, item.arrival
    outcome, _, text = str(observation.value).partition(": ")
    status: Literal["done", "failed"] = "done" if outcome == "done" else "failed"
    return Answer(arrival.tenant, observation.device, observation.message_key or "", status, text, arrival.received_at)


def _date_observed(at: datetime) -> dict[str, Any]:
    return {"type": "Property", "value": {"@type": "DateTime", "@value": iso(at)}, "observedAt": iso(at)}


def _entity_of(device: Device | None, observation: Observation) -> tuple[str, str]:
    own = observation.property == ANSWER_PROPERTY  # about the device itself, not about what it measures
    if device and device.entity_id and device.entity_type and not own:
        return device.entity_id, device.entity_type
    return f"urn:ngsi-ld:Device:{observation.device}", "Device"


def _count_tally(ledger: Ledger, tally: Tally) -> None:
    ledger.add(tally.tenant, tally.device, tally.received_at, RECEIVED, tally.count)
    ledger.add(tally.tenant, tally.device, tally.received_at, rejected_as(tally.reason), tally.count)


def _rejections(ledger: Ledger, arrival: Received) -> Iterable[Rejected]:
    for rejection in arrival.rejections:
        device = rejection.device or arrival.device
        ledger.add(arrival.tenant, device, arrival.received_at, RECEIVED)
        ledger.add(arrival.tenant, device, arrival.received_at, rejected_as(rejection.reason))
        if rejection.reason in COUNTED_ONLY:
            continue
        yield Rejected(
            arrival.tenant,
            arrival.device,
            device,
            arrival.topic,
            rejection.reason.value,
            rejection.field,
            rejection.detail,
            arrival.payload,
            arrival.received_at,
        )


async def _without_copies(tx: Transaction, ledger: Ledger, measured: Sequence[_Measured]) -> list[_Measured]:
    """Leave out further copies of one transmission (the network says so by its message key), counting them."""
    keyed = [(item, _message_key(item)) for item in measured]
    news = await first_seen(tx, ((*key, item.arrival.received_at) for item, key in keyed if key))
    rest: list[_Measured] = []
    for item, key in keyed:
        if key is None or key in news:
            rest.append(item)
            news.discard(key or ("", "", ""))
        else:
            ledger.add(item.arrival.tenant, item.observation.device, item.arrival.received_at, DUPLICATE)
    return rest


def _message_key(item: _Measured) -> tuple[str, str, str] | None:
    observation = item.observation
    if observation.message_key is None:
        return None
    return item.arrival.tenant, observation.device, f"{observation.message_key}/{observation.property}"
