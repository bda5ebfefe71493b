"""A points service under load in a process of its own, to be killed: prints every answer it gave, one JSON a line.

Each client pays and is granted a bonus, linked; reserves and posts; refunds. A client that gets no answer asks
again with the same ids, as a till does.
"""

from __future__ import annotations

import asyncio
import json
import sys

from broker.errors import Unavailable
from broker.store.postgres import open_database
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Phase, Transfer
from services.points.settings import PointsSettings

CLIENTS = 16


async def client(ledger: Ledger, run: str, number: int) -> None:
    wallet = f"resident/{number}"
    terms = LotTerms(kind=Kind.GIVEN, programme="bonus")
    for step in range(100_000):
        id = f"{run}-{number}-{step}"
        pay = Transfer(id=f"{id}-pay", code=Code.SPEND, debit=wallet, credit="shop/1", amount=3, linked=True)
        bonus = Transfer(id=f"{id}-bonus", code=Code.GRANT, debit="fund", credit=wallet, amount=2, lot=terms)
        hold = Transfer(
            id=f"{id}-hold", code=Code.SPEND, debit=wallet, credit="shop/1", amount=5, phase=Phase.PENDING, timeout_s=1
        )
        post = Transfer(id=f"{id}-post", code=Code.SPEND, phase=Phase.POST, pending_id=hold.id, amount=4)
        back = Transfer(
            id=f"{id}-back", code=Code.REFUND, debit="shop/1", credit=wallet, amount=4, refund_of=f"{id}-post"
        )
        for wishes in ([pay, bonus], [hold], [post], [back]):
            await ask(ledger, wishes)


async def ask(ledger: Ledger, wishes: list[Transfer]) -> None:
    while True:
        try:
            results = await ledger.submit("fukui", wishes)
        except Unavailable:
            await asyncio.sleep(0.05)
            continue
        for result in results:
            print(json.dumps([result.id, result.status, result.amount]), flush=True)
        return


async def main(url: str, run: str) -> None:
    database = await open_database(url, size=4)
    ledger = Ledger(database, PointsSettings(ledger_timeout_s=5))
    async with ledger.running():
        await asyncio.gather(*(client(ledger, run, number) for number in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
