"""What a ride costs: flat, by zone, for members, free in the morning. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from broker.errors import Invalid
from services.dispatch.values import Ask, Promise


class ZoneFare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Yen between two zones (zone 地区), in both directions; the same zone twice is a ride within it."""

    one: str
    other: str
    yen: int


class FareRules(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """`flat` yen for each person unless both ends have a `zone` (given by stop, or by the service zone of a place of
    one's own) and `between` has a fare for the two.

    `member_off` is the discount of members in percent, rounded to 10 yen in the rider's favour. Pickups promised from
    `free_from` until before `free_until` (minutes after midnight) cost nothing. `points`: riders may pay with them.
    """

    flat: int = 0
    zones: dict[str, str] = {}
    between: tuple[ZoneFare, ...] = ()
    member_off: int = 0
    free_from: float = 0.0
    free_until: float = 0.0
    points: bool = False


def read_rules(data: bytes | str, stops: Iterable[str]) -> FareRules:
    """The rules in a JSON document; `stops` are the ids of stops and of zones in which people ride from any place.

    Raises `Invalid` naming what is wrong with them.
    """
    try:
        rules = msgspec.json.decode(data, type=FareRules)
    except msgspec.DecodeError as error:
        raise Invalid(f"the fare rules are wrong: {error}", field="rules") from error
    unknown = sorted(set(rules.zones) - set(stops))
    if unknown:
        raise Invalid(f"there is no stop {unknown[0]!r}; zones are given by stop", field="zones")
    if rules.flat < 0 or any(fare.yen < 0 for fare in rules.between) or not 0 <= rules.member_off <= 100:
        raise Invalid("fares are 0 yen or more, memberOff 0 to 100 percent", field="flat")
    known = set(rules.zones.values())
    for fare in rules.between:
        if not {fare.one, fare.other} <= known:
            raise Invalid(f"no stop is in the zone {fare.one!r} or {fare.other!r}", field="between")
    return rules


def fare(rules: FareRules, ask: Ask, promise: Promise, *, member: bool) -> int:
    """Yen for everybody who rides."""
    if rules.free_from <= promise.pickup_from < rules.free_until:
        return 0
    each = _between(rules, ask)
    if member:
        each = each * (100 - rules.member_off) // 1000 * 10
    return each * (ask.seats + ask.wheelchairs)


def _between(rules: FareRules, ask: Ask) -> int:
    own = {place.id: place.zone for place in ask.places}
    zones = {rules.zones.get(own.get(end) or end) for end in (ask.origin, ask.destination)}
    return next((fare.yen for fare in rules.between if {fare.one, fare.other} == zones), rules.flat)
