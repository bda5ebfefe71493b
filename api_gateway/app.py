"""The application: routes, middleware and what lives as long as the process, made from the ports it is given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import Gauge
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from access.defaults import CONFORMANCE, OPEN_POLICY
from access.tokens import TokenVerifier
from api_gateway.auth import Gate
from api_gateway.context import Gateway
from api_gateway.edge import Edge, EdgeMetrics
from api_gateway.errors import on_city_error, on_http_exception, on_validation_error
from api_gateway.events.fanout import Fanout
from api_gateway.federation.client import SourceClient, keep_tallies
from api_gateway.hot import HotReads, Read
from api_gateway.ngsi_ld import operations as ngsi_ld
from api_gateway.ngsi_ld.fetching import fetcher
from api_gateway.ngsi_ld.reader import DocumentReader
from api_gateway.ngsi_v2 import operations as ngsi_v2
from api_gateway.oauth.accounts import Accounts
from api_gateway.oauth.recovery import Recovery
from api_gateway.oauth.revocations import follow_revocations
from api_gateway.oauth.server import OAuthServer
from api_gateway.openapi import DESCRIPTION, TAGS, document
from api_gateway.outside.logins import OutsideLogins
from api_gateway.outside.wire import Wire
from api_gateway.personal.desk import PersonalDesk
from api_gateway.policies.book import PolicyBook
from api_gateway.routes import (
    account,
    bus_area,
    bus_clinic,
    bus_crew,
    bus_managing,
    bus_open,
    bus_people,
    bus_roads,
    buses,
    cameras,
    catalogue,
    certificates,
    chargers,
    city,
    data,
    delegations,
    device_desk,
    evacuation,
    evacuation_review,
    events,
    flood,
    health,
    oauth,
    outside,
    pages,
    passwords,
    personal,
    personal_staff,
    points,
    points_fares,
    points_own,
    points_programmes,
    points_staff,
    points_till,
    points_treasury,
    policies,
    safety,
    shelters,
    snapshot,
    staff,
    tag_apps,
    tag_searches,
    tags,
    usage,
    ways,
)
from api_gateway.shared import SharedAnswers
from api_gateway.snapshot import Snapshots
from api_gateway.usage.attempts import Attempts
from api_gateway.usage.metering import Meter, Metering
from broker.errors import CityError
from broker.federation.book import SourceBook
from broker.jsonld.library import ContextLibrary
from broker.models.book import ModelBook
from broker.store.entities import EntityWriter
from broker.waiting import lasting

_log = logging.getLogger(__name__)
OPERATIONS = [*ngsi_ld.OPERATIONS, *ngsi_v2.OPERATIONS]
_EXPOSED = [
    "Link",
    "NGSILD-Results-Count",
    "NGSILD-Tenant",
    "NGSILD-EntityMap",
    "NGSILD-Snapshot",
    "Fiware-Total-Count",
    "Content-Range",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
]


def create_app(services: Gateway) -> FastAPI:
    """The gateway over `services`. NGSI-LD's routes are plain endpoints and come first, the hot ones sooner still."""
    settings = services.settings
    meter = Meter(services.clock, settings.app_rate, settings.app_burst)
    app = FastAPI(
        title="都市OS API",
        version=version("city-os"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        routes=[
            *ngsi_ld.NOT_TAKEN,
            *(Route(op.path, op.handler, methods=[op.method], name=op.name) for op in OPERATIONS),
        ],
        lifespan=_lifespan,
        middleware=[
            Middleware(
                Edge,
                metrics=EdgeMetrics(services.metrics),
                tls=settings.public_url.startswith("https"),
                proxies=settings.trusted_proxies,
            ),
            Middleware(Metering, meter=meter),
            Middleware(HotReads, reads=_hot(services)),
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "HEAD"],
                allow_headers=["NGSILD-Tenant", "Authorization", "CityOS-Purpose", "Link", "Last-Event-ID"],
                expose_headers=_EXPOSED,
                max_age=3600,
            ),
        ],
        exception_handlers={
            CityError: on_city_error,
            HTTPException: on_http_exception,
            RequestValidationError: on_validation_error,
        },
    )
    _furnish(app, services, meter)
    for router in _routers(services):
        app.include_router(router)
    if settings.web_folder is not None:
        app.mount("/", pages.Pages(settings.web_folder, settings.map.tile_url), name="pages")
    app.openapi = lambda: document(app, OPERATIONS)  # type: ignore[method-assign]
    return app


def _hot(services: Gateway) -> dict[str, Read]:
    """What every resident's page asks for, by path: in a flood thousands at a time."""
    reads: dict[str, Read] = {"/api/v1/public/snapshot": snapshot.snapshot}
    if services.flood is not None:
        reads["/api/v1/flood/gauges"] = flood.gauges
    if services.evacuation is not None:
        reads["/api/v1/evacuation/public"] = evacuation.public
        reads["/api/v1/evacuation/shelters"] = shelters.shelters
    return reads


