"""Following what is called back: every gateway process hears of it at once, by a notice of the database."""

from __future__ import annotations

import contextlib

from access.tokens import TokenVerifier
from api_gateway.oauth.ending import revoked
from broker.errors import Unavailable
from broker.ports import Database
from broker.waiting import rounds
from schemas.clock import Clock

_POLL_SECONDS = 10.0


async def follow_revocations(database: Database, tenant: str, verifier: TokenVerifier, clock: Clock) -> None:
    """Keep `verifier` told until cancelled. `tenant` is any: names of grants are random and belong to the issuer."""
    async with database.notices("revoked_grant") as noticed:
        async for _ in rounds(noticed, every=_POLL_SECONDS):
            with contextlib.suppress(Unavailable):
                async with database.transaction(tenant) as tx:
                    verifier.revoke(await revoked(tx, clock()))
