"""The role `notifier`: claims due deliveries, sends them, records how it went. Scales by count.

Each subscriber has a queue of its own and at most one worker at a time. A subscriber that fails is held back with a
growing pause while all others go on; a worker slot is free again after `timeout_s` at the latest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from access.keys import SigningKey
from broker import telemetry
from broker.consent.gate import Gate
from broker.delivery.asking import refusal
from broker.delivery.queue import (
    CHANNEL,
    Claim,
    Delivery,
    RetryRules,
    Subscriber,
    claim,
    failed,
    purge,
    refused,
    release,
    succeeded,
)
from broker.errors import CityError
from broker.ports import Database, Transaction
from broker.waiting import rounds
from schemas.clock import Clock, utc_now
from services.notify.channel import Channel, NotDelivered
from services.notify.export import ExportChannel, load_exporter
from services.notify.mail import MailChannel
from services.notify.mqtt import MqttChannel, Publish
from services.notify.settings import NotifySettings
from services.notify.social import SERVICES, SocialChannel
from services.notify.web_push import WebPushChannel
from services.notify.webhook import WebhookChannel

_log = logging.getLogger(__name__)


def channels(
    settings: NotifySettings,
    publish: Publish | None = None,
    clock: Clock = utc_now,
    push_key: SigningKey | None = None,
) -> dict[str, Channel]:
    """The channels that are set up: webhooks and social networks always, mail with a server, MQTT with a publisher,
    browsers with a key, other systems with an exporter."""
    made: dict[str, Channel] = {"webhook": WebhookChannel(settings, clock)}
    made |= {name: SocialChannel(service, settings) for name, service in SERVICES.items()}
    if settings.exporter:
        made["export"] = ExportChannel(load_exporter(settings.exporter), settings)
    if settings.smtp_host:
        made["mail"] = MailChannel(settings, clock)
    if publish is not None:
        made["mqtt"] = MqttChannel(publish, settings)
    if push_key is not None:
        made["webpush"] = WebPushChannel(push_key, settings, clock)
    return made


async def run(
    database: Database,
    settings: NotifySettings,
    stop: asyncio.Event,
    *,
    publish: Publish | None = None,
    push_key: SigningKey | None = None,
    more: Mapping[str, Channel] | None = None,
    clock: Clock = utc_now,
) -> None:
    """Run until `stop` is set; what is being sent then is finished. `database` is the system's.

    `more` are channels that others bring, by name; they are closed with ours.
    """
    ways = {**channels(settings, publish, clock, push_key), **(more or {})}
    notifier = Notifier(database, settings, ways, clock)
    try:
        await notifier.run(stop)
    finally:
        for way in ways.values():
            await way.close()


class Notifier:
    """Serves subscribers side by side, as many as `settings.parallel`."""

    def __init__(
        self, database: Database, settings: NotifySettings, ways: Mapping[str, Channel], clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._settings = settings
        self._ways = ways
        self._clock = clock
        self._gate = Gate(database)
        self._retries = RetryRules(settings.first_pause_s, settings.longest_pause_s, settings.attempts)
        self._serving: set[asyncio.Task[None]] = set()
        self._purged_at: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Claim whenever there is room and something may be due: on a notice, when a retry may be due, after work."""
        async with self._database.notices(CHANNEL) as event:
            async for _ in rounds(event, stop=stop, every=self._settings.poll_s):
                await self._purge()
                room = self._settings.parallel - len(self._serving)
                claims = await self._claim(room) if room else []
                for held in claims:
                    task = asyncio.create_task(self._serve(held))
                    self._serving.add(task)
                    task.add_done_callback(self._serving.discard)
                    task.add_done_callback(lambda _task: event.set())
        if self._serving:
            await asyncio.wait(self._serving)

    async def _purge(self) -> None:
        """Once an hour forget what was settled long ago."""
        now = self._clock()
        if self._purged_at is not None and now - self._purged_at < timedelta(hours=1):
            return
        self._purged_at = now
        try:
            async with self._database.transaction() as tx:
                await purge(tx, now - timedelta(days=self._settings.keep_days))
        except CityError as error:
            _log.warning("old deliveries are removed later: %s", error)

    async def _claim(self, room: int) -> list[Claim]:
        lease = self._settings.timeout_s * (self._settings.each + 2)
        try:
            async with self._database.transaction() as tx:
                return await claim(
                    tx,
                    now=self._clock(),
                    lease=lease,
                    subscribers=room,
                    each=self._settings.each,
                    channels=list(self._ways),
                )
        except CityError as error:
            _log.warning("deliveries wait: %s", error)
            return []

    async def _serve(self, held: Claim) -> None:
        """Send a subscriber's oldest deliveries in order; the first that fails ends the turn."""
        healthy, gone = False, False
        try:
            for delivery in held.deliveries:
                if await self._refused(held.subscriber, delivery):
                    continue
                fault = await self._attempt(held.subscriber, delivery)
                healthy = fault is None
                gone = fault is not None and fault.gone
                if fault is not None and not fault.final:
                    break
            async with self._database.transaction() as tx:
                await release(tx, held.subscriber, healthy=healthy, gone=gone)
        except CityError as error:
            _log.warning("subscriber %d is free again when its lease ends: %s", held.subscriber.id, error)

    async def _refused(self, subscriber: Subscriber, delivery: Delivery) -> bool:
        """Whether it must not be told any more: then it ends, unsent."""
        notice, now = delivery.notice, self._clock()
        if notice.disclosure is None and notice.addressee is None:
            return False
        async with self._database.transaction() as tx:
            why = await refusal(tx, self._gate, subscriber, notice, now)
            if why is not None:
                await refused(tx, delivery, why, now=now)
        if why is not None:
            telemetry.DELIVERIES.add(1, {"channel": subscriber.channel, "outcome": "refused"})
            _log.info("subscriber %d, delivery %d: %s", subscriber.id, delivery.id, why)
        return why is not None

    async def _attempt(self, subscriber: Subscriber, delivery: Delivery) -> NotDelivered | None:
        fault: NotDelivered | None = None
        labels = {"channel": subscriber.channel}
        try:
            with telemetry.span("deliver", delivery.notice.trace, labels) as trace:
                notice = msgspec.structs.replace(delivery.notice, trace=trace or delivery.notice.trace)
                await self._ways[subscriber.channel].send(subscriber, notice)
        except NotDelivered as error:
            fault = error
        except Exception as error:
            _log.exception("delivery %d failed by a fault of ours", delivery.id)
            fault = NotDelivered(f"{type(error).__name__}: {error}")
        telemetry.DELIVERIES.add(1, {**labels, "outcome": "failed" if fault else "delivered"})
        if fault is None:
            telemetry.record_spread(telemetry.DELIVERY_LATENCY, self._clock(), [delivery.created_at], labels)
        async with self._database.transaction() as tx:
            if fault is None:
                await succeeded(tx, delivery, now=self._clock())
            else:
                await self._record(tx, subscriber, delivery, fault)
        return fault

    async def _record(self, tx: Transaction, subscriber: Subscriber, delivery: Delivery, fault: NotDelivered) -> None:
        until = await failed(
            tx,
            subscriber,
            delivery,
            str(fault),
            now=self._clock(),
            rules=self._retries,
            final=fault.final or fault.gone,
            wait=fault.wait,
        )
        _log.info("subscriber %d, delivery %d: %s; again at %s", subscriber.id, delivery.id, fault, until)
