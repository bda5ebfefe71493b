"""What an occasion earns under the rules, and why. Pure: the same occasion and rules always earn the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from services.points.model import Code, LotTerms, Quota, Transfer, day_of, midnight_after, months_after
from services.points.rulebook import Campaign, Fixed, Participation, Percent, PerYen, Rules


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Of whoever earns only what rules ask about, as it was at the occasion."""

    account: str
    household: str | None = None
    born: date | None = None
    residence: str | None = None


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may earn points. A purchase has `shop` and `yen`; participation has `event`; a claim of a fixed
    grant names its `campaign` and what `proof` was seen. `at` is the city's time, not the till's."""

    id: str
    person: Person
    at: datetime
    shop: str | None = None
    area: str | None = None
    category: str | None = None
    yen: int = 0
    event: str | None = None
    event_id: str | None = None
    campaign: str | None = None
    proof: str | None = None


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """What one campaign gives for an occasion, before caps and budget, and why, in words."""

    campaign: str
    points: int
    why: str
    transfer: Transfer


def awards(rules: Rules, version: int, occasion: Occasion) -> list[Award]:
    """The awards of every campaign that the occasion meets. Caps and budgets are the ledger's to keep."""
    found = []
    for campaign in rules.campaigns:
        earned = _earned(campaign, occasion) if _meets(campaign, occasion) else None
        if earned is not None and earned[0] > 0:
            points, why = earned
            why = f"{why}（{campaign.title}、規則 第{version}版）"
            transfer = _transfer(campaign, version, occasion, points, why)
            found.append(Award(campaign=campaign.id, points=points, why=why, transfer=transfer))
    return found


def _meets(campaign: Campaign, occasion: Occasion) -> bool:
    day, where, who, person = day_of(occasion.at), campaign.where, campaign.who, occasion.person
    if not campaign.start <= day <= campaign.end:
        return False
    if (where.areas and occasion.area not in where.areas) or (
        where.categories and occasion.category not in where.categories
    ):
        return False
    if who.residence and person.residence not in who.residence:
        return False
    if (who.min_age, who.max_age) == (0, 200):
        return True
    return person.born is not None and who.min_age <= age_on(person.born, day) <= who.max_age


def age_on(born: date, day: date) -> int:
    """Full years on `day`. Born on 29 February one is a year older on 1 March of common years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _earned(campaign: Campaign, occasion: Occasion) -> tuple[int, str] | None:
    rule = campaign.rule
    if isinstance(rule, PerYen) and occasion.shop:
        points = occasion.yen // rule.yen * rule.points
        return points, f"お買い物 {occasion.yen:,}円、{rule.yen:,}円ごとに{rule.points}ポイントで {points:,}ポイント"
    if isinstance(rule, Percent) and occasion.shop:
        points = occasion.yen * rule.percent // 100
        return points, f"お買い物 {occasion.yen:,}円の{rule.percent}%で {points:,}ポイント"
    if isinstance(rule, Participation) and occasion.event == rule.event:
        return rule.points, f"「{rule.event}」への参加で {rule.points:,}ポイント"
    if isinstance(rule, Fixed) and occasion.campaign == campaign.id:
        if rule.proof is not None and occasion.proof != rule.proof:
            return None
        if rule.once_per == "household" and occasion.person.household is None:
            return None  # nobody could tell whether the household has had it
        proof = f"（確認書類：{rule.proof}）" if rule.proof else ""
        return rule.points, f"定額の給付{proof}で {rule.points:,}ポイント"
    return None


def _transfer(campaign: Campaign, version: int, occasion: Occasion, points: int, why: str) -> Transfer:
    details = {"campaign": campaign.id, "rules": version, "why": why, "occasion": occasion.id}
    if occasion.shop:
        details |= {"shop": occasion.shop, "yen": occasion.yen}
    return Transfer(
        id=award_id(occasion.id, campaign.id),
        code=Code.GRANT,
        debit=campaign.fund,
        credit=occasion.person.account,
        amount=points,
        up_to=isinstance(campaign.rule, PerYen | Percent),
        lot=terms(campaign, day_of(occasion.at)),
        quotas=tuple(_quotas(campaign, occasion, points)),
        details=details,
        by=f"rules/{version}",
    )


def award_id(occasion: str, campaign: str) -> str:
    """The id of the transfer by which a campaign rewards an occasion."""
    return f"award:{occasion}:{campaign}"


def terms(campaign: Campaign, day: date) -> LotTerms:
    """The lot that the campaign grants on `day`. Points are good until the end of a day of Japan."""
    grant = campaign.grant
    ends = [grant.valid_until] if grant.valid_until else []
    if grant.valid_months:
        ends.append(months_after(day, grant.valid_months))
    return LotTerms(
        kind=grant.kind,
        issuer=grant.issuer,
        programme=campaign.id,
        spend_on=grant.spend_on,
        expires_at=midnight_after(min(ends)) if ends else None,
    )


def _quotas(campaign: Campaign, occasion: Occasion, points: int) -> list[Quota]:
    account, id, rule, caps = occasion.person.account, campaign.id, campaign.rule, campaign.caps
    quotas = []
    if caps.per_day is not None:
        quotas.append(Quota(account, f"{id}:{day_of(occasion.at)}", caps.per_day))
    if caps.per_person is not None:
        quotas.append(Quota(account, f"{id}:all", caps.per_person))
    if isinstance(rule, Participation) and rule.per_occasion_once and occasion.event_id:
        quotas.append(Quota(account, f"{id}:event:{occasion.event_id}", points))
    if isinstance(rule, Fixed):
        if rule.once_per == "household":
            quotas.append(Quota(campaign.fund, f"household:{occasion.person.household}", points))
        quotas.append(Quota(account, f"{id}:once", points))
    return quotas


def transfers(found: Sequence[Award]) -> list[Transfer]:
    """The awards' transfers: each stands by itself, so one exhausted fund does not take the others along."""
    return [award.transfer for award in found]
