"""The ledger as one would explain it on paper: points are single coins-like rows in plain lists, nothing is shared
with the real one but the names of its answers. Slow, obvious, and the judge of the real ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class Coins:
    """Points of one origin in one wallet."""

    owner: str
    number: int
    spend_on: frozenset[str]
    expires: datetime | None
    free: int
    held: int = 0


@dataclass
class Reservation:
    """A pending payment: from whom to whom, from which coins, until when."""

    payer: str
    payee: str
    points: int
    parts: list[tuple[Coins, int]]
    until: datetime | None
    spend_on: frozenset[str] = frozenset()
    expires: datetime | None = None
    state: str = "pending"


@dataclass
class Payment:
    """A payment that can be refunded."""

    payer: str
    payee: str
    points: int
    parts: list[tuple[Coins, int]]
    back: list[tuple[Coins, int]] = field(default_factory=list)


class SimpleLedger:
    """Wallets hold coins; purses (shops, funds) hold a number."""

    def __init__(self, wallets: list[str], purses: dict[str, int | None]) -> None:
        self.wallets = wallets
        self.floor = purses
        self.purse = dict.fromkeys(purses, 0)
        self.reserved = dict.fromkeys(purses, 0)
        self.coins: list[Coins] = []
        self.reservations: dict[str, Reservation] = {}
        self.payments: dict[str, Payment] = {}
        self.answers: dict[str, tuple[object, str]] = {}

    def balance(self, wallet: str) -> int:
        return sum(c.free + c.held for c in self.coins if c.owner == wallet)

    def total(self) -> int:
        return sum(self.purse.values()) + sum(c.free + c.held for c in self.coins)

    def usable(self, wallet: str, purpose: str, now: datetime) -> list[Coins]:
        mine = [
            c
            for c in self.coins
            if c.owner == wallet
            and c.free > 0
            and (c.expires is None or c.expires > now)
            and (not c.spend_on or purpose in c.spend_on)
        ]
        never = datetime.max.replace(tzinfo=now.tzinfo)
        return sorted(mine, key=lambda c: (c.expires or never, c.number))

    def grant(self, fund: str, wallet: str, points: int, spend_on: frozenset[str], expires: datetime) -> str:
        if not self._purse_pays(fund, points):
            return "exceeds_credits"
        self.purse[fund] -= points
        self._mint(wallet, spend_on, expires, points)
        return "created"

    def _mint(self, wallet: str, spend_on: frozenset[str], expires: datetime | None, points: int) -> None:
        self.coins.append(Coins(wallet, len(self.coins), spend_on, expires, points))

    def _purse_pays(self, purse: str, points: int) -> bool:
        floor = self.floor[purse]
        return floor is None or self.purse[purse] - self.reserved[purse] + floor >= points

    def _take(self, wallet: str, points: int, purpose: str, now: datetime) -> list[tuple[Coins, int]] | str:
        free = sum(c.free for c in self.coins if c.owner == wallet)
        usable = self.usable(wallet, purpose, now)
        if free < points:
            return "exceeds_credits"
        if sum(c.free for c in usable) < points:
            return "exceeds_points_allowed_for_purpose"
        parts = []
        for coins in usable:
            part = min(coins.free, points)
            if part:
                coins.free -= part
                points -= part
                parts.append((coins, part))
        return parts

    def spend(self, id: str, wallet: str, shop: str, points: int, purpose: str, now: datetime) -> str:
        parts = self._take(wallet, points, purpose, now)
        if isinstance(parts, str):
            return parts
        self.purse[shop] += points
        self.payments[id] = Payment(wallet, shop, points, parts)
        return "created"

    def give(self, sender: str, receiver: str, points: int, now: datetime) -> str:
        parts = self._take(sender, points, "family", now)
        if isinstance(parts, str):
            return parts
        for coins, part in parts:
            self._mint(receiver, coins.spend_on, coins.expires, part)
        return "created"

    def refund(self, payment_id: str, points: int) -> str:
        payment = self.payments.get(payment_id)
        if payment is not None and not self._purse_pays(payment.payee, points):
            return "exceeds_credits"
        if payment is None:
            return "refunded_transfer_not_found"
        if sum(part for _, part in payment.back) + points > payment.points:
            return "exceeds_refunded_transfer_amount"
        self.purse[payment.payee] -= points
        for coins, part in reversed(payment.parts):
            owed = part - sum(p for c, p in payment.back if c is coins)
            part = min(owed, points)
            if part:
                coins.free += part
                points -= part
                payment.back.append((coins, part))
        return "created"

    def reserve(self, id: str, wallet: str, shop: str, points: int, purpose: str, seconds: int, now: datetime) -> str:
        parts = self._take(wallet, points, purpose, now)
        if isinstance(parts, str):
            return parts
        for coins, part in parts:
            coins.held += part
        until = now + timedelta(seconds=seconds) if seconds else None
        self.reservations[id] = Reservation(wallet, shop, points, parts, until)
        return "created"

    def _open(self, id: str, now: datetime) -> Reservation | str:
        reservation = self.reservations.get(id)
        if reservation is None:
            return "pending_transfer_not_found"
        if reservation.state != "pending":
            return f"pending_transfer_{reservation.state}"
        if reservation.until is not None and reservation.until <= now:
            return "pending_transfer_expired"
        return reservation

    def post(self, id: str, pending: str, points: int | None, now: datetime) -> str:
        reservation = self._open(pending, now)
        if isinstance(reservation, str):
            return reservation
        points = reservation.points if points is None else points
        if points > reservation.points:
            return "exceeds_pending_transfer_amount"
        self._release(reservation, points)
        self.purse[reservation.payee] += points
        reservation.state = "already_posted"
        gone, left = [], points
        for coins, part in reservation.parts:
            gone.append((coins, min(part, left)))
            left -= min(part, left)
        self.payments[id] = Payment(reservation.payer, reservation.payee, points, gone)
        return "created"

    def void(self, pending: str, now: datetime) -> str:
        reservation = self._open(pending, now)
        if isinstance(reservation, str):
            return reservation
        self._release(reservation, 0)
        reservation.state = "already_voided"
        return "created"

    def _release(self, reservation: Reservation, points: int) -> None:
        for coins, part in reservation.parts:
            gone = min(points, part)
            points -= gone
            coins.held -= part
            coins.free += part - gone

    def time_out(self, now: datetime) -> int:
        late = [r for r in self.reservations.values() if r.state == "pending" and r.until and r.until <= now]
        for reservation in late:
            self._release(reservation, 0)
            reservation.state = "expired"
        return len(late)

    def expire(self, now: datetime) -> int:
        lost = 0
        for coins in self.coins:
            if coins.expires is not None and coins.expires <= now:
                lost += coins.free
                coins.free = 0
        self.purse["breakage"] += lost
        return lost
