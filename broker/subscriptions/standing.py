"""Whether a subscription's owner may still see what it would be told: asked when it fires, not only when it is made.

Asked once more when it is sent, where it is about persons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
import orjson

from access.consent import Disclosure
from access.personal import PERSONAL_ENTITIES, about_of, person_in
from broker.consent.gate import Gate
from broker.ports import Transaction
from broker.store.reading import Document


class Owners(Protocol):
    """What the owners of subscriptions may see at present."""

    async def access(self, tx: Transaction, tenant: str, access: Mapping[str, Any]) -> dict[str, Any] | None:
        """`access` (a subscription's ``@access``) as the policy and the owner's rights have it now.

        None where the owner may see nothing any more: suspended, gone, or without the scopes.
        """


class Standing:
    """Asked for each notification, in the transaction that queues it."""

    def __init__(self, owners: Owners, gate: Gate) -> None:
        self._owners = owners
        self._gate = gate

    async def access(self, tx: Transaction, tenant: str, doc: Mapping[str, Any]) -> dict[str, Any] | None:
        """The subscription's ``@access`` as of now; None where it must not be told anything."""
        stored = doc.get("@access", {})
        return await self._owners.access(tx, tenant, stored) if "owner" in stored else dict(stored)

    async def may_tell(
        self, tx: Transaction, tenant: str, doc: Mapping[str, Any], document: Document, now: datetime
    ) -> bool:
        """Whether this entity may be told of: one about a person passes the consent gate, and that is booked."""
        if about_of(document.type) is None:
            return True
        asked = question(tenant, doc, document, now)
        return asked is not None and (await self._gate.tell(tx, asked)).allowed

    async def may_send(
        self, tx: Transaction, tenant: str, doc: Mapping[str, Any], asked: Sequence[Disclosure], now: datetime
    ) -> bool:
        """Whether a notification that waited may go out: all that it tells may still be told. A refusal is booked."""
        if await self.access(tx, tenant, doc) is None:
            return False
        for one in asked:
            if not (await self._gate.still(tx, msgspec.structs.replace(one, at=now))).allowed:
                return False
        return True


def question(tenant: str, doc: Mapping[str, Any], document: Document, now: datetime) -> Disclosure | None:
    """What the gate is asked before a subscription is told of an entity about a person; None of any other entity, and
    where the subscription is of nobody to whom persons' data may go."""
    about, personal = about_of(document.type), doc.get("@access", {}).get("personal")
    if about is None or personal is None or not set(document.type) <= PERSONAL_ENTITIES.keys():
        return None
    return Disclosure(
        tenant=tenant,
        person=person_in(orjson.loads(document.text), about) or "",
        recipient=personal["recipient"],
        category=about.category,
        purpose=personal["purpose"],
        at=now,
        by=personal["by"],
        reference=f"{doc['id']} {document.id}",
    )
