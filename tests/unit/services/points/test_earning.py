"""Earning by rule: what each kind of rule gives, who meets it, why, and what a dry run says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broker.errors import Invalid
from services.points.dry_run import dry_run
from services.points.earning import Occasion, Person, age_on, awards
from services.points.rulebook import load_rules

RULES = """
campaigns:
  - id: kaimono
    title: 買い物ポイント
    rule: {type: per_yen, yen: 100, points: 1}
    start: 2026-04-01
    end: 2027-03-31
    grant: {valid_months: 6}
  - id: kanpai30
    title: 飲食店応援30%
    rule: {type: percent, percent: 30}
    start: 2026-07-01
    end: 2026-07-31
    where: {areas: [中央], categories: [飲食]}
    caps: {per_day: 1000, per_person: 1500}
    grant: {valid_until: 2026-12-31, valid_months: null}
  - id: idou75
    title: 移動支援
    rule: {type: fixed, points: 3000, once_per: person, proof: 本人確認書類}
    start: 2026-04-01
    end: 2027-03-31
    who: {min_age: 75, residence: [新居浜市]}
    grant: {spend_on: [transport], valid_months: 12}
  - id: setai
    title: 世帯応援
    rule: {type: fixed, points: 5000, once_per: household}
    start: 2026-04-01
    end: 2027-03-31
  - id: drill
    title: 避難訓練
    rule: {type: participation, event: 避難訓練, points: 50}
    start: 2026-04-01
    end: 2027-03-31
"""
BOOK = load_rules(RULES)
JULY = datetime(2026, 7, 10, 3, tzinfo=UTC)


def occasion(id: str = "o1", account: str = "resident/a", at: datetime = JULY, **more: Any) -> Occasion:
    names = ("household", "born", "residence")
    person = Person(account=account, **{name: more.pop(name) for name in names if name in more})
    return Occasion(id=id, person=person, at=at, **more)


def earned(what: Occasion) -> dict[str, int]:
    return {award.campaign: award.points for award in awards(BOOK, 3, what)}


def test_purchases() -> None:
    assert earned(occasion(shop="s", yen=2480, area="川東", category="小売")) == {"kaimono": 24}
    assert earned(occasion(shop="s", yen=2480, area="中央", category="飲食")) == {"kaimono": 24, "kanpai30": 744}
    assert earned(occasion(shop="s", yen=99, area="川東")) == {}


def test_a_period_ends_at_midnight_of_japan() -> None:
    last = datetime(2026, 7, 31, 14, 59, 59, tzinfo=UTC)
    at_shop = {"shop": "s", "yen": 100, "area": "中央", "category": "飲食"}
    assert "kanpai30" in earned(occasion(at=last, **at_shop))
    assert "kanpai30" not in earned(occasion(at=last + timedelta(seconds=1), **at_shop))


def test_it_explains_itself() -> None:
    [award] = awards(BOOK, 3, occasion(shop="s", yen=2480))
    assert award.why == "お買い物 2,480円、100円ごとに1ポイントで 24ポイント（買い物ポイント、規則 第3版）"
    assert award.transfer.details["why"] == award.why
    assert award.transfer.lot is not None
    assert award.transfer.lot.expires_at == datetime(2027, 1, 10, 15, tzinfo=UTC)


def test_fixed_grants_need_age_residence_and_proof() -> None:
    claim = {"campaign": "idou75", "residence": "新居浜市", "proof": "本人確認書類"}
    assert earned(occasion(born=date(1951, 7, 10), **claim)) == {"idou75": 3000}
    assert earned(occasion(born=date(1951, 7, 11), **claim)) == {}
    assert earned(occasion(**claim)) == {}
    assert earned(occasion(born=date(1940, 1, 1), **{**claim, "proof": "口頭"})) == {}
    assert earned(occasion(born=date(1940, 1, 1), **{**claim, "residence": "西条市"})) == {}


@pytest.mark.parametrize(
    ("day", "age"), [(date(2024, 2, 28), 71), (date(2024, 2, 29), 72), (date(2025, 2, 28), 72), (date(2025, 3, 1), 73)]
)
def test_age_of_one_born_on_a_leap_day(day: date, age: int) -> None:
    assert age_on(date(1952, 2, 29), day) == age


def test_whose_household_nobody_knows_has_no_grant_for_households() -> None:
    assert earned(occasion(campaign="setai")) == {}
    assert earned(occasion(campaign="setai", household="h1")) == {"setai": 5000}


def test_a_dry_run_keeps_caps_budgets_and_once_only() -> None:
    dinner = {"shop": "s", "yen": 3000, "area": "中央", "category": "飲食"}
    past = [
        occasion("1", **dinner),
        occasion("2", **dinner),
        occasion("3", at=JULY + timedelta(days=1), **dinner),
        occasion("4", account="resident/b", **dinner),
        occasion("5", account="resident/b", campaign="setai", household="h1"),
        occasion("6", account="resident/c", campaign="setai", household="h1"),
        occasion("7", account="resident/b", event="避難訓練", event_id="2026-07"),
        occasion("8", account="resident/b", event="避難訓練", event_id="2026-07"),
    ]
    done = dry_run(BOOK, past, {"kaimono": 1000, "kanpai30": 2000, "setai": 50_000, "drill": 500})
    thirty = done["kanpai30"]
    assert (thirty.awards, thirty.points, thirty.people, thirty.cut, thirty.left) == (4, 2000, 2, 1600, 0)
    assert (done["setai"].awards, done["setai"].refused) == (1, 1)
    assert (done["drill"].awards, done["drill"].refused) == (1, 1)
    assert done["kaimono"].points == 120


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("yen: 100", "yen: 0", "at least 1"),
        ("percent: 30", "percent: 300", "at most 100"),
        ("id: kanpai30", "id: kaimono", "another campaign"),
        ("end: 2026-07-31", "end: 2026-06-30", "end lies before start"),
        ("type: percent", "type: percents", "Invalid value"),
        ("per_day: 1000", "per_dya: 1000", "unknown field `per_dya`"),
        ("per_day: 1000", "per_day: -5", "caps"),
        ("min_age: 75", "min_age: old", "campaigns[2].who.min_age"),
    ],
)
def test_wrong_rules_say_where(wrong: str, right: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_rules(RULES.replace(wrong, right, 1))
    assert says in str(refused.value)
