"""The NGSI-LD entities that show what was decided: FloodMonitoring for each gauge, Alert for each alert. Pure.

Attribute names and words are those of the Smart Data Models; ours beside them are `stage`, `trend`, `quality` and
their like. Only `stage` is kept in history: all others follow from it, from the profile and from the readings.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.entities.merge import EntityUpdate
from schemas.clock import iso
from schemas.device import DeviceProfile
from schemas.river import Quality, Stage, Thresholds, Trend
from services.alerting.intake import GaugeKey
from services.alerting.lifecycle import Message, Step, severity

_STATUS = {
    Stage.UNKNOWN: "Unknown",
    Stage.NONE: "No threshold",
    Stage.BELOW: "Below all thresholds",
    Stage.STANDBY: "Standby",
    Stage.CAUTION: "Caution",
    Stage.EVACUATION: "Evacuation",
    Stage.DANGER: "Danger",
    Stage.OVERFLOW: "Overflow",
}


def flood_monitoring(
    key: GaugeKey,
    profile: DeviceProfile,
    thresholds: Thresholds,
    *,
    stage: Stage,
    trend: Trend,
    quality: Quality,
    level: float | None,
    observed_at: datetime,
    rules: str,
) -> EntityUpdate:
    """The FloodMonitoring entity of a gauge. Thresholds that are not set, and an unknown level, are deleted, not zero.

    It is what was decided last, though that may be of an earlier time: a person can delete the newest readings.
    """
    at = iso(observed_at)
    attributes: dict[str, Any] = {
        "stage": {"type": "Property", "value": stage, "observedAt": at},
        "trend": _property(trend),
        "quality": _property(quality),
        "floodLevelStatus": _property(_STATUS[stage]),
        "currentLevel": _metres(level),
        "alertLevel": _metres(thresholds.caution),
        "dangerLevel": _metres(thresholds.danger),
        "standbyLevel": _metres(thresholds.standby),
        "evacuationLevel": _metres(thresholds.evacuation),
        "stationID": _property(key.station),
        "observationDateTime": _property({"@type": "DateTime", "@value": at}),
        "refWaterObserved": {"type": "Relationship", "object": key.entity_id},
        "rulesVersion": _property(rules),
    }
    if profile.name:
        attributes["name"] = _property(profile.name)
    if profile.location:
        attributes["location"] = _place(profile.location.coordinates)
    untimed = frozenset(attributes) - {"stage"}
    return EntityUpdate(key.sibling("FloodMonitoring"), ("FloodMonitoring",), attributes, untimed, decided=True)


def alert_entity(message: Message) -> EntityUpdate:
    """The Alert entity as it stands after `message`."""
    alert = message.alert
    over = message.step in (Step.CLEAR, Step.CANCEL)
    attributes: dict[str, Any] = {
        "category": _property("naturalDisaster"),
        "subCategory": _property("flood"),
        "severity": _property(severity(message.stage)),
        "stage": _property(message.stage),
        "status": _property(alert.mode),
        "msgType": _property(message.step),
        "dateIssued": _property({"@type": "DateTime", "@value": iso(alert.issued_at)}),
        "validFrom": _property({"@type": "DateTime", "@value": iso(alert.issued_at)}),
        "validTo": _property({"@type": "DateTime", "@value": iso(message.sent_at)}) if over else None,
        "alertSource": _property(message.sender),
        "headline": _property(message.headline.ja),
        "headlineEn": _property(message.headline.en),
        "description": _property(message.description.ja),
        "data": _property({"capIdentifier": message.identifier}),
        "refWaterObserved": {"type": "Relationship", "object": alert.entity_id},
    }
    if message.address:
        attributes["address"] = _property({"addressCountry": "JP", "streetAddress": message.address})
    if message.point:
        attributes["location"] = _place(message.point)
    return EntityUpdate(alert.id, ("Alert",), attributes, frozenset(attributes))


def _property(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _metres(value: float | None) -> dict[str, Any] | None:
    return None if value is None else {"type": "Property", "value": value, "unitCode": "MTR"}


def _place(coordinates: tuple[float, float]) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(coordinates)}}
