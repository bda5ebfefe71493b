"""From a message to its record: which adapter, which devices, which of its observations are accepted. Pure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from access.topics import allowed
from broker.ingest.checks import check
from broker.ingest.ports import AdapterRoute, Inbound
from broker.store.devices import Device
from schemas.observation import Observation, Reason, Received, Rejection

_log = logging.getLogger(__name__)


class Registry(Protocol):
    """What the judge asks of the registry of devices."""

    def find(self, tenant: str, device_id: str) -> Device | None: ...

    def unknown_policy(self, tenant: str) -> str: ...


class Judge:
    """Decides every element of a message: an observation, or a rejection that says why."""

    def __init__(self, routes: Sequence[AdapterRoute], registry: Registry) -> None:
        self._routes = routes
        self._registry = registry
        self._by_topic: dict[str, tuple[AdapterRoute, ...]] = {}

    def judge(self, message: Inbound) -> Received:
        """The log's record of `message`. Never raises: a fault of a decoder is a rejection too."""
        sender = self._registry.find(message.tenant, message.sender)
        route = self._route(message.topic, sender)
        if route is None:
            detail = f"no adapter takes the topic {message.topic!r}"
            return _record(message, "", [Rejection(reason=Reason.UNKNOWN_TOPIC, field="topic", detail=detail)])
        try:
            decoded = route.decode(message.topic, message.payload)
        except Exception as error:
            _log.exception("the decoder of %s failed on topic %r", route.family, message.topic)
            detail = f"the decoder of {route.family} failed: {error!r}; the bytes are kept to be replayed"
            return _record(message, route.family, [Rejection(reason=Reason.DECODER_FAILED, detail=detail)])
        return _record(message, route.family, [self._decide(message, route, sender, item) for item in decoded])

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
        self, message: Inbound, route: AdapterRoute, sender: Device | None, item: Observation | Rejection
    ) -> Observation | Rejection:
        if isinstance(item, Rejection):
            return item
        device = self._registry.find(message.tenant, item.device)
        refused = _not_theirs(sender, item.device, route) or self._not_admitted(message.tenant, device, item.device)
        if refused is None and device is not None:
            refused = check(item, now=message.received_at, profile=device.profile)
        return item if refused is None else refused

    def _not_admitted(self, tenant: str, device: Device | None, name: str) -> Rejection | None:
        if device is None and self._registry.unknown_policy(tenant) == "reject":
            return _refusal(Reason.UNKNOWN_DEVICE, name, f"{name!r} is not registered; register it first")
        if device is None or device.status == "quarantined":
            detail = f"{name!r} waits for approval; approve it, then replay what it sent (cityos rejected replay)"
            return _refusal(Reason.QUARANTINED, name, detail)
        if device.status == "suspended":
            return _refusal(Reason.SUSPENDED, name, f"{name!r} is suspended")
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


def _record(message: Inbound, family: str, items: Sequence[Observation | Rejection]) -> Received:
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
        trace=message.trace,
    )
