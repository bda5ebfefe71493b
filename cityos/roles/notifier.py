"""The role `notifier`: deliveries to webhooks, by mail, over MQTT and to browsers, and NGSI-LD subscriptions."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from pydantic import SecretStr

from api_gateway.federation.client import SourceClient
from api_gateway.federation.subscribing import SourceSubscriber
from api_gateway.ngsi_ld.fetching import fetcher
from api_gateway.ngsi_ld.owners import CurrentOwners
from api_gateway.oauth.ending import CHANNEL as LOGOUT
from api_gateway.oauth.keys import open_keys
from api_gateway.oauth.logout_channel import LogoutChannel
from api_gateway.policies.book import PolicyBook
from broker.consent.gate import Gate
from broker.delivery.personal import push_key
from broker.jsonld.library import ContextLibrary
from broker.subscriptions.mqtt_endpoint import MqttEndpoint
from broker.subscriptions.standing import Standing
from broker.waiting import Parts
from cityos.policy_files import read_policy
from cityos.settings import Settings
from cityos.wiring import open_parts
from schemas.clock import utc_now
from services.notify import role, subscriptions
from services.notify.mqtt import Publish
from services.notify.sender import PublishAt, Sender
from services.notify.settings import NotifySettings


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Deliver until `stop`."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings))
        publish = await open_publisher(settings.notify, stack) if settings.notify.mqtt_host else None
        private = settings.gateway.private_hosts
        contexts = ContextLibrary(parts.database, fetcher(allow_private=private), settings.gateway.issuer)
        owners = CurrentOwners(PolicyBook(read_policy(settings.gateway.policy_file)))
        # Without authorisation (conformance runs on loopback) subscriptions have no owners to ask about.
        standing = None if settings.gateway.auth == "off" else Standing(owners, Gate(parts.database))
        sender = Sender(
            parts.database,
            utc_now,
            default_tenant=settings.city.tenant,
            allow_private=private,
            publish=await open_publishers(stack),
            standing=standing,
        )
        client = SourceClient(
            seconds=settings.gateway.source_seconds,
            rest=settings.gateway.source_rest_seconds,
            most_bytes=settings.gateway.max_body_bytes,
            allow_private=private,
        )
        stack.push_async_callback(client.close)
        subscriber = SourceSubscriber(parts.database, contexts, client, utc_now, settings.gateway.issuer)
        async with Parts() as tasks:
            tasks.add(subscriber.run(stop))
            tasks.add(subscriptions.run(parts.log, parts.database, contexts, sender, stop, standing=standing))
            keys = await open_keys(parts.database, settings.city.tenant)
            private = settings.gateway.private_hosts or settings.notify.allow_private_targets
            logout = LogoutChannel(
                keys, settings.gateway.issuer, allow_private=private, timeout_s=settings.notify.timeout_s
            )
            more = {LOGOUT: logout}
            browsers = await push_key(parts.database)
            await role.run(parts.database, settings.notify, stop, publish=publish, push_key=browsers, more=more)


async def open_publishers(stack: AsyncExitStack) -> PublishAt:
    """What publishes at the MQTT servers that subscriptions name, until the stack is closed."""
    from adapters.mqtt.publisher import PublisherSettings
    from adapters.mqtt.publishers import Publishers

    publishers = await stack.enter_async_context(Publishers())

    async def publish(endpoint: MqttEndpoint, address: str, message: bytes) -> None:
        named = PublisherSettings(
            # With TLS the name is what the certificate is checked against.
            host=endpoint.host if endpoint.tls else address,
            port=endpoint.port,
            username=endpoint.username,
            password=None if endpoint.password is None else SecretStr(endpoint.password),
            tls=endpoint.tls,
            version=endpoint.version,
            connect_timeout_s=4.0,
            stall_timeout_s=4.0,
        )
        await publishers.publish(named, endpoint.topic, message, endpoint.qos)

    return publish


async def open_publisher(settings: NotifySettings, stack: AsyncExitStack) -> Publish:
    """What publishes at the MQTT server that the settings name, until the stack is closed."""
    # Imported where it is needed: a city without such a server holds no MQTT client here.
    from adapters.mqtt.lasting import LastingPublisher
    from adapters.mqtt.publisher import PublisherSettings

    named = PublisherSettings(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        username=settings.mqtt_username or None,
        password=settings.mqtt_password if settings.mqtt_username else None,
        tls=settings.mqtt_tls,
        ca_file=settings.mqtt_ca_file,
        connect_timeout_s=settings.timeout_s * 0.9,
        # Sooner than the channel loses patience, so that it is told why.
        stall_timeout_s=settings.timeout_s * 0.9,
    )
    return (await stack.enter_async_context(LastingPublisher(named))).publish
