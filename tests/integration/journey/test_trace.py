"""One trace from a gauge's PUBLISH to the webhook, through every process, as a collector and the receiver see it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import mqtt5

from adapters.mqtt.patience import until
from broker.delivery.queue import subscribe
from broker.store.devices import Device as Registered
from broker.store.devices import register
from schemas.clock import utc_now
from tests.city import WholeCity
from tests.integration.cityos.collector import Collector
from tests.integration.faults.kit import SECRET, entity, eventually, reading, store_of
from tests.integration.mqtt.kit import Device
from tests.integration.notify.receivers import HttpReceiver

TRACE = "0af7651916cd43dd8448eb211c80319c"
GAUGE_SPAN = "b7ad6b7169203331"
PROFILE = {"valid_range": {"waterLevel": [-1.0, 10.0]}, "stages": {"danger": 2.0}}
JOURNEY = [("endpoint", "receive"), ("writer", "store"), ("alerting", "judge"), ("notifier", "deliver")]
"""Process and span, in the order in which each is the parent of the next."""


async def publish(city: WholeCity, level: float, **properties: Any) -> None:
    """One reading at QoS 1 from the gauge, and its acknowledgement."""
    device = Device(name="fukui/traced", password=SECRET)

    async def admitted() -> bool:
        return int((await device.connect(city.mqtt_port, client_id="traced")).reason_code.value) == 0

    assert await eventually(admitted, True)
    await device.publish(reading(utc_now(), level), 1, topic="city/river/traced/up", **properties)
    assert (await device.expect(mqtt5.PubAckPacket)).reason_code.value == 0
    device.drop()


async def test_one_trace_goes_from_the_gauge_to_the_webhook(tmp_path: Path) -> None:
    collector = Collector()
    settings = {
        "CITYOS_TELEMETRY_OTLP_ENDPOINT": collector.url,
        "CITYOS_NOTIFY_ALLOW_PRIVATE_TARGETS": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    city = WholeCity(tmp_path / "city", **settings)

    def seen() -> dict[tuple[str, str], Any]:
        """The trace's spans by role (several may share a process) and name."""
        ours = [(names, span) for names, span in collector.spans if span.trace_id.hex() == TRACE]
        return {(role, span.name): span for names, span in ours for role in names.split("+")}

    try:
        await asyncio.to_thread(city.start)
        async with HttpReceiver() as receiver, store_of(city) as store:
            async with store.transaction() as tx:
                gauge = Registered("fukui", "traced", "river_gauge", entity_id=entity("traced"))
                await register(tx, "fukui", gauge._replace(entity_type="WaterObserved"), PROFILE, SECRET)
                await subscribe(tx, "fukui", channel="webhook", target=receiver.url, secret=b"of this test")
            await publish(city, 3.0, user_properties=[("traceparent", f"00-{TRACE}-{GAUGE_SPAN}-01")])
            await receiver.wait_for(1)
            assert await until(lambda: all(step in seen() for step in JOURNEY), within=60), sorted(seen())
            sent = receiver.got[0][0]["traceparent"].split("-")
        spans = [seen()[step] for step in JOURNEY]
        parents = [span.parent_span_id.hex() for span in spans]
        assert parents == [GAUGE_SPAN, *(span.span_id.hex() for span in spans[:-1])]
        assert sent[1:3] == [TRACE, spans[-1].span_id.hex()], "the receiver goes on with the trace"
    finally:
        await asyncio.to_thread(city.stop)
        collector.close()
