"""The topics that river gauges speak on, and the decoder of each."""

from __future__ import annotations

from adapters.lorawan import chirpstack, things_stack
from adapters.river_gauge import decode, lorawan
from broker.ingest.ports import AdapterRoute

FAMILY = "river_gauge"

ROUTES: tuple[AdapterRoute, ...] = (
    AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode),
    AdapterRoute(chirpstack.TOPIC_FILTER, FAMILY, lorawan.decode_chirpstack),
    AdapterRoute(things_stack.TOPIC_FILTER, FAMILY, lorawan.decode_things_stack),
)
