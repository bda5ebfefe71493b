"""Rules about places and single devices."""

from __future__ import annotations

from typing import Any

import pytest

from access.defaults import DEFAULT_POLICY
from access.places import Place
from access.policy import ANYONE, READINGS, Action, Device, Policy, Resource, Subject, decide, may_publish
from access.policy_file import parse_cases, parse_policy, plain, run_cases
from access.reach import reaches
from access.seeing import Asks, askable, readable

OWN_PURPOSES = {"research": "大学の研究"}


def square(west: float, south: float, size: float = 1.0) -> dict[str, Any]:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def at(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}


def rule(name: str, allow: bool, **more: Any) -> dict[str, Any]:
    return {"name": name, "explanation": f"because of {name}", "allow": allow, "actions": ["read"], **more}


def policy(*first: dict[str, Any], **areas: dict[str, Any]) -> Policy:
    rules = [*first, *plain(DEFAULT_POLICY)["rules"]]
    return parse_policy({**plain(DEFAULT_POLICY), "areas": areas, "purposes": OWN_PURPOSES, "rules": rules})


ONLY_NORTH = policy(
    rule("north", True, types=["Vehicle"], areas=["北"]), rule("no-more", False, types=["Vehicle"]), 北=square(136, 36)
)
NOT_SOUTH = policy(rule("not-south", False, types=["Vehicle"], areas=["南"]), 南=square(136, 35))


def allowed(chosen: Policy, location: Any, subject: Subject = ANYONE) -> bool:
    place = chosen.place_of({"location": location})
    return decide(chosen, subject, Action.READ, Resource("fukui", "Vehicle", place=place)).allowed


@pytest.mark.parametrize(
    ("location", "north", "south"),
    [
        (at(136.5, 36.5), True, True),
        (at(136.0, 36.5), True, True),  # on the edge
        (at(136.5, 35.5), False, False),
        (at(137.5, 36.5), False, True),
        (None, False, True),
        ([at(136.5, 36.5), {**at(136.5, 35.5), "datasetId": "urn:x"}], False, False),
        ({"type": "GeoProperty", "value": square(136.2, 36.2, 0.5)}, True, True),
        ({"type": "GeoProperty", "value": square(136.2, 35.8, 0.5)}, False, False),  # half in either
        ({"type": "GeoProperty", "value": {"type": "Point", "coordinates": "nonsense"}}, False, False),
    ],
)
def test_what_is_allowed_lies_wholly_inside_and_what_is_refused_only_touches(
    location: Any, north: bool, south: bool
) -> None:
    assert (allowed(ONLY_NORTH, location), allowed(NOT_SOUTH, location)) == (north, south)


def test_a_question_about_all_of_a_type_is_answered_for_the_worst_place() -> None:
    for chosen in (ONLY_NORTH, NOT_SOUTH):
        asked = Resource("fukui", "Vehicle")
        assert not decide(chosen, ANYONE, Action.READ, asked).allowed
        assert decide(chosen, ANYONE, Action.READ, asked._replace(place=chosen.somewhere)).allowed
        assert "Vehicle" not in (readable(chosen, ANYONE, "fukui").only or ())
        assert "Vehicle" in (askable(chosen, ANYONE, "fukui", Asks()).only or ())


def test_writing_may_be_limited_to_a_place_too() -> None:
    chosen = policy(
        rule("north", True, types=["Vehicle"], areas=["北"], scopes=["entities:write"]) | {"actions": ["write"]},
        rule("no-more", False, types=["Vehicle"]) | {"actions": ["write"]},
        北=square(136, 36),
    )
    writer = Subject("app", "fukui.a", "fukui", frozenset({"entities:write"}))
    for location, expected in ((at(136.5, 36.5), True), (at(136.5, 35.5), False), (None, False)):
        asked = Resource("fukui", "Vehicle", place=chosen.place_of({"location": location}))
        assert decide(chosen, writer, Action.WRITE, asked).allowed is expected
    assert chosen.asks_where(Action.WRITE, ["Vehicle"])
    assert not chosen.asks_where(Action.READ, ["Vehicle"])


def test_a_refusal_names_the_areas() -> None:
    only = Policy(version="1", rules=ONLY_NORTH.rules[:1], areas=ONLY_NORTH.areas)
    refused = decide(only, ANYONE, Action.READ, Resource("fukui", "Vehicle", place=Place(frozenset(), frozenset())))
    assert refused.explanation == "this caller may read Vehicle only where it lies in 北"


