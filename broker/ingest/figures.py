"""What the writer tells of a batch once it is committed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from broker import telemetry
from broker.store.accounting import DUPLICATE, STORED


class Figures:
    """Gathered while a batch is handled, told after its transaction: one that is rolled back tells nothing."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.received_at: list[datetime] = []
        self.observed_at: list[datetime] = []

    def tell(self, now: datetime) -> None:
        """Record the counts, and a sample of the latencies up to `now`."""
        for counter, outcome in ((telemetry.STORED, STORED), (telemetry.DUPLICATES, DUPLICATE)):
            if count := self.outcomes[outcome]:
                counter.add(count)
        for reason, count in self.rejected.items():
            telemetry.REJECTED.add(count, {"reason": reason})
        telemetry.record_spread(telemetry.STORE_LATENCY, now, self.received_at)
        telemetry.record_spread(telemetry.EVENT_LATENCY, now, self.observed_at)
