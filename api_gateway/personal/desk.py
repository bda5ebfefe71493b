"""The parts that the routes about persons use, made once for an application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from access.consent import Disclosure
from access.evidence import sign_statement
from access.personal import PERSONAL_ENTITIES
from access.policy import Subject
from api_gateway.context import Gateway, gateway_of
from api_gateway.oauth.server import PORTAL
from api_gateway.personal.accounts import AccountHolding
from broker.consent.care import Care
from broker.consent.entities import EntityHolding
from broker.consent.exceptions import Exceptions
from broker.consent.gate import Gate
from broker.consent.holdings import Holdings
from broker.consent.register import ConsentBook
from broker.ports import Transaction
from broker.store.entities import EntityWriter


class PersonalDesk:
    """The gate, the book of consents, guardianships, exceptions and holdings, signing with the city's active key."""

    def __init__(self, gateway: Gateway, writer: EntityWriter) -> None:
        def sign(statement: Mapping[str, Any]) -> str:
            return sign_statement(gateway.keys.ring, statement)

        entities = [EntityHolding(name, writer) for name in PERSONAL_ENTITIES]
        self.gate = Gate(gateway.refusals or gateway.database)
        self.book = ConsentBook(sign)
        self.care = Care(sign)
        self.exceptions = Exceptions(sign)
        self.holdings = Holdings([AccountHolding(), *entities, *gateway.holdings], sign)


def desk_of(request: Request) -> PersonalDesk:
    """The desk of the application that serves this request."""
    desk: PersonalDesk = request.app.state.personal
    return desk


def recipient_of(subject: Subject) -> str:
    """Who gets what this caller is shown: the person who uses the city's own pages, else the app that speaks."""
    own_pages = subject.kind == "person" and subject.client == f"{subject.tenant}.{PORTAL}"
    return subject.id if own_pages or not subject.client else subject.client


async def disclose(
    request: Request,
    tx: Transaction,
    subject: Subject,
    tenant: str,
    person: str,
    category: str,
    purpose: str,
    reference: str,
) -> None:
    """Pass the gate for one person's data. Raises `Forbidden`, booked, where there is no ground."""  # fmt: skip
    asked = Disclosure(
        tenant=tenant,
        person=person,
        recipient=recipient_of(subject),
        category=category,
        purpose=purpose,
        at=gateway_of(request).clock(),
        by=subject.id if subject.kind == "person" else "",
        reference=reference,
    )
    await desk_of(request).gate.disclose(tx, asked)
