"""What log-ins and tokens leave behind, deleted when it is past its time.

Nothing goes while it could still open anything or show that somebody tries twice: a refresh token that was used stays
until it would have expired, so that whoever shows it again ends the whole grant; the JWTs that clients proved
themselves with stay as long as they could be shown again. The audit trail is not touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from broker.ports import Transaction
from broker.sql import load
from broker.store.maintenance import Sweep

_SQL = load("api_gateway.oauth", "upkeep")
_GRACE = timedelta(days=1)
"""Beyond the time of expiry: clocks differ, and an operator may want to see what was there yesterday."""


async def _delete(what: str, now: datetime, tx: Transaction, limit: int) -> int:
    done = await tx.execute(_SQL[what], now, limit, _GRACE)
    return int(done.rpartition(" ")[2])


EXPIRED: dict[str, Sweep] = {what: partial(_delete, what) for what in sorted(_SQL)}
"""Of each kind, what deletes up to so many that are past their time and says how many. For the store's keeper."""
