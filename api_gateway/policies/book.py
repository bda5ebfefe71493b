"""The policies in force, in memory: each tenant's own, or the built-in one; kept fresh by the database's notices."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from access.places import Place
from access.policy import READINGS, Action, Decision, Device, Policy, Resource, Subject, decide, may_publish
from access.reach import Reaches, reaches
from access.seeing import Asks, Readable, access_in, askable, hidden_attributes, hidden_by_type, readable
from api_gateway.policies.store import BUILT_IN, in_force, number_in_force
from broker.errors import Unavailable, UnknownTenant
from broker.ports import Database, Transaction
from broker.waiting import rounds

_POLL_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Judge:
    """One policy, with its answers remembered: policies are values."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._forbids = bool(policy.about(Action.WRITE, READINGS))
        self._decide = lru_cache(4096)(lambda subject, action, resource: decide(policy, subject, action, resource))
        self._readable = lru_cache(1024)(lambda subject, tenant: readable(policy, subject, tenant))
        self._askable = lru_cache(1024)(lambda subject, tenant, asks: askable(policy, subject, tenant, asks))
        self._hidden = lru_cache(4096)(lambda subject, tenant, name: hidden_attributes(policy, subject, tenant, name))
        self._by_type = lru_cache(1024)(lambda subject, tenant: hidden_by_type(policy, subject, tenant))
        self._reaches = lru_cache(1024)(lambda subject, tenant: reaches(policy, subject, tenant))
        self._access = lru_cache(4096)(lambda subject, tenant: access_in(policy, subject, tenant))

    def decide(self, subject: Subject, action: Action, resource: Resource) -> Decision:
        """See `access.policy.decide`."""
        return self._decide(subject, action, resource)

    def readable(self, subject: Subject, tenant: str) -> Readable:
        """See `access.seeing.readable`."""
        return self._readable(subject, tenant)

    def askable(self, subject: Subject, tenant: str, asks: Asks) -> Readable:
        """See `access.seeing.askable`."""
        return self._askable(subject, tenant, asks)

    def hidden(self, subject: Subject, tenant: str, type_: str) -> frozenset[str]:
        """See `access.seeing.hidden_attributes`."""
        return self._hidden(subject, tenant, type_)

    def hidden_by_type(self, subject: Subject, tenant: str) -> dict[str, frozenset[str]]:
        """See `access.seeing.hidden_by_type`."""
        return self._by_type(subject, tenant)

    def reaches(self, subject: Subject, tenant: str) -> Reaches | None:
        """See `access.reach.reaches`; None where it makes no difference where anything lies."""
        found = self._reaches(subject, tenant)
        return found if found.by_type else None

    def place(self, action: Action, types: Iterable[str], text: str) -> Place | None:
        """Where the entity in `text` lies, if the policy makes a difference by that."""
        if not self.policy.asks_where(action, types):
            return None
        return self.policy.place_of(orjson.loads(text))

    def may_publish(self, tenant: str, device: str, family: str) -> bool:
        """See `access.policy.may_publish`."""
        if not self._forbids:  # asked for each reading: most cities have no such rule
            return True
        return may_publish(self.policy, tenant, Device(device, family)).allowed

    def access(self, subject: Subject, tenant: str) -> dict[str, Any]:
        """See `access.seeing.access_in`."""
        return self._access(subject, tenant)


class PolicyBook:
    """One per process. Without a database there is the built-in policy alone.

    A tenant's policy is read when it is first asked about, and again within milliseconds of an activation anywhere (at
    the latest after ten seconds); until then the one before it decides.
    """

    def __init__(
        self, built_in: Policy, database: Database | None = None, changed: asyncio.Event | None = None
    ) -> None:
        """`changed` is set whenever another policy decides than before."""
        self._changed = changed
        self._database = database
        self._built_in = Judge(built_in)
        self._judges: dict[str, Judge] = {}

    async def learn(self, tenant: str) -> Judge:
        """The tenant's judge, read now if nobody has asked about the tenant yet. Raises `Unavailable`."""
        if tenant not in self._judges and self._database is not None:
            with contextlib.suppress(UnknownTenant):
                await self._read(self._database, tenant)
        return self.judge(tenant)

    def judge(self, tenant: str) -> Judge:
        """The tenant's judge, as last learnt."""
        return self._judges.get(tenant, self._built_in)

    async def current(self, tx: Transaction, tenant: str) -> Judge:
        """The tenant's judge as of this transaction, for whoever asks seldom and must not be late."""
        number = await number_in_force(tx, tenant)
        if number == BUILT_IN:
            return self._built_in
        known = self._judges.get(tenant)
        if known is None or known.policy.version != f"{tenant}.{number}":
            known = self._judges[tenant] = Judge(await in_force(tx, tenant, self._built_in.policy))
        return known

    async def follow(self) -> None:
        """Read again what is known whenever a policy comes into force. Runs until cancelled."""
        if self._database is None:
            return
        async with self._database.notices("policy") as noticed:
            async for _ in rounds(noticed, every=_POLL_SECONDS):
                for tenant in list(self._judges):
                    try:
                        await self._read(self._database, tenant)
                    except (Unavailable, UnknownTenant) as error:
                        _log.warning("the policy of %s stays as it was: %s", tenant, error)

    async def _read(self, database: Database, tenant: str) -> None:
        async with database.transaction(tenant) as tx:
            policy = await in_force(tx, tenant, self._built_in.policy)
        known = self._judges.get(tenant)
        if known is None or known.policy.version != policy.version:
            self._judges[tenant] = self._built_in if policy is self._built_in.policy else Judge(policy)
            if self._changed is not None:
                self._changed.set()
