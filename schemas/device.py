"""What a city knows of one device beforehand: its profile, as kept in the device's row and edited by its owner."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import msgspec

OWN_ENTITY = {"ev_charger": "EVChargingStation"}
"""Families whose device is a thing that the city shows by itself: the type of its entity, where none is named."""


def entity_of(family: str, device: str, named: str | None) -> tuple[str | None, str | None]:
    """Id and type of the entity that a device's values belong to: the one named, else the family's own, else none."""
    if named:
        return named, named.split(":")[2]
    own = OWN_ENTITY.get(family)
    return (None, None) if own is None else (f"urn:ngsi-ld:{own}:{device}", own)


class Point(msgspec.Struct, frozen=True, tag_field="type", tag="Point"):
    """A GeoJSON point (RFC 7946, 3.1.2): longitude and latitude in degrees, in this order."""

    coordinates: tuple[float, float]

    def __post_init__(self) -> None:
        longitude, latitude = self.coordinates
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            raise ValueError(f"[{longitude}, {latitude}] is no place: longitude comes first, then latitude, in degrees")


class Crisis(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A crisis-management gauge (危機管理型水位計): it rests until the water reaches `threshold`, then observes.

    `threshold` is metres above the gauge's zero (観測開始水位); `quiet_interval_s` how often it reports while at rest,
    usually once a day. While it observes, the profile's `report_interval_s` holds.
    """

    threshold: float
    quiet_interval_s: int = 86_400

    def __post_init__(self) -> None:
        if self.quiet_interval_s <= 0:
            raise ValueError("quiet_interval_s must be a positive number of seconds")


class DeviceProfile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A device's profile. Everything is optional: what is not said is not checked.

    `valid_range` holds, per property, the lowest and the highest value that the device can truthfully give (the
    ends of a gauge's scale), in the property's unit. `report_interval_s` is how often it reports. `max_future_s`
    and `max_age_s` bound the times accepted from it around the city's clock. `stages` are a gauge's official
    levels in metres (standby, caution, evacuation, danger; null where none is set). `attributes` are what its
    entity says besides measurements, as normalized NGSI-LD attributes; `date_attribute`, where its model wants one
    (``dateObserved``), repeats the time of the latest measurement. `publish` are the MQTT topic filters that
    a network may publish on.
    """

    name: str = ""
    river: str = ""
    address: str = ""
    manager: str = ""
    location: Point | None = None
    valid_range: dict[str, tuple[float, float]] = {}
    report_interval_s: int = 600
    crisis: Crisis | None = None
    max_future_s: int = 600
    max_age_s: int = 400 * 86_400
    stages: dict[str, float | None] = {}
    attributes: dict[str, Any] = {}
    date_attribute: str = ""
    publish: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, (low, high) in self.valid_range.items():
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError(f"valid_range of {name} is {low} to {high}: the lower end comes first")
        if self.report_interval_s <= 0 or self.max_future_s < 0 or self.max_age_s <= 0:
            raise ValueError("report_interval_s and max_age_s must be positive seconds, max_future_s not negative")


def parse_profile(data: Any) -> DeviceProfile:
    """The profile in the plain data of a device's row. Raises ValueError that names the field and the fault."""
    try:
        return msgspec.convert(data, DeviceProfile)
    except msgspec.ValidationError as error:
        raise ValueError(f"the device's profile is wrong: {error}") from error


def expected_next(profile: DeviceProfile, last_level: float | None, last_at: datetime) -> datetime:
    """When the next report is due after one of `last_level` metres at `last_at`, by the gauge's own mode.

    An ordinary gauge reports at its interval whatever the water does. A crisis-management gauge reports at that
    interval only from its threshold on; below it, or where no level is known, it is at rest. How much later than
    due is too late is the judge's rule, not the gauge's.
    """
    seconds = profile.report_interval_s
    if profile.crisis and (last_level is None or last_level < profile.crisis.threshold):
        seconds = profile.crisis.quiet_interval_s
    return last_at + timedelta(seconds=seconds)
