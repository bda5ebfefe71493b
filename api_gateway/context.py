"""What the gateway is given: its ports, its settings, and who is asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from access.defaults import DEFAULT_POLICY
from access.policy import Policy
from api_gateway.events.fanout import Appended
from api_gateway.oauth.keys import SigningKeys
from api_gateway.settings import GatewaySettings
from broker.consent.holdings import Holding
from broker.ports import Database, Log, Outlet, Transaction
from schemas.clock import Clock, utc_now

if TYPE_CHECKING:
    # Who needs the gateway's context need not have what every service brings: the notifier asks sources with it.
    from services.dispatch.service import BusService
    from services.evacuation.desk import EvacuationDesk
    from services.points.town import Town
    from services.presence.desk import FamilyDesk
    from services.presence.searching import SearchDesk

CityNow = Callable[[Transaction], Awaitable[datetime | None]]
"""The city's present as the data sees it: the newest observation's time, or None where there is none."""


class FloodViews(Protocol):
    """What the flood routes show (`services.alerting.reading.FloodReading` has this shape)."""

    async def gauges(self, tx: Transaction) -> Sequence[Any]: ...

    async def hydrograph(self, tx: Transaction, entity_id: str, start: datetime, end: datetime) -> Any: ...

    async def alerts(self, tx: Transaction, active: bool) -> Sequence[Any]: ...

    async def cap(self, tx: Transaction, alert_id: str) -> bytes | None: ...

    async def feed(self, tx: Transaction) -> bytes: ...

    async def decisions(
        self, tx: Transaction, entity_id: str | None, start: datetime, end: datetime
    ) -> Sequence[Any]: ...


class RuleStore(Protocol):
    """The alerting rules as the rules routes use them (`services.alerting.reading.StoredRules`)."""

    async def current(self, tx: Transaction) -> Mapping[str, Any]: ...

    async def trial(
        self, tx: Transaction, tenant: str, document: Any, start: datetime, end: datetime
    ) -> Callable[[], dict[str, Any]]: ...

    async def replace(self, tx: Transaction, tenant: str, document: Any, author: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Gateway:
    """The ports that the composition root passes in.

    `database` connects as the application's role (row-level security by tenant). `city_now` is asked in a replay,
    when the city's clock is the data's. Without `flood`, `rules`, `evacuation`, `points`, `buses`, `chargers`,
    `tags` or `searches` their routes do not exist.
    `refusals` is where refused disclosures are booked, on connections that no request holds (`database` if left out:
    tests), and `holdings` are what the services hold of persons. `metrics` is the registry shown at /metrics, and
    `other_metrics` gives the other processes' page (it may wait a second or two). `appended` tells the event streams
    that the log has grown.
    """

    database: Database
    log: Log
    outlet: Outlet
    keys: SigningKeys
    settings: GatewaySettings
    policy: Policy = DEFAULT_POLICY
    clock: Clock = utc_now
    city_now: CityNow | None = None
    flood: FloodViews | None = None
    rules: RuleStore | None = None
    evacuation: EvacuationDesk | None = None
    points: Town | None = None
    buses: BusService | None = None
    chargers: bool = False
    tags: FamilyDesk | None = None
    searches: SearchDesk | None = None
    refusals: Database | None = None
    holdings: Sequence[Holding] = ()
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    appended: Appended | None = None
    other_metrics: Callable[[], str] | None = None


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves this request."""
    gateway: Gateway = request.app.state.gateway
    return gateway
