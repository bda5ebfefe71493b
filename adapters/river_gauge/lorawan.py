"""River gauges over LoRaWAN, behind ChirpStack v4 or The Things Stack v3. Pure: no clock, no I/O.

Where the network has a codec, its object is a row as `rows.read_row` reads it; else the bytes are read by the FPort's
layout (`layouts`). A row without a time of its own has the network's time of reception. The device is the DevEUI.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapters.lorawan import chirpstack, things_stack
from adapters.lorawan.uplink import Uplink, message_key
from adapters.river_gauge.layouts import LAYOUTS, unpack
from adapters.river_gauge.rows import LEVEL, read_row, read_rows
from schemas.observation import Observation, Reason, Rejection


def decode_chirpstack(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What the gauge behind a ChirpStack v4 uplink measured, at least one outcome. Never raises."""
    uplink = chirpstack.parse(topic, payload)
    return [uplink] if isinstance(uplink, Rejection) else _measured(uplink, uplink.object)


def decode_things_stack(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What the gauge behind a The Things Stack v3 uplink measured, at least one outcome. Never raises.

    Its JSON leaves out what equals zero. So where its codec's object is there and the FPort is one that always
    carries a level, an absent level is 0 m. On another port an absent level is no level: a message about the battery
    must not become a river that fell dry.
    """
    uplink = things_stack.parse(topic, payload)
    if isinstance(uplink, Rejection):
        return [uplink]
    decoded = uplink.object
    layout = LAYOUTS.get(uplink.f_port)
    if decoded is not None and layout is not None and LEVEL.field in layout.fields:
        decoded = {LEVEL.field: 0, **decoded}
    return _measured(uplink, decoded)


def _measured(uplink: Uplink, decoded: Mapping[str, Any] | None) -> list[Observation | Rejection]:
    key = message_key(uplink)
    outcomes: Iterable[Observation | Rejection]
    if decoded is not None:
        outcomes = read_row(decoded, uplink.device, at=uplink.at, key=key)
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
