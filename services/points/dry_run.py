"""Rules tried on the past: the occasions that were, through the real ledger's rules, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import msgspec

from services.points.book import Book, Loaded
from services.points.earning import Occasion, awards
from services.points.model import Account, Status
from services.points.posting import apply
from services.points.rulebook import Rules


class Outcome(msgspec.Struct, kw_only=True):
    """What a campaign would have done: awards, people, points, what was refused or cut, and what is left."""

    awards: int = 0
    points: int = 0
    people: int = 0
    cut: int = 0
    refused: int = 0
    left: int = 0


def dry_run(rules: Rules, occasions: Iterable[Occasion], budgets: Mapping[str, int]) -> dict[str, Outcome]:
    """Run `occasions` (in order of time) through `rules`, each campaign with its budget in points.

    Caps, budgets and once-only grants are kept by the same code that keeps them in earnest. `cut` counts the points
    that caps and an emptied fund took off awards that were still made.
    """
    outcomes = {campaign.id: Outcome() for campaign in rules.campaigns}
    funds = {c.fund: Account(id=c.fund, keeps_lots=False, credits_posted=budgets.get(c.id, 0)) for c in rules.campaigns}
    book = Book(Loaded(accounts=funds), itertools.count(1))
    people: dict[str, set[str]] = {campaign.id: set() for campaign in rules.campaigns}
    for occasion in occasions:
        if book.account(occasion.person.account) is None:
            book.put_account(Account(id=occasion.person.account, keeps_lots=True))
        for award in awards(rules, 0, occasion):
            outcome = outcomes[award.campaign]
            [result] = apply(book, [award.transfer], occasion.at)
            if result.status is Status.CREATED:
                outcome.awards += 1
                outcome.points += result.amount
                outcome.cut += award.points - result.amount
                people[award.campaign].add(occasion.person.account)
            else:
                outcome.refused += 1
    for campaign in rules.campaigns:
        fund = book.account(campaign.fund)
        outcomes[campaign.id].people = len(people[campaign.id])
        outcomes[campaign.id].left = fund.balance if fund else 0
    return outcomes
