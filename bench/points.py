"""How fast the points' ledger is, beside a plain one in the same run: `python -m bench.points --help`.

Transfers a second and the 99th percentile of one transfer's time, for 1, 8 and 32 clients, each waiting for its
answer before it asks again: *uniform* (residents pay at shops, each from its own lots) and *hot* (one campaign's
fund grants to residents). The plain ledger is a PL/pgSQL function that locks two rows, moves the points and writes
the journal: no lots, no limits, no phases.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.machine import OUT, machine, percentile, write
from broker.ports import Transaction
from broker.store.migrate import migrate
from broker.store.postgres import PostgresDatabase, open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from schemas.clock import utc_now
from services.points.closing import close
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Transfer, day_of
from services.points.settings import PointsSettings
from services.points.verify import seal, verify
from services.points.wallet import wallet

RESIDENTS = 2000
_CHUNK = 50_000
SHOPS = 180
TENANT = "town"
TERMS = LotTerms(kind=Kind.GIVEN, programme="bench")
PLAIN = """
create table plain_account (id text primary key, debits bigint not null default 0, credits bigint not null default 0)
    with (fillfactor = 60);
create table plain_transfer (id text primary key, debit text not null, credit text not null, amount bigint not null,
    at timestamptz not null default now());
create function plain_move(transfer text, payer text, payee text, points bigint) returns void language plpgsql as $$
begin
    perform 1 from plain_account where id in (payer, payee) order by id for update;
    update plain_account set debits = debits + points where id = payer;
    update plain_account set credits = credits + points where id = payee;
    insert into plain_transfer (id, debit, credit, amount) values (transfer, payer, payee, points);
end $$;
"""
Pick = Callable[[], tuple[str, str]]


def uniform() -> tuple[str, str]:
    """A resident pays at a shop."""
    return f"resident/{random.randrange(RESIDENTS)}", f"shop/{random.randrange(SHOPS)}"


def hot() -> tuple[str, str]:
    """One fund grants to a resident."""
    return "fund", f"resident/{random.randrange(RESIDENTS)}"


class Marks:
    """How long each of many transfers took, in seconds."""

    def __init__(self) -> None:
        self.took: list[float] = []

    async def drive(self, clients: int, seconds: float, one: Callable[[str], Awaitable[None]]) -> dict[str, float]:
        """Let `clients` do `one` again and again; transfers a second and percentiles in milliseconds."""
        self.took.clear()
        end = time.perf_counter() + seconds

        async def client(number: int) -> None:
            for step in itertools.count():
                start = time.perf_counter()
                if start > end:
                    return
                await one(f"{time.time_ns()}-{number}-{step}")
                self.took.append(time.perf_counter() - start)

        start = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(clients)))
        spent = time.perf_counter() - start
        ordered = sorted(self.took)
        return {
            "per_s": round(len(ordered) / spent),
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
        }


async def prepare(owner: PostgresDatabase, app: PostgresDatabase) -> None:
    """A town: accounts, a lot for every resident, and the plain ledger's tables."""
    async with owner.transaction() as tx:
        await tx.execute("insert into tenant (name) values ($1)", TENANT)
        await tx.execute(PLAIN)
        await tx.execute("grant all on plain_account, plain_transfer to cityos_app")
        names = ["fund", *(f"resident/{n}" for n in range(RESIDENTS)), *(f"shop/{n}" for n in range(SHOPS))]
        await tx.execute("insert into plain_account (id) select unnest($1::text[])", names)
    async with Ledger(app, PointsSettings()).running() as ledger:
        await ledger.open_account(TENANT, "issuer", "issuer", overdraft=None)
        await ledger.open_account(TENANT, "fund", "campaign", overdraft=None)
        for name in names[1:]:
            await ledger.open_account(TENANT, name, name.split("/")[0])
        for start in range(0, RESIDENTS, 500):
            wishes = [
                Transfer(id=f"s{n}", code=Code.GRANT, debit="fund", credit=f"resident/{n}", amount=10**9, lot=TERMS)
                for n in range(start, start + 500)
            ]
            assert all(result.status.fine for result in await ledger.submit(TENANT, wishes))
    async with owner.transaction() as tx:
        # As in a town that is a day old. Without statistics every look at the journal reads the whole of it.
        await tx.execute("analyze points_account, points_lot, points_transfer, points_refusal, plain_account")


async def measure(app: PostgresDatabase, seconds: float) -> list[dict[str, object]]:
    """Every combination, ours and the plain one in turn."""
    rows: list[dict[str, object]] = []
    ledger = Ledger(app, PointsSettings())
    picks: dict[str, Pick] = {"uniform": uniform, "hot": hot}

    async with ledger.running():
        for (name, pick), clients in itertools.product(picks.items(), (1, 8, 32)):

            async def ours(id: str, pick: Pick = pick, code: str = name) -> None:
                debit, credit = pick()
                lot = TERMS if code == "hot" else None
                wish = Transfer(id=id, code=Code.SPEND, debit=debit, credit=credit, amount=1, lot=lot)
                [result] = await ledger.submit(TENANT, [wish])
                assert result.status.fine, result

            async def plain(id: str, pick: Pick = pick) -> None:
                async with app.transaction(TENANT) as tx:
                    await _plain(tx, id, *pick())

            for who, one in (("ledger", ours), ("plain", plain)):
                marks = await Marks().drive(clients, seconds, one)
                rows.append({"ledger": who, "load": name, "clients": clients, **marks})
                print(rows[-1], flush=True)
    return rows