def test_reaches_tell_where_another_answer_is_possible() -> None:
    north, south = (reaches(chosen, ANYONE, "fukui") for chosen in (ONLY_NORTH, NOT_SOUTH))
    assert (north.by_type.keys(), south.by_type.keys()) == ({"Vehicle"}, {"Vehicle"})
    assert (north.by_type["Vehicle"].outside, south.by_type["Vehicle"].outside) == (False, True)
    assert south.by_type["Vehicle"].box == (136, 35, 137, 36)
    assert north.allow(["Vehicle", "Alert"], {"location": at(136.5, 36.5)})
    assert not north.allow(["Vehicle"], {})
    assert south.allow(["Vehicle"], {})
    assert not south.allow_of(["Vehicle"], {}), "of what others tell without a place"
    assert south.allow_of(["Alert"], {})
    assert reaches(NOT_TRIALS, ANYONE, "fukui").allow_of(["Vehicle"], {}), "a scope is always told"
    assert not reaches(DEFAULT_POLICY, ANYONE, "fukui").by_type


def test_a_rule_for_all_types_reaches_those_that_no_rule_names() -> None:
    staff = Subject("app", "a", "fukui", frozenset({"entities:read"}))
    all_types = policy(rule("not-there", False, types=["*"], areas=["南"]), 南=square(136, 35))
    found = reaches(all_types, staff, "fukui")
    assert {"*", "Vehicle", "WaterObserved"} <= found.by_type.keys()
    assert not found.allow(["NobodyNamesThis"], {"location": at(136.5, 35.5)})
    assert found.allow(["NobodyNamesThis"], {"location": at(136.5, 36.5)})


ONLY_RIVERS = policy(
    rule("rivers", True, types=["Vehicle"], entity_scopes=["/Fukui/River/#", "/+/Open"]),
    rule("no-more", False, types=["Vehicle"]),
)
NOT_TRIALS = policy(rule("not-trials", False, types=["Vehicle"], entity_scopes=["/Fukui/Trial"]))


@pytest.mark.parametrize(
    ("scope", "rivers", "trials"),
    [
        ("/Fukui/River", True, True),
        ("/Fukui/River/Asuwa/Left", True, True),
        ("/Fukui/Rivers", False, True),
        ("/Fukui", False, True),
        ("/Sakai/Open", True, True),
        ("/Sakai/Open/River", False, True),
        (["/Fukui/Road", "/Fukui/River"], True, True),  # one of several is enough, as in a query
        (["/Fukui/River", "/Fukui/Trial"], True, False),
        (None, False, True),
    ],
)
def test_scopes_of_entities_are_chosen_as_in_a_query(scope: Any, rivers: bool, trials: bool) -> None:
    for chosen, expected in ((ONLY_RIVERS, rivers), (NOT_TRIALS, trials)):
        asked = Resource("fukui", "Vehicle", place=chosen.place_of({"scope": scope}))
        assert decide(chosen, ANYONE, Action.READ, asked).allowed is expected
        assert reaches(chosen, ANYONE, "fukui").allow(["Vehicle"], {"scope": scope}) is expected
        unknown = asked._replace(place=None)
        assert not decide(chosen, ANYONE, Action.READ, unknown).allowed, "of all of them, wherever they are"


def test_an_area_and_a_scope_must_both_hold_it() -> None:
    both = policy(
        rule("x", True, types=["Vehicle"], areas=["北"], entity_scopes=["/Fukui/#"]),
        rule("no-more", False, types=["Vehicle"]),
        北=square(136, 36),
    )
    found = reaches(both, ANYONE, "fukui").by_type["Vehicle"]
    for scope, location, expected in [
        ("/Fukui/River", at(136.5, 36.5), True),
        ("/Sakai", at(136.5, 36.5), False),
        ("/Fukui/River", at(136.5, 35.5), False),
    ]:
        assert found.allows({"scope": scope, "location": location}) is expected
    only = Policy(version="1", rules=both.rules[:1], areas=both.areas)
    asked = Resource("fukui", "Vehicle", place=only.place_of({}))
    assert decide(only, ANYONE, Action.READ, asked).explanation == (
        "this caller may read Vehicle only where it lies in 北 and in the scope /Fukui/#"
    )


def test_a_stated_purpose_opens_what_is_for_it_alone() -> None:
    chosen = policy(rule("study", True, types=["TrialSensor"], purposes=["research", "statistics"]))
    asked = Resource("fukui", "TrialSensor")
    assert decide(chosen, ANYONE._replace(purpose="research"), Action.READ, asked).rule == "study"
    for stated in ("", "notification"):
        refused = decide(chosen, ANYONE._replace(purpose=stated), Action.READ, asked)
        assert refused.explanation == (
            "this caller may read TrialSensor only for a stated purpose: CityOS-Purpose is research or statistics"
        )
    assert "TrialSensor" in (readable(chosen, ANYONE._replace(purpose="research"), "fukui").only or ())
    assert [chosen.knows_purpose(name) for name in ("research", "ride-booking", "idle")] == [True, True, False]


