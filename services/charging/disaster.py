"""Charging in a disaster: who comes first, what is capped or stopped, and what vehicles could give a shelter. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from services.charging.sharing import Demand

Priority = Literal["emergency", "shelter", "fleet", "public"]
_USUAL: dict[Priority, int] = {"emergency": 0, "fleet": 1, "shelter": 2, "public": 2}
_IN_DISASTER: dict[Priority, int] = {"emergency": 0, "shelter": 1, "fleet": 2, "public": 3}
_KEPT_PERCENT = 20.0
"""A vehicle that feeds a building keeps so much of its charge, to be able to leave."""


class Emergency(NamedTuple):
    """The rules of an open disaster mode. `public_cap_w` 0 stops public charging."""

    public_cap_w: float
    emergency_floor_w: float


class Supply(NamedTuple):
    """What a vehicle at a station could give a building: energy above what it keeps, and for how many hours."""

    kwh: float
    power_w: float
    hours: float


class Feed(NamedTuple):
    """What the stations of a shelter's site could give it together: how many can give at all, how many vehicles are
    there now (`unknown`: those of them that do not tell their charge and count for nothing), the energy above what they
    keep, the power, and for how many hours they carry `load_w`; 0 where nobody has said what the shelter draws."""

    stations: int
    vehicles: int
    unknown: int
    kwh: float
    power_w: float
    load_w: float
    hours: float


def ruled(demand: Demand, priority: Priority, emergency: Emergency | None, *, flooded: bool) -> Demand:
    """The demand as the present rules see it. In a flooded area nobody charges."""
    if emergency is None:
        return demand._replace(priority=_USUAL[priority])
    most = 0.0 if flooded else demand.most_w
    if priority == "public":
        most = min(most, emergency.public_cap_w)
    floor = emergency.emergency_floor_w if priority == "emergency" else 0.0
    return demand._replace(priority=_IN_DISASTER[priority], most_w=most, floor_w=floor)


def supply(battery_kwh: float, soc: float, gives_w: float, load_w: float) -> Supply:
    """What a vehicle charged to `soc` percent can give a load of `load_w` through a station that gives `gives_w`."""
    kwh = max(soc - _KEPT_PERCENT, 0.0) / 100 * battery_kwh
    power = min(gives_w, load_w) if load_w > 0 else gives_w
    return Supply(round(kwh, 2), power, round(kwh * 1000 / power, 1) if power > 0 else 0.0)


def feed(gives_w: Sequence[float], vehicles: Sequence[tuple[float, float, float | None]], load_w: float) -> Feed:
    """The sum over stations that give so many watts, and over vehicles at them: battery in kWh, watts of its station,
    and its charge in percent, None where it does not tell."""
    told = [(battery, gives, soc) for battery, gives, soc in vehicles if soc is not None]
    kwh = sum(supply(battery, soc, gives, load_w).kwh for battery, gives, soc in told)
    power = sum(gives for _, gives, soc in told if soc > _KEPT_PERCENT)
    hours = round(kwh * 1000 / min(power, load_w), 1) if power > 0 and load_w > 0 else 0.0
    return Feed(len(gives_w), len(vehicles), len(vehicles) - len(told), round(kwh, 2), power, load_w, hours)
