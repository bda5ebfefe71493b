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
_KEYS = {
    "account_link": "token_hash",
    "assertion_seen": "ctid",
    "authorization_code": "code_hash",
    "external_login": "state_hash",
    "login_session": "token_hash",
    "refresh_token": "token_hash",
    "revoked_grant": "grant_id",
}
"""The tables whose rows expire, and by what a row is named."""


async def _delete(statement: str, now: datetime, tx: Transaction, limit: int) -> int:
    done = await tx.execute(statement, now, limit, _GRACE)
    return int(done.rpartition(" ")[2])


EXPIRED: dict[str, Sweep] = {
    table: partial(_delete, _SQL["expired"].format(table=table, key=key)) for table, key in _KEYS.items()
}
"""Of each kind, what deletes up to so many that are past their time and says how many. For the store's keeper."""
