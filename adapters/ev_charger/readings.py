"""Sampled values of meters, from OCPP 1.6 (7.43) and 2.0.1 (2.43) alike, in one unit for each quantity. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from adapters.times import parse_time

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CHARGE = "SoC"

_UNITS = {
    "Wh": ("WHR", 1.0), "kWh": ("WHR", 1000.0), "varh": ("VRH", 1.0), "kvarh": ("VRH", 1000.0),
    "W": ("WTT", 1.0), "kW": ("WTT", 1000.0), "VA": ("D46", 1.0), "kVA": ("D46", 1000.0),
    "var": ("D44", 1.0), "kvar": ("D44", 1000.0), "A": ("AMP", 1.0), "V": ("VLT", 1.0),
    "Celsius": ("CEL", 1.0), "Celcius": ("CEL", 1.0), "Percent": ("P1", 1.0), "Hertz": ("HTZ", 1.0),
}  # fmt: skip
"""UN/CEFACT common code and factor. `Celcius` is how OCPP 1.6 spells it."""
_UNIT_OF = {"SoC": "Percent", "Temperature": "Celsius", "Voltage": "V", "Frequency": "Hertz", "RPM": ""}
_MOST = 1e15
_WORD = re.compile(r"[^A-Za-z0-9]+")


class Reading(NamedTuple):
    """One measurand at one time. `unit` is the UN/CEFACT code, None where the quantity has none or is unknown to us."""

    measurand: str
    at: datetime
    value: float
    unit: str | None
    phase: str = ""
    place: str = "Outlet"

    @property
    def whole(self) -> bool:
        """Whether it is about all phases at the outlet: the one that is billed and balanced by."""
        return not self.phase and self.place == "Outlet"


class Unread(NamedTuple):
    """A sample that cannot be used, in which field, and why; of a register below zero also its value and time."""

    field: str
    why: str
    value: float | None = None
    at: datetime | None = None


def readings(meter_values: Any) -> Iterator[Reading | Unread]:
    """What a list of MeterValue says, in order."""
    for block in meter_values or ():
        try:
            at = parse_time(block.get("timestamp"))
        except ValueError as error:
            yield Unread("timestamp", f"timestamp {error}")
            continue
        samples = block.get("sampledValue", ())
        if not isinstance(samples, list | tuple) or not all(isinstance(sample, Mapping) for sample in samples):
            yield Unread("sampledValue", "sampledValue is a list of objects, each with a value")
            continue
        for sample in samples:
            yield _reading(sample, at)


def named(measurand: str, phase: str = "", place: str = "Outlet") -> str:
    """The measurand as the end of an attribute's name: `EnergyActiveImportRegisterL1`."""
    parts = [measurand, phase, place if place != "Outlet" else ""]
    return "".join(word[:1].upper() + word[1:] for part in parts for word in _WORD.split(part) if word)


def latest(found: Iterable[Reading | Unread], measurand: str) -> Reading | None:
    """The newest reading of a measurand over all phases at the outlet, or None."""
    fitting = [r for r in found if isinstance(r, Reading) and r.measurand == measurand and r.whole]
    return max(fitting, key=lambda reading: reading.at, default=None)


def below_zero(found: Iterable[Reading | Unread]) -> Unread | None:
    """A register of energy that reads less than nothing, if there is one."""
    return next((each for each in found if isinstance(each, Unread) and each.field == ENERGY and each.value), None)


def power(found: Iterable[Reading | Unread]) -> float | None:
    """Watts imported: as said over all phases, else the sum of the phases of the newest time."""
    every = [r for r in found if isinstance(r, Reading) and r.measurand == POWER and r.place == "Outlet"]
    if not every:
        return None
    newest = max(r.at for r in every)
    now = [r for r in every if r.at == newest]
    whole = [r.value for r in now if not r.phase]
    return whole[-1] if whole else sum(r.value for r in now if r.phase in ("L1", "L2", "L3"))


def _reading(sample: Mapping[str, Any], at: datetime) -> Reading | Unread:
    measurand = str(sample.get("measurand", ENERGY))
    raw, multiplier = sample.get("value"), 0
    unit = sample.get("unit")
    if isinstance(of := sample.get("unitOfMeasure"), Mapping):
        unit, multiplier = of.get("unit", unit), of.get("multiplier", 0)
    if sample.get("format") == "SignedData":
        return Unread(measurand, "signed meter data are kept as they came and not read")
    try:
        value = float(raw) if not isinstance(raw, bool) and raw is not None else math.nan
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        return Unread(measurand, f"{str(raw)[:40]!r} is no number")
    default = _UNIT_OF.get(measurand) or ("Wh" if measurand.startswith("Energy") else "")
    if not default and measurand.startswith("Power") and measurand != "Power.Factor":
        default = "W"
    if not default and measurand.startswith("Current"):
        default = "A"
    code, factor = _UNITS.get(str(unit or default), (None, 1.0))
    value *= factor * 10.0 ** (multiplier if isinstance(multiplier, int) and -9 <= multiplier <= 9 else 0)
    if abs(value) > _MOST:
        return Unread(measurand, f"{str(raw)[:40]} is more than anything here can measure")
    if measurand.startswith("Energy") and measurand.endswith("Register") and value < 0:
        why = f"the register reads {value:g} Wh: a register of energy is never below zero"
        return Unread(measurand, why, value, at)
    return Reading(measurand, at, value, code, str(sample.get("phase", "")), str(sample.get("location", "Outlet")))
