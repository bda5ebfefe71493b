"""A process with telemetry, as the tests start it: ROLE FOLDER OTLP-ENDPOINT TRACEPARENT.

Records a few figures and one span, says on standard output the traceparent that it passes on, and stays until its
standard input is closed.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from broker import telemetry
from cityos.settings import TelemetrySettings
from cityos.telemetry import start_telemetry


def main(role: str, folder: str, endpoint: str, traceparent: str) -> None:
    running = start_telemetry(role, TelemetrySettings(otlp_endpoint=endpoint), Path(folder))
    telemetry.ACCEPTED.add(3, {"way": "endpoint"})
    telemetry.LAG.set(7, {"group": "writer", "topic": "observations"})
    now = datetime.now(UTC)
    telemetry.record_spread(telemetry.STORE_LATENCY, now, [now])
    with telemetry.spans(role, [traceparent or None], sampled=True) as passed_on:
        logging.getLogger("test").info("in a span")
    sys.stdout.write(f"{passed_on[0]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    running.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