def _furnish(app: FastAPI, services: Gateway, meter: Meter) -> None:
    """What handlers find in `app.state`."""
    settings, keys = services.settings, services.keys
    verifier = TokenVerifier(settings.issuer, settings.issuer, keys.ring, services.clock)
    fanout = Fanout(
        services.log,
        buffer=settings.stream_buffer,
        most=settings.max_streams,
        poll_seconds=settings.stream_poll_seconds,
        appended=services.appended,
    )
    app.state.gateway = services
    app.state.meter = meter
    app.state.trials = asyncio.Lock()
    if settings.auth == "off":
        app.state.policies = book = PolicyBook(OPEN_POLICY)
        app.state.gate = Gate(book, verifier, keys, settings.default_tenant, meter, CONFORMANCE)
    else:
        app.state.policies = book = PolicyBook(services.policy, services.database)
        app.state.gate = Gate(book, verifier, keys, settings.default_tenant, meter)
    fetch = fetcher(allow_private=settings.private_hosts)
    app.state.contexts = ContextLibrary(services.database, fetch, settings.issuer)
    app.state.sources = SourceBook(services.database)
    app.state.source_client = SourceClient(
        seconds=settings.source_seconds,
        rest=settings.source_rest_seconds,
        most_bytes=settings.max_body_bytes,
        allow_private=settings.private_hosts,
    )
    app.state.models = ModelBook(services.database, app.state.contexts)
    app.state.reader = DocumentReader(services.database)
    app.state.writer = EntityWriter(services.outlet)
    app.state.personal = PersonalDesk(services, app.state.writer)
    app.state.verifier = verifier
    app.state.attempts = Attempts(services.database, settings.default_tenant, services.clock)
    app.state.accounts = accounts = Accounts(services.database, services.clock)
    app.state.recovery = Recovery(services.database, accounts, settings.issuer, services.clock)
    app.state.oauth = OAuthServer(
        services.database, keys, verifier, accounts, settings.issuer, settings.token_seconds, services.clock
    )
    wire = Wire(allow_private=settings.private_hosts)
    app.state.outside = OutsideLogins(services.database, accounts, wire, settings.issuer, services.clock)
    app.state.fanout = fanout
    app.state.shared = SharedAnswers()
    app.state.catalogues = SharedAnswers(30.0)
    app.state.snapshots = Snapshots(snapshot.maker(services, app.state.gate))
    streams = Gauge("cityos_event_streams", "event streams open", registry=services.metrics)
    streams.set_function(lambda: fanout.open_streams)


def _routers(services: Gateway) -> list[APIRouter]:
    routers = [events.router, city.router, data.router, oauth.router, account.router, staff.router, health.router]
    routers += [catalogue.router, usage.router, delegations.router, device_desk.router, device_desk.claims]
    routers.append(certificates.router)
    routers += [passwords.router, outside.router]
    routers += [personal.router, personal_staff.router, ways.router, policies.router]
    if services.flood is not None:
        routers.append(flood.router)
    if services.rules is not None:
        routers.append(flood.rules_router)
    routers.append(snapshot.router)
    if services.evacuation is not None:
        routers += [evacuation.router, evacuation_review.router, cameras.router, shelters.router, safety.router]
    if services.points is not None:
        routers += [points.router, points_own.router, points_till.router, points_staff.router]
        routers += [points_programmes.router, points_treasury.router, points_fares.router]
    if services.chargers:
        routers.append(chargers.router)
    if services.tags is not None:
        routers += [tags.router, tag_apps.router]
    if services.searches is not None:
        routers += [tag_searches.family, tag_searches.staff]
    if services.buses is not None:
        routers += [buses.router, bus_people.router, bus_crew.router, bus_managing.router, bus_roads.router]
        routers += [bus_area.router, bus_clinic.router, bus_open.router]
    return routers


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Gateway = app.state.gateway
    tenant = services.settings.default_tenant
    database = services.database
    works: dict[str, Callable[[], Awaitable[None]]] = {
        "following the keys": services.keys.keep_fresh,
        "following what is called back": partial(
            follow_revocations, database, tenant, app.state.verifier, services.clock
        ),
        "counting what is asked": partial(app.state.meter.keep, database, tenant),
        "sharing the rates": partial(app.state.meter.rates.keep, database),
        "following the policies": app.state.policies.follow,
        "following the context sources": app.state.sources.follow,
        "counting what sources answer": partial(keep_tallies, app.state.source_client, database),
    }
    keepers = [asyncio.create_task(lasting(work, log=_log, name=name)) for name, work in works.items()]
    try:
        yield
    finally:
        app.state.fanout.close()
        await app.state.snapshots.close()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await app.state.source_client.close()
