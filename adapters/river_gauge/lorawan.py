"""River gauges over LoRaWAN, behind ChirpStack v4 or The Things Stack v3. Pure: no clock, no I/O.

Where the network has a codec, its object is a row as `rows.read_row` reads it; else the bytes are read by the FPort's
layout (`layouts`). A row without a time of its own has the network's time of reception. The device is the DevEUI.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.lorawan import chirpstack, things_stack
from adapters.lorawan.uplink import Uplink, message_key
from adapters.river_gauge.layouts import LAYOUTS, unpack
from adapters.river_gauge.rows import read_row, read_rows
from schemas.observation import Observation, Reason, Rejection


def decode_chirpstack(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What the gauge behind a ChirpStack v4 uplink measured, at least one outcome. Never raises."""
    return _measured(chirpstack.parse(topic, payload))


def decode_things_stack(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What the gauge behind a The Things Stack v3 uplink measured, at least one outcome. Never raises."""
    return _measured(things_stack.parse(topic, payload))


def _measured(uplink: Uplink | Rejection) -> list[Observation | Rejection]:
    if isinstance(uplink, Rejection):
        return [uplink]
    key = message_key(uplink)
    outcomes: Iterable[Observation | Rejection]
    if uplink.object is not None:
        outcomes = read_row(uplink.object, uplink.device, at=uplink.at, key=key)
    else:
        outcomes = _unpacked(uplink, key)
    return list(outcomes)


def _unpacked(uplink: Uplink, key: str) -> Iterable[Observation | Rejection]:
    layout = LAYOUTS.get(uplink.f_port)
    if layout is None:
        known = ", ".join(map(str, LAYOUTS))
        detail = f"FPort {uplink.f_port} has no layout; use {known}, or set a codec at the network that gives `level`"
        return [Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field="fPort", device=uplink.device)]
    try:
        rows = unpack(layout, uplink.data)
    except ValueError as error:
        detail = f"FPort {uplink.f_port}: {error}"
        return [Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field="data", device=uplink.device)]
    return read_rows(rows, uplink.device, at=uplink.at, key=key)
