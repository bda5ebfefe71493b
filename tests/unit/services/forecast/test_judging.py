"""What is shown is decided by the rising limb, group by group and lead by lead, less gauges known as worse."""

from __future__ import annotations

from services.forecast.features import LEADS, GaugeTraits
from services.forecast.judging import ENOUGH, ENOUGH_OF_ONE, Judged, Rise, Skill, said, verdicts, worth_showing

TRAITS = {
    "brook": GaugeTraits(0.5, 0.0),
    "river": GaugeTraits(1.5, 0.0),
    "great": GaugeTraits(4.0, 0.0),
    "other": GaugeTraits(3.0, 0.0),
}


def skill(lead: int, over_all: float = 0.3, moving: float = 0.3) -> Skill:
    return Skill(lead, 1000, 0.07, 0.1, over_all, moving, 0.0, 0.8)


def rise(of: float, cases: int = 100) -> Rise:
    """A gauge that rose by half a metre `cases` times, forecast with the skill `of`."""
    return Rise(cases, (1 - of) * 0.5 * cases, 0.5 * cases)


def flood(**gauges: float) -> Judged:
    """The same skills while rising at every lead."""
    return Judged(tuple(map(skill, LEADS)), {lead: {name: rise(of) for name, of in gauges.items()} for lead in LEADS})


def test_a_group_that_is_worse_while_rising_on_one_flood_is_not_shown() -> None:
    first, second = flood(brook=0.3, river=0.3, great=0.2), flood(brook=-0.01, river=0.1, great=0.3)
    assert worth_showing([first, second], TRAITS) == {"river": LEADS, "great": LEADS, "other": LEADS}
    assert worth_showing([], TRAITS) == worth_showing([first, Judged()], TRAITS) == {}


def test_each_lead_is_decided_by_itself() -> None:
    judged = flood(river=0.3, great=0.3)
    judged.rises[6]["river"] = rise(-0.2)
    assert worth_showing([judged, flood(river=0.2, great=0.2)], TRAITS)["river"] == (1, 3)


def test_a_gauge_known_as_worse_is_left_out_of_a_good_group() -> None:
    judged = flood(great=0.4)
    for lead in LEADS:
        judged.rises[lead]["other"] = rise(-0.1, ENOUGH_OF_ONE)
    assert worth_showing([judged], TRAITS) == {"great": LEADS}
    for lead in LEADS:
        judged.rises[lead]["other"] = rise(-0.1, ENOUGH_OF_ONE - 1)
    assert worth_showing([judged], TRAITS) == {"great": LEADS, "other": LEADS}, "too little to know"


def test_a_group_that_hardly_rose_is_not_told_from_chance() -> None:
    judged = flood()
    for lead in LEADS:
        judged.rises[lead]["river"] = rise(0.9, ENOUGH - 1)
    assert worth_showing([judged], TRAITS) == {}
    assert worth_showing([judged, judged], TRAITS) == {"river": LEADS}


def test_a_lead_that_loses_over_a_whole_flood_is_shown_nowhere() -> None:
    first, second = flood(river=0.3), flood(river=0.3)
    worse = Judged((skill(1), skill(3, over_all=-0.01), skill(6, moving=-0.01)), second.rises)
    assert worth_showing([first, worse], TRAITS) == {"river": (1,)}


def test_the_verdict_says_what_is_shown_and_why() -> None:
    told = verdicts([flood(river=0.3, great=-0.1), flood(great=0.1)], TRAITS)
    assert [(one.lead, one.group, one.gauges, one.shown) for one in told[:3]] == [
        (1, 0, 1, 0),
        (1, 1, 1, 1),
        (1, 2, 2, 0),
    ]
    assert said(told[1]) == (
        "1 h, gauges that move 1 to 2.5 m: shown of 1 of 1 gauges; while rising +0.30 (100), no rise"
    )
    assert said(told[2]).endswith("2.5 m and more: shown of 0 of 2 gauges; while rising -0.10 (100), +0.10 (100)")
