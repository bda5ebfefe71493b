"""From a message to its record: which adapter, which devices, which of its observations are accepted. Pure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from access.topics import allowed
from broker.ingest.checks import check
from broker.ingest.doorkeeper import MayPublish, anything
from broker.ingest.personal import Curtain, unsealed
from broker.ingest.ports import AdapterRoute, Inbound
from broker.store.devices import Device
from schemas.detection import Detection, Sighting
from schemas.device import DeviceProfile
from schemas.observation import COUNTED_ONLY, Observation, Reason, Received, Rejection

_log = logging.getLogger(__name__)


class Registry(Protocol):
    """What the judge asks of the registry of devices."""

    def find(self, tenant: str, device_id: str) -> Device | None: ...

    def unknown_policy(self, tenant: str) -> str: ...


class Judge:
    """Decides every element of a message: an observation, a detection, or a rejection that says why.

    What is about persons goes behind the `curtain` before it is anybody's: without one no personal family is taken.
    `may_publish` is the city's policy, which may forbid a device that the registry admits, whoever speaks for it.
    """

    def __init__(
        self,
        routes: Sequence[AdapterRoute],
        registry: Registry,
        curtain: Curtain | None = None,
        may_publish: MayPublish = anything,
    ) -> None:
        self._routes = [route for route in routes if curtain is not None or not route.personal]
        self._personal = {route.family for route in routes if route.personal}
        self._registry = registry
        self._curtain = curtain
        self._may_publish = may_publish
        self._by_topic: dict[str, tuple[AdapterRoute, ...]] = {}

    def judge(self, message: Inbound) -> Received:
        """The log's record of `message`. A fault of a decoder is a rejection too.

        Raises nothing, but `Invalid` for a sealed message of a replay that does not open with this key.
        """
        if message.way == "replay":
            message = unsealed(self._curtain, message)
        sender = self._registry.find(message.tenant, message.sender)
        route = self._route(message.topic, sender)
        if route.personal if route else sender is not None and sender.family in self._personal:
            return self._behind_the_curtain(message, route, sender)
        if route is None:
            detail = f"no adapter takes the topic {message.topic!r}"
            return _record(message, "", [Rejection(reason=Reason.UNKNOWN_TOPIC, field="topic", detail=detail)])
        try:
            decoded = route.decode(message.topic, message.payload)
            items = [self._decide(message, route, sender, item) for item in decoded]
        except Exception as error:
            _log.exception("the decoder of %s failed on topic %r", route.family, message.topic)
            detail = f"the decoder of {route.family} failed: {error!r}; the bytes are kept to be replayed"
            return _record(message, route.family, [Rejection(reason=Reason.DECODER_FAILED, detail=detail)])
        return _record(message, route.family, items)

    def _behind_the_curtain(self, message: Inbound, route: AdapterRoute | None, sender: Device | None) -> Received:
        """The record of a personal family's message. Nothing of it is logged, and what is said of it names no value."""
        closed = message._replace(topic=route.filter if route else "", payload=b"")
        if self._curtain is None or route is None:
            detail = "no adapter takes this topic of a personal family (is CITYOS_TAGS_ENABLED set?)"
            unknown = Rejection(reason=Reason.UNKNOWN_TOPIC, field="topic", detail=detail)
            kept = closed if self._curtain is None else closed._replace(payload=self._curtain.seal(message))
            return _record(kept, sender.family if sender else "", [unknown])
        try:
            decoded = route.decode(message.topic, message.payload)
            items = [self._decide(message, route, sender, item) for item in decoded]
        except Exception as error:
            _log.error("the decoder of %s failed: %s", route.family, type(error).__name__)
            detail = f"the decoder of {route.family} failed; the bytes are kept sealed, to be replayed"
            items = [Rejection(reason=Reason.DECODER_FAILED, detail=detail)]
        if any(isinstance(item, Rejection) and item.reason not in COUNTED_ONLY for item in items):
            closed = closed._replace(payload=self._curtain.seal(message))
        return _record(closed, route.family, items)

    def _route(self, topic: str, sender: Device | None) -> AdapterRoute | None:
        """Families may share a topic filter (all uplinks of a network look alike): the sender's own comes first."""
        if topic not in self._by_topic:
            if len(self._by_topic) > 200_000:
                self._by_topic.clear()
            self._by_topic[topic] = tuple(route for route in self._routes if allowed((route.filter,), topic))
        routes = self._by_topic[topic]
        family = sender.family if sender else None
        return next((route for route in routes if route.family == family), routes[0] if routes else None)

    def _decide(
        self, message: Inbound, route: AdapterRoute, sender: Device | None, item: Observation | Sighting | Rejection
    ) -> Observation | Detection | Rejection:
        if isinstance(item, Rejection):
            return item
        device = self._registry.find(message.tenant, item.device)
        refused = _not_theirs(sender, item.device, route) or self._not_admitted(message.tenant, device, item.device)
        if refused is not None:
            return refused
        profile = device.profile if device is not None else DeviceProfile()
        if isinstance(item, Sighting):
            assert self._curtain is not None, "only personal families tell of sightings, and they need it"
            return self._curtain.detection(item, message, profile)
        return check(item, now=message.received_at, profile=profile) or item

    def _not_admitted(self, tenant: str, device: Device | None, name: str) -> Rejection | None:
        if device is None and self._registry.unknown_policy(tenant) == "reject":
            return _refusal(Reason.UNKNOWN_DEVICE, name, f"{name!r} is not registered; register it first")
        if device is None or device.status == "quarantined":
            detail = f"{name!r} waits for approval; approve it, then replay what it sent (cityos rejected replay)"
            return _refusal(Reason.QUARANTINED, name, detail)
        if device.status == "suspended":
            return _refusal(Reason.SUSPENDED, name, f"{name!r} is suspended")
        if not self._may_publish(device):
            return _refusal(Reason.FORBIDDEN, name, f"the city's policy forbids {name!r} to publish")
        return None


def _not_theirs(sender: Device | None, name: str, route: AdapterRoute) -> Rejection | None:
    """A device speaks for itself, a network for the devices of its family."""
    if sender is None:
        return _refusal(Reason.NOT_YOURS, name, "the sender is no longer registered")
    if sender.id == name or (sender.kind == "network" and sender.family == route.family):
        return None
    return _refusal(Reason.NOT_YOURS, name, f"{sender.id!r} may not speak for {name!r}")


def _refusal(reason: Reason, device: str, detail: str) -> Rejection:
    return Rejection(reason=reason, field="device", device=device, detail=detail)


def _record(message: Inbound, family: str, items: Sequence[Observation | Detection | Rejection]) -> Received:
    return Received(
        tenant=message.tenant,
        device=message.sender,
        topic=message.topic,
        payload=message.payload,
        received_at=message.received_at,
        way=message.way,
        family=family,
        observations=tuple(item for item in items if isinstance(item, Observation)),
        rejections=tuple(item for item in items if isinstance(item, Rejection)),
        detections=tuple(item for item in items if isinstance(item, Detection)),
        trace=message.trace,
    )
