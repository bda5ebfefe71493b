"""The gauges that this process remembers between batches. The database is the truth; this only spares reading it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from broker.ports import Record
from schemas.device import DeviceProfile
from services.alerting.intake import GaugeKey
from services.alerting.rulebook import Rulebook
from services.alerting.rules import GaugeRules
from services.alerting.state import GaugeState


class Held(msgspec.Struct):
    """One gauge as held in memory: `stored_at` is the head's time when it was last stored (POSIX seconds), `shown`
    the version and the thresholds of the rules that were shown with it."""

    key: GaugeKey
    profile: DeviceProfile
    rules: GaugeRules
    state: GaugeState
    revision: int
    stored_at: float
    shown: tuple[str, tuple[tuple[float, int], ...]] | None = None

    @property
    def ruled(self) -> tuple[str, tuple[tuple[float, int], ...]]:
        """The version and the thresholds of the rules that hold now."""
        return self.rules.version, self.rules.steps


class Tenant(msgspec.Struct, frozen=True):
    """A city as the rules need it."""

    id: int
    name: str
    government_code: str | None
    book: Rulebook


class Memory:
    """Gauges and tenants by name. Forgets everything when the records do not follow on those handled before: then a
    transaction was rolled back, or another process had the partition meanwhile."""

    def __init__(self) -> None:
        self.gauges: dict[GaugeKey, Held] = {}
        self.tenants: dict[str, Tenant] = {}
        self._next: dict[int, int] = {}

    def follow(self, records: Sequence[Record]) -> None:
        """Take note of a batch about to be handled."""
        first: dict[int, int] = {}
        for record in records:
            first.setdefault(record.partition, record.offset)
        if any(self._next.get(partition, offset) != offset for partition, offset in first.items()):
            self.forget()
        self._next.update((record.partition, record.offset + 1) for record in records)

    def forget(self) -> None:
        """Drop the gauges and the positions; tenants are checked by version anyway."""
        self.gauges.clear()
        self._next.clear()

    def missing(self, keys: Iterable[GaugeKey]) -> list[GaugeKey]:
        """Those not held."""
        return [key for key in keys if key not in self.gauges]

    def set_tenant(self, tenant: Tenant) -> None:
        """Take a tenant's new rules: its gauges are ruled by them from now on."""
        self.tenants[tenant.name] = tenant
        for held in self.gauges.values():
            if held.key.tenant == tenant.name:
                held.rules = tenant.book.for_gauge(held.key.station, held.profile)
