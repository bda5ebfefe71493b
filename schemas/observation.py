"""What a device measured, after decoding and before anything is stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from schemas.detection import Detection


class Reason(StrEnum):
    """Why something a device sent was not accepted. Machine-readable and stable: people filter on it."""

    NOT_JSON = "not-json"
    NOT_UTF8 = "not-utf8"
    WRONG_SHAPE = "wrong-shape"
    NOT_A_NUMBER = "not-a-number"
    BAD_TIME = "bad-time"
    TIME_IN_FUTURE = "time-in-future"
    TIME_TOO_OLD = "time-too-old"
    OUT_OF_RANGE = "out-of-range"
    SENSOR_FAULT = "sensor-fault"
    UNKNOWN_TOPIC = "unknown-topic"
    UNKNOWN_DEVICE = "unknown-device"
    QUARANTINED = "quarantined"
    SUSPENDED = "suspended"
    FORBIDDEN = "forbidden"
    NOT_YOURS = "not-yours"
    TOO_LARGE = "too-large"
    RATE_LIMITED = "rate-limited"
    DECODER_FAILED = "decoder-failed"
    NOT_A_TAG = "not-a-tag"


COUNTED_ONLY = frozenset({Reason.TOO_LARGE, Reason.RATE_LIMITED, Reason.NOT_A_TAG})
"""Reasons whose bytes are not kept: they would let one device fill the store, or are of passers-by' phones."""


class Observation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One property of one device at one time. A value of two numbers is a place: longitude and latitude in degrees.

    `property` is the NGSI-LD attribute the value becomes, `unit` its UN/CEFACT common code (``MTR``),
    `observed_at` the device's own time (aware, UTC). `message_key`, where the network gives one, is the same
    for every copy of one transmission (a LoRaWAN frame counter, say), so that a copy counts once even when
    its time differs.
    """

    device: str
    property: str
    value: float | int | str | bool | tuple[float, float]
    observed_at: datetime
    unit: str | None = None
    message_key: str | None = None


class Rejection(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that was not accepted: why, in which field, and what would have been right."""

    reason: Reason
    detail: str
    field: str | None = None
    device: str | None = None


class Received(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="received"):
    """The log's record of one device message: the original bytes beside what the decoder made of them.

    `device` is who sent it (a device or a network that speaks for devices), `way` the door it came through,
    `family` the adapter that claimed the topic ('' for none). One outcome per element: every element of
    `observations` and of `detections` will be stored or counted as a duplicate, every element of `rejections` is
    rejected. Where the family is personal, `topic` is only its filter and `payload` is sealed (`broker.veil`) or empty.
    """

    tenant: str
    device: str
    topic: str
    payload: bytes
    received_at: datetime
    way: str
    family: str = ""
    observations: tuple[Observation, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    detections: tuple[Detection, ...] = ()
    trace: str | None = None


class Tally(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="tally"):
    """The log's record of messages that are only counted (too large, too many), summed over one batch."""

    tenant: str
    device: str
    reason: Reason
    count: int
    received_at: datetime


Arrival = Received | Tally

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Arrival] = msgspec.msgpack.Decoder(Arrival)


def encode_arrival(arrival: Arrival) -> bytes:
    """The bytes kept in the log's topic `observations` (MessagePack)."""
    return _encoder.encode(arrival)


def decode_arrival(value: bytes) -> Arrival:
    """The inverse of `encode_arrival`. Raises `msgspec.DecodeError` on bytes that are not a record of ours."""
    return _decoder.decode(value)


def plain(value: Any) -> Any:
    """A struct as plain dicts and lists, for JSON answers."""
    return msgspec.to_builtins(value)
