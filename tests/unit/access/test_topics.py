"""Topic filters: the standard's own examples, and the laws that hold for any of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.topics import allowed, covers, matches, may_subscribe, valid_filter, valid_topic

levels = st.sampled_from(["a", "b", "", "$x", "日野川"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(valid_topic)
filters = (
    st.tuples(st.lists(st.one_of(levels, st.just("+")), max_size=4), st.sampled_from(["+", "#", "a", "b"]))
    .map(lambda parts: "/".join([*parts[0], parts[1]]))
    .filter(valid_filter)
)


@pytest.mark.parametrize(
    ("filter", "topic", "expected"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "anything/at/all", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("river/g1", "river/G1", False),
        ("river/g1/", "river/g1", False),
    ],
)
def test_filters_name_what_the_standard_says(filter: str, topic: str, expected: bool) -> None:
    assert matches(filter, topic) is expected


@pytest.mark.parametrize("bad", ["", "a#", "#/a", "a/#/b", "a+/b", "a/b+", "a\0b"])
def test_malformed_filters_are_refused(bad: str) -> None:
    assert not valid_filter(bad)
    assert not may_subscribe(["#"], bad)


@pytest.mark.parametrize("bad", ["", "a/+", "a/#", "a\0"])
def test_no_one_publishes_to_a_topic_that_is_none(bad: str) -> None:
    assert not allowed(["#"], bad)


def test_a_device_hears_only_what_its_filters_cover() -> None:
    own = ("commands/g1/#",)
    assert may_subscribe(own, "commands/g1/+")
    assert may_subscribe(own, "commands/g1")
    assert not may_subscribe(own, "commands/+/gate")
    assert not may_subscribe(own, "commands/#")
    assert not may_subscribe(own, "#")
    assert not may_subscribe(("commands/+",), "commands/#")


@given(wide=filters, narrow=filters, topic=topics)
def test_covering_means_naming_everything_the_other_names(wide: str, narrow: str, topic: str) -> None:
    if covers(wide, narrow) and matches(narrow, topic):
        assert matches(wide, topic)


@given(filter=filters, topic=topics)
def test_a_filter_covers_itself_and_a_topic_is_a_filter(filter: str, topic: str) -> None:
    assert covers(filter, filter)
    assert matches(topic, topic)
