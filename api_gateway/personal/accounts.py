"""The account as what is held of a person, and the names behind the numbers of accounts and apps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from api_gateway.oauth.accounts import change_account
from broker.consent.holdings import Erased
from broker.delivery.personal import leave_all, shown, ways_of
from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("api_gateway.personal", "accounts")


class AccountHolding:
    """A person's account: address, name, roles, apps registered, where they are told of things.

    The transaction shows the tenant's rows only.
    """

    service = "account"
    category = "contact"

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """The account and the apps it registered; no secrets."""
        row = await tx.fetchrow(_SQL["about"], person)
        if row is None:
            return []
        apps = [dict(app) for app in await tx.fetch(_SQL["apps"], person)]
        outside = [dict(link) for link in await tx.fetch(_SQL["outside"], person)]
        told = [shown(way) for way in await ways_of(tx, tenant, person)]
        return [{**dict(row), "apps": apps, "log_ins_elsewhere": outside, "told": told}]

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:
        """Address, name and ways to log in go, every session and grant ends; the audit trail keeps the number."""
        row = await tx.fetchrow(_SQL["about"], person)
        if row is None:
            return Erased(category=self.category, service=self.service, erased=0)
        await change_account(tx, person, [], "active", now)
        await tx.execute(_SQL["forget_outside"], person)
        await leave_all(tx, tenant, person)
        done = await tx.fetchval(_SQL["erase"], person)
        why = "操作の記録には番号だけが残ります。"
        return Erased(category=self.category, service=self.service, erased=1 if done else 0, why=why)


async def names(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    """The names of accounts and apps, by id; for who has none its address, and nothing for who does not exist."""
    rows = await tx.fetch(_SQL["names"], sorted(set(ids)))
    return {row["id"]: row["name"] or row["login"] for row in rows}


async def account_named(tx: Transaction, login: str) -> tuple[str, str]:
    """The id and the name of the account with that address. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["by_login"], login.strip().lower())
    if row is None:
        raise NotFound("there is no account with that address")
    return row["id"], row["name"]
