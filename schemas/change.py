"""What changed in an entity: the one stream of events that services, subscriptions and the live map share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec


class Sample(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One value that history gained. Late values are samples too, though they do not change the current state.

    `version` above 0 is a correction: the same device and time, another value. `by_hand`: a person made it, and
    `moved_from` is the time at which it stood before, where they moved it.
    """

    attribute: str
    value: Any
    observed_at: datetime
    version: int = 0
    by_hand: bool = False
    moved_from: datetime | None = None
    dataset_id: str = ""


class Withdrawn(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One value that a person deleted from history, with all that it had corrected."""

    attribute: str
    observed_at: datetime
    dataset_id: str = ""


class State(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An entity as a change left it (of a deletion: as it was last). `doc` is the normalized NGSI-LD entity.

    `stamps` are the times of its attributes as the store keeps them, a JSON object.
    """

    doc: msgspec.Raw
    created_at: datetime
    modified_at: datetime
    stamps: str = "{}"


MAX_STATE_BYTES = 65_536
"""A larger entity travels without its state: who needs it reads what is there by then."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One entity's change in one transaction, on the log's topic `changes`, keyed by entity.

    `attributes` holds the new normalized NGSI-LD attribute for each that changed in the current state (None
    for one deleted); `previous` what stood there before. `samples` holds all that history gained, in order
    of arrival, and `withdrawn` what a person took out of it. `state` is the whole entity, so that nobody judges
    the change by what came after it. `version` counts the entity's changes from 1. `at` is the time of the
    transaction.
    """

    tenant: str
    entity: str
    type: tuple[str, ...]
    op: Literal["create", "update", "delete"]
    version: int
    at: datetime
    attributes: dict[str, Any] = {}
    previous: dict[str, Any] = {}
    samples: tuple[Sample, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    state: State | None = None
    trace: str | None = None


class Head(msgspec.Struct, frozen=True):
    """As much of a change as tells what it is about, and so who may see it; read without the rest."""

    tenant: str
    type: tuple[str, ...] = ()
    entity: str = ""


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)
_head_decoder: msgspec.json.Decoder[Head] = msgspec.json.Decoder(Head)


def encode_change(change: Change) -> bytes:
    """The bytes kept in the log's topic `changes` (JSON, so that any Kafka consumer can read it)."""
    return _encoder.encode(change)


def decode_change(value: bytes) -> Change:
    """The inverse of `encode_change`. Raises `msgspec.DecodeError` on anything else."""
    return _decoder.decode(value)


def decode_head(value: bytes) -> Head:
    """What a change is about. Raises `msgspec.DecodeError` on anything that is no change."""
    return _head_decoder.decode(value)


def changes_of_types(values: Iterable[bytes], types: frozenset[str]) -> Iterator[Change]:
    """Those changes that are about an entity of one of `types`. The others, most of a stream, are hardly read."""
    return (decode_change(value) for value in values if not types.isdisjoint(decode_head(value).type))
