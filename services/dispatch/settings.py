"""Settings of the role `dispatch`, as `CITYOS_DISPATCH_…`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class DispatchSettings(BaseModel):
    """What the buses promise, and how hard the planner works."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = Field(default=False, description="whether this city runs demand-responsive buses")
    window: float = Field(default=15.0, gt=0, description="minutes between the earliest and the latest pickup promised")
    reserve: float = Field(default=3.0, ge=0, description="minutes before a promise ends that plans leave to the road")
    offers: int = Field(default=3, ge=1, le=5, description="how many pickup windows a quote offers at most")
    look_ahead: float = Field(
        default=120.0, gt=0, description="minutes after the wish within which windows are offered"
    )
    boarding: float = Field(default=1.0, ge=0, description="minutes a stop takes")
    boarding_wheelchair: float = Field(default=4.0, ge=0, description="minutes a stop takes with a wheelchair")
    ride_factor: float = Field(default=1.5, ge=1, description="the longest ride, as a multiple of the direct drive …")
    ride_extra: float = Field(default=10.0, ge=0, description="… plus these minutes")
    speed: float = Field(default=25.0, gt=0, description="km/h along roads, where travel times come from distances")
    speeds: str = Field(
        default="", description="km/h in hours that differ, such as 7=18,8=18,17=20; empty: always the same"
    )
    price_waiting: float = Field(
        default=0.0, ge=0, description="minutes of driving that a rider's minute of waiting is worth to the planner"
    )
    price_ride: float = Field(
        default=0.0, ge=0, description="minutes of driving that a rider's minute on board is worth to the planner"
    )
    detour: float = Field(default=1.3, ge=1, description="how much longer roads are than the straight line")
    fastest: float = Field(default=110.0, gt=0, description="km/h; a position that would need more is doubted")
    remind: float = Field(
        default=30.0, ge=0, description="minutes before a pickup when its rider is reminded; 0: never"
    )
    matrix: str = Field(default="", description="a CSV file of driving minutes (hour,from,to,minutes); empty: none")
    osrm: str = Field(default="", description="the address of an OSRM server; empty: none")
    osrm_timeout_s: float = Field(default=2.0, gt=0, description="after which the straight line answers instead")
    valhalla: str = Field(default="", description="the address of a Valhalla server, asked before OSRM; empty: none")
    valhalla_timeout_s: float = Field(default=4.0, gt=0, description="after which the others answer instead")
    router_age_s: float = Field(default=3600.0, gt=0, description="after which a router is asked anew what it told")
    router_pairs: int = Field(
        default=2_000_000,
        ge=10_000,
        description="how many driving times of routers are kept, by pair and hour (16 bytes)",
    )
    improve_every_s: float = Field(default=2.0, gt=0, description="how often plans are improved in the background")
    before_appointment: float = Field(default=10.0, ge=0, description="minutes a ride arrives before an appointment")
    phone: str = Field(default="", description="the telephone number for bookings, as riders read it in open data")
    tell_every_s: float = Field(default=20.0, gt=0, description="how often reminders and delays are looked for")
    improve_moves: int = Field(default=2000, ge=1, description="moves of improvement each time")
    days_ahead: int = Field(default=7, ge=1, description="how many days, today included, are kept improving")

    @field_validator("speeds")
    @classmethod
    def _speeds(cls, text: str) -> str:
        speeds_by_hour(text)
        return text


def speeds_by_hour(text: str) -> dict[int, float]:
    """The km/h by hour in a text such as ``7=18,17=20``. Raises `ValueError` saying what is wrong."""
    found: dict[int, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        hour, _, speed = part.partition("=")
        try:
            found[int(hour)] = float(speed)
        except ValueError:
            raise ValueError(f"{part!r} is not HOUR=KM/H, such as 7=18") from None
        if not (0 <= int(hour) <= 23 and 1 <= found[int(hour)] <= 130):
            raise ValueError(f"{part!r}: an hour is 0 to 23, a speed 1 to 130 km/h")
    return found