def test_a_no_tells_of_the_scope_of_a_rule_that_asks_for_more_too() -> None:
    chosen = policy(
        rule("x", True, types=["A"], purposes=["research"], scopes=["flood:staff"]), rule("rest", False, types=["*"])
    )
    only = Policy(version="1", rules=chosen.rules[:1], purposes=OWN_PURPOSES)
    refused = decide(only, ANYONE, Action.READ, Resource("fukui", "A"))
    assert refused.explanation == "to read A a token needs the scope flood:staff"


def test_commands_to_single_devices_and_families() -> None:
    command = {"actions": ["command"], "types": ["service:devices"], "scopes": ["devices:command"]}
    chosen = policy(
        rule("gates", True, devices=["gate-*", "family:siren", "pump"], **command), rule("no-others", False, **command)
    )
    officer = Subject("person", "p", "fukui", frozenset({"devices:command"}))
    for device, expected in [
        (Device("gate-1", "gate"), True),
        (Device("s1", "siren"), True),
        (Device("pump", "pump"), True),
        (Device("pump-2", "pump"), False),
        (None, False),
    ]:
        asked = Resource("fukui", "service:devices", device=device)
        assert decide(chosen, officer, Action.COMMAND, asked).allowed is expected


def test_a_policy_may_forbid_devices_to_publish_and_need_not_allow_it() -> None:
    silent = policy(rule("silent", False, types=[READINGS], devices=["family:watch_tag"]) | {"actions": ["write"]})
    assert may_publish(DEFAULT_POLICY, "fukui", Device("g", "river_gauge")).allowed
    assert may_publish(silent, "fukui", Device("g", "river_gauge")).allowed
    refused = may_publish(silent, "fukui", Device("t", "watch_tag"))
    assert (refused.allowed, refused.rule) == (False, "silent")


def test_cases_ask_where_and_about_which_device() -> None:
    case = {"name": "x", "action": "read", "type": "Vehicle", "allowed": True}
    north, south = square(136.2, 36.2, 0.1), square(136.2, 35.2, 0.1)
    inside, outside = ({**case, "location": place} for place in (north, south))
    failures = run_cases(ONLY_NORTH, parse_cases([inside, outside, case]))
    assert [failure.got for failure in failures] == ["refused by no-more"] * 2
    asked = [{**case, "scope": scope} for scope in ("/Fukui/River/Asuwa", ["/x", "/Sakai/Open"], "/Sakai")]
    failures = run_cases(ONLY_RIVERS, parse_cases([*asked, case]))
    assert [failure.got for failure in failures] == ["refused by no-more"] * 2
    study = policy(rule("study", True, types=["TrialSensor"], purposes=["research"]))
    asked = [{**case, "type": "TrialSensor", **more} for more in ({"purpose": "research"}, {"purpose": "x"}, {})]
    assert len(run_cases(study, parse_cases(asked))) == 2


@pytest.mark.parametrize(
    ("change", "areas", "message"),
    [
        ({"areas": ["北"]}, {}, "speaks of 北, which is not among the areas"),
        ({"areas": ["北"], "attributes": ["x"]}, {"北": square(136, 36)}, "whole entities"),
        ({"areas": ["北"], "types": ["service:devices"]}, {"北": square(136, 36)}, "not of attributes or services"),
        ({"areas": ["北"], "actions": ["command"]}, {"北": square(136, 36)}, "its actions are"),
        ({"devices": ["gate-1"]}, {}, "limit commands"),
        ({"subjects": ["fukui.app"]}, {}, "a subject is app:ID"),
        ({"entity_scopes": ["Fukui/River"]}, {}, "speaks of the entity scope 'Fukui/River'"),
        ({"entity_scopes": ["/Fukui/#/x"]}, {}, "speaks of the entity scope"),
        ({"entity_scopes": ["/Fukui/#"], "attributes": ["x"]}, {}, "speaks of entity scopes: it must speak of whole"),
        ({"entity_scopes": ["/Fukui/#"], "actions": ["command"]}, {}, "its actions are"),
        ({"purposes": ["idle"], "allow": True}, {}, "speaks of the purpose 'idle'"),
        ({"purposes": ["research"]}, {}, "refuses by purpose"),
        ({"area": ["北"]}, {}, "unknown field `area`"),
        ({}, {"/北": square(136, 36)}, "named like a scope"),
        ({}, {"北": {"type": "Point", "coordinates": [1, 2]}}, "areas.北: must be a GeoJSON Polygon"),
        ({}, {"北": {"type": "Polygon", "coordinates": []}}, "areas.北: is not valid"),
        ({}, {"北": {"type": "Polygon", "coordinates": "x"}}, "areas.北: is no geometry"),
        ({}, {"北": square(36, 136)}, "longitude comes first"),
    ],
)
def test_a_wrong_rule_about_places_or_devices_says_why(
    change: dict[str, Any], areas: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        policy(rule("x", False, types=["Vehicle"]) | change, **areas)
