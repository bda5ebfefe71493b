"""The signing keys in the database: made at first start, shared by all gateway processes, read again when needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from datetime import timedelta

from access.keys import KeyRing, load_key, new_key
from broker.errors import Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import Clock, utc_now

_SQL = load("api_gateway.oauth", "oauth")
_LONGEST_TOKEN = timedelta(days=1)
_SECONDS_BETWEEN_READS = 10.0


class SigningKeys:
    """The key ring that this process knows, with a bounded way to learn of a rotation by another."""

    def __init__(self, database: Database, tenant: str, ring: KeyRing, clock: Clock = utc_now) -> None:
        self._database = database
        self._tenant = tenant
        self._clock = clock
        self._read_at = time.monotonic()
        self.ring = ring

    async def refresh(self) -> bool:
        """Read the keys again, at most every ten seconds (a stranger's made-up key id must not load the database)."""
        if time.monotonic() - self._read_at < _SECONDS_BETWEEN_READS:
            return False
        self._read_at = time.monotonic()
        async with self._database.transaction(self._tenant) as tx:
            self.ring = await _read(tx, self._clock) or self.ring
        return True

    async def keep_fresh(self, every: float = 60.0) -> None:
        """Read the keys once a minute, so that a rotation elsewhere is followed here. Runs until cancelled."""
        while True:
            await asyncio.sleep(every)
            with contextlib.suppress(Unavailable):
                await self.refresh()


async def open_keys(database: Database, tenant: str, clock: Clock = utc_now) -> SigningKeys:
    """The stored keys; the first process ever makes the first key. `tenant` is any: keys belong to the issuer."""
    async with database.transaction(tenant) as tx:
        ring = await _read(tx, clock)
        if ring is None:
            await tx.execute(_SQL["lock_keys"])
            ring = await _read(tx, clock) or await _make(tx)
    return SigningKeys(database, tenant, ring, clock)


async def rotate_keys(system: Database) -> str:
    """Make a new active key and retire the others, which verify for one more day. Returns the new key's id."""
    async with system.transaction() as tx:
        await tx.execute(_SQL["lock_keys"])
        ring = await _make(tx)
        await tx.execute(_SQL["retire_others"], ring.active.id)
    return ring.active.id


async def _read(tx: Transaction, clock: Clock) -> KeyRing | None:
    rows = await tx.fetch(_SQL["keys"], clock() - _LONGEST_TOKEN)
    return KeyRing([load_key(json.loads(row["private_jwk"])) for row in rows]) if rows else None


async def _make(tx: Transaction) -> KeyRing:
    key = new_key()
    await tx.execute(_SQL["add_key"], key.id, json.dumps(key.private()))
    return KeyRing([key])
