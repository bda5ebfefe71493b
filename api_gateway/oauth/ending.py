"""Ending sessions and grants: their tokens are called back, and the apps that learned of a log-in are told of its end.

Who is told stands in the queue of deliveries in the same transaction (OpenID Connect Back-Channel Logout 1.0).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from broker.delivery.notice import Notice
from broker.delivery.queue import send_to
from broker.ports import Transaction
from broker.sql import load
from schemas.river import Mode

_SQL = load("api_gateway.oauth", "accounts")
_LONGEST_TOKEN = timedelta(days=1)
CHANNEL = "logout"
"""The channel of deliveries by which apps are told."""


async def end_session(tx: Transaction, tenant: str, digest: bytes, now: datetime) -> None:
    """End the session of the cookie with this digest."""
    await _end(tx, tenant, now, digest, None, None, None, None)


async def end_all(tx: Transaction, user_id: str, now: datetime) -> None:
    """End every session and grant of an account."""
    await _end(tx, user_id.partition(".")[0], now, None, user_id, None, None, None)
    ended = await tx.fetch(_SQL["end_grants"], user_id, now)
    await revoke(tx, sorted({row["grant_id"] for row in ended}), now)


async def end_of_provider(
    tx: Transaction, provider_id: str, session: str | None, subject: str | None, now: datetime
) -> list[str]:
    """End the sessions that began at an outside provider: the one it names, or all of a person's; whose they were."""
    return await _end(tx, provider_id.partition(".")[0], now, None, None, provider_id, session, subject)


async def _end(
    tx: Transaction,
    tenant: str,
    now: datetime,
    digest: bytes | None,
    user_id: str | None,
    provider_id: str | None,
    provider_session: str | None,
    subject: str | None,
) -> list[str]:
    chosen = await tx.fetch(_SQL["sessions_ending"], digest, user_id, provider_id, provider_session, subject)
    sessions = [row["session_id"] for row in chosen]
    if not sessions:
        return []
    for row in await tx.fetch(_SQL["to_be_told"], sessions):
        about = {"client_id": row["client_id"], "sub": row["user_id"], "sid": row["session_id"]}
        number = f"logout:{row['session_id']}:{row['client_id']}"
        notice = Notice(id=number, kind=CHANNEL, mode=Mode.ACTUAL, subject="logout", text="", body=about)
        await send_to(tx, tenant, CHANNEL, row["uri"], notice, at=now)
    # What a person allowed "while I am away" (offline_access) outlives the log-in; all else ends with it (2.7).
    grants = await tx.fetch(_SQL["end_session_grants"], sessions, now)
    ended = await tx.fetch(_SQL["end_sessions"], sessions)
    await revoke(tx, sorted({row["grant_id"] for row in (*grants, *ended)}), now)
    return sorted({row["user_id"] for row in ended})


async def revoke(tx: Transaction, grants: list[str], now: datetime) -> None:
    """Call back every access token of these grants (or of these token ids), in all processes."""
    if grants:
        await tx.execute(_SQL["revoke"], grants, now + _LONGEST_TOKEN)


async def revoked(tx: Transaction, now: datetime) -> frozenset[str]:
    """The grants and token ids called back whose tokens could still live."""
    return frozenset(row["grant_id"] for row in await tx.fetch(_SQL["revoked"], now))