async def _plain(tx: Transaction, id: str, debit: str, credit: str) -> None:
    await tx.fetchval("select plain_move($1, $2, $3, 1)", id, debit, credit)


LARGE = """
insert into points_account (tenant_id, id, kind, keeps_lots, overdraft, credits_posted, opened_at)
select t.id, 'big/' || n, 'resident', true, 0, 1000, now() from tenant t, generate_series({first}, {last}) n
    where t.name = '{tenant}';
insert into points_transfer (tenant_id, id, code, phase, debit, credit, amount, requested, purpose, terms, lots, freed,
    held, details, by, at)
select t.id, 'big-' || n, 'grant', 'single', 'fund', 'big/' || n, 1000, 1000, '', '{{}}',
    array(select 1000000000 + n::bigint * 10 + k from generate_series(0, 9) k), array_fill(100::bigint, array[10]),
    array_fill(0::bigint, array[10]), '{{}}', 'bench', now() - interval '2 days'
from tenant t, generate_series({first}, {last}) n where t.name = '{tenant}';
insert into points_lot (tenant_id, id, account, granted_by, kind, issuer, programme, spend_on, granted_at, expires_at,
    amount, free, held, moves)
select t.id, 1000000000 + n::bigint * 10 + k, 'big/' || n, 'big-' || n, case when k < 5 then 'given' else 'bought' end,
    'city', 'p' || k, '{{}}', now() - interval '2 days', now() + (30 + k) * interval '1 day', 100, 100, 0, 1
from tenant t, generate_series({first}, {last}) n, generate_series(0, 9) k where t.name = '{tenant}';
update points_account a set debits_posted = debits_posted + 1000::bigint * ({last} - {first} + 1)
from tenant t where t.id = a.tenant_id and t.name = '{tenant}' and a.id = 'fund';
"""
"""A big town at once: every resident has ten lots from one entry of the journal, as a transfer of ten lots makes."""


async def measure_large(owner: PostgresDatabase, app: PostgresDatabase, people: int) -> dict[str, object]:
    """A resident's balance and a day's closing where `people` residents hold ten lots each."""
    start = time.perf_counter()
    for first in range(1, people + 1, _CHUNK):
        chunk = LARGE.format(first=first, last=min(people, first + _CHUNK - 1), tenant=TENANT)
        async with owner.transaction() as tx:
            await tx.execute(chunk)
    async with owner.transaction() as tx:
        await tx.execute("analyze points_account, points_lot, points_transfer")
    print(f"{people:,} residents with {people * 10:,} lots in {time.perf_counter() - start:.0f} s", flush=True)
    took = []
    for _ in range(2000):
        account = f"big/{random.randrange(people) + 1}"
        begun = time.perf_counter()
        async with app.transaction(TENANT) as tx:
            found = await wallet(tx, account, utc_now())
        took.append((time.perf_counter() - begun) * 1000)
        assert (found.pointBalance, found.moneyBalance) == (500, 500)
    begun = time.perf_counter()
    await seal(app, TENANT, utc_now())
    sealed = time.perf_counter() - begun
    begun = time.perf_counter()
    made = await close(app, TENANT, day_of(utc_now()) - timedelta(days=1), utc_now())
    closed = time.perf_counter() - begun
    assert made.unused >= people * 1000
    figures: dict[str, object] = {
        "residents": people,
        "lots": people * 10,
        "balance_p50_ms": round(percentile(took, 0.5), 2),
        "balance_p99_ms": round(percentile(took, 0.99), 2),
        "seal_s": round(sealed, 1),
        "closing_s": round(closed, 1),
    }
    print(figures, flush=True)
    return figures


async def run(seconds: float, people: int) -> dict[str, Any]:
    """Measure, prove the books afterwards, and return the figures."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=OUT))
        server = EmbeddedPostgres(Path(folder) / "pg")
        server.start()
        stack.callback(server.stop)
        owner = await open_database(server.url(), system=True, size=2)
        stack.push_async_callback(owner.close)
        await migrate(owner, MIGRATED_PACKAGES, {r: server.password(r) for r in ("cityos_app", "cityos_system")})
        app = await open_database(server.url("cityos_app"), size=33)
        stack.push_async_callback(app.close)
        system = await open_database(server.url("cityos_system"), system=True, size=2)
        stack.push_async_callback(system.close)
        await prepare(owner, app)
        rows = await measure(app, seconds)
        start = time.perf_counter()
        await seal(system, TENANT, utc_now())
        proof = await verify(system, TENANT)
        proving = round(time.perf_counter() - start, 2)
        print(f"sealed and proved {proof.transfers} transfers in {proving} s; faults: {proof.faults}")
        assert not proof.faults
        large = await measure_large(owner, app, people) if people else {}
    return {"machine": machine(), "rows": rows, "large": large, "transfers": proof.transfers, "proved_in_s": proving}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--residents", type=int, default=0, help="also a town of so many, with ten lots each")
    given = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    write("points", asyncio.run(run(given.seconds, given.residents)))


if __name__ == "__main__":
    main()
