"""Watch tags for vendors' apps, which share the city's detectors: each sees the tags that it registered, and no others.

A person uses the app and allows it (`tags:own`); that it learns where somebody is needs the consent of that person, or
of who stands for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request

from access.policy import Action
from api_gateway.auth import gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of, recipient_of
from api_gateway.routes.tag_desk import Acting, add_routes
from broker.consent.register import add_person
from broker.errors import Forbidden
from services.presence.desk import Asker

router = APIRouter(prefix="/api/v1/tags", tags=["personal"], responses=PROBLEMS)


@asynccontextmanager
async def _acting(request: Request) -> AsyncIterator[Acting]:
    """The app, and the person who uses it. Raises `Forbidden` for an app that nobody uses."""
    gate, gateway = gate_of(request), gateway_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.WRITE, "service:tags-own")
    subject, now = caller.subject, gateway.clock()
    if subject.kind != "person" or recipient_of(subject) == subject.id:
        raise Forbidden("this is for apps that a family uses; the family itself uses the city's page")
    assert gateway.tags is not None, "the tags' routes exist only with tags"
    app = recipient_of(subject)
    async with gateway.database.transaction(caller.tenant) as tx:
        await add_person(tx, caller.tenant, subject.id, now)
        asker = Asker(caller.tenant, subject.id, by=subject.id, recipient=app, vendor=app)
        yield Acting(asker, tx, gateway.tags, desk_of(request).gate)


add_routes(
    router,
    _acting,
    whose="this app registered for a person",
    needs=" No other app sees the tag; where its wearer is, only with their consent for this app. Needs tags:own.",
)
