"""`make bench`: every measurement, one after the other, with nothing else beside; figures go to bench/out/.

python -m bench [NAME …]
"""

from __future__ import annotations

import subprocess
import sys
import time

MEASUREMENTS = {
    "journey": ["bench.journey", "one-machine"],
    "journey-kafka": ["bench.journey", "kafka"],
    "journey-mosquitto": ["bench.journey", "mosquitto"],
    "api": ["bench.api"],
    "broker": ["bench.broker"],
    "door": ["bench.door"],
    "forecast": ["bench.forecast"],
    "log": ["bench.log"],
    "notice": ["bench.notice"],
    "tags": ["bench.tags"],
    "chargers": ["bench.chargers"],
    "tags-city": ["bench.tags_city"],
    "points": ["bench.points", "--residents", "1000000"],
    "mqtt-endpoint": ["bench.mqtt_endpoint"],
    "mqtt-broker": ["bench.mqtt_broker"],
}
"""Each measurement's module and arguments."""


def main() -> int:
    """Run those named, or all; the exit status counts the ones that failed."""
    wanted = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := [name for name in wanted if name not in MEASUREMENTS]:
        print(f"no measurement {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        failed += subprocess.run([sys.executable, "-m", *MEASUREMENTS[name]], check=False).returncode != 0
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
