"""The topics that tell of watch tags, and the decoder of each. All are personal: nothing of them stays clear."""

from __future__ import annotations

from adapters.watch_tag import decode, gateways
from broker.ingest.ports import AdapterRoute

FAMILY = "watch_tag"

ROUTES: tuple[AdapterRoute, ...] = (
    AdapterRoute(decode.TOPIC_FILTER, FAMILY, decode.decode, personal=True),
    AdapterRoute(gateways.OPENMQTT, FAMILY, gateways.decode_openmqtt, personal=True),
    AdapterRoute(gateways.OPENMQTT_PRESENCE, FAMILY, gateways.decode_openmqtt, personal=True),
    AdapterRoute(gateways.THEENGS_PRESENCE, FAMILY, gateways.decode_openmqtt, personal=True),
    AdapterRoute(gateways.ESPRESENSE, FAMILY, gateways.decode_espresense, personal=True),
)
