"""Whether what waits may still be sent: asked in the moment of each attempt, since days may lie between two."""

from __future__ import annotations

from datetime import datetime

import msgspec

from broker.consent.gate import Gate
from broker.delivery.notice import Notice
from broker.delivery.personal import wants
from broker.delivery.queue import Subscriber
from broker.ports import Transaction

WITHDRAWN = "not sent, consent withdrawn"
UNWANTED = "not sent, its addressee does not want it any more"


async def refusal(tx: Transaction, gate: Gate, subscriber: Subscriber, notice: Notice, now: datetime) -> str | None:
    """Why the notice must not go to the subscriber any more; None where it may. A refusal of the gate's is booked."""
    asked, to = notice.disclosure, notice.addressee
    if asked is not None and not (await gate.still(tx, msgspec.structs.replace(asked, at=now))).allowed:
        return WITHDRAWN
    if to is not None and not await wants(tx, subscriber.tenant, to, subscriber.id):
        return UNWANTED
    return None
