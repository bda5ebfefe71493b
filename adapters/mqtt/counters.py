"""What the endpoint counts, as plain numbers that telemetry reads when it is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class EndpointCounters:
    """Counts since the start; `connections` is how many there are now."""

    connections: int = 0
    accepted: int = 0
    """Connections that were admitted."""
    refused: int = 0
    """Connections that were not: credentials, limits, time-outs before CONNECT, other protocols."""
    received_qos0: int = 0
    """Messages offered for which nobody waits. Best effort."""
    received_qos1: int = 0
    received_qos2: int = 0
    lost_qos0: int = 0
    """Messages at QoS 0 that could not be stored, or were waiting for room when their connection ended."""
    not_stored: int = 0
    """Messages at QoS 1 and 2 that the intake could not store: not acknowledged, the device will repeat them."""
    oversize: int = 0
    protocol_errors: int = 0
    timed_out: int = 0
    """Connections ended for silence beyond one and a half keep-alives, or for leaving answers unread."""
    taken_over: int = 0
    stalls: int = 0
    """Times that a socket was not read because the intake had no room."""
    wills: int = 0
    wills_lost: int = 0
