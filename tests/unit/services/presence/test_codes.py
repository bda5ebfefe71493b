"""The codes of tags, and the names of those that change them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Invalid
from services.presence.codes import ephemeral_id, names_between, read_code, rotation_of

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
KEY = "0102030405060708090a111213141516"


@pytest.mark.parametrize(("counter", "expected"), [(0, "a9b76a71c5f89290"), (2000, "4144413e45fefa58")])
def test_ephemeral_ids_are_those_that_other_resolvers_compute(counter: int, expected: str) -> None:
    """Values that the tests of Radius Networks' ephemeral_calc name for this key and K = 10."""
    assert ephemeral_id(bytes.fromhex(KEY), 10, counter).hex() == expected


def test_a_rotating_code_is_kept_with_the_time_at_which_its_counter_was_zero() -> None:
    code = read_code(f" Eddystone-EID-Key:{KEY.upper()}:10:2000 ", NOW)
    assert code.rotation == rotation_of(code.text)
    later = read_code(f"eddystone-eid-key:{KEY}:10:5600", NOW + timedelta(hours=1))
    assert (later.text, later.same) == (code.text, code.same), "the same tag, whenever it is registered"
    assert code.rotation is not None
    names = list(names_between(code.rotation, NOW, NOW))
    assert "eddystone-eid:4144413e45fefa58" in [name.tag for name in names]
    (now,) = (name for name in names if name.since <= NOW < name.until)
    assert now.tag == "eddystone-eid:4144413e45fefa58"


@given(st.integers(7, 15), st.integers(0, 2**32 - 1), st.integers(0, 200_000))
def test_at_any_time_there_is_a_name_and_those_of_a_clock_that_is_off(k: int, counter: int, seconds: int) -> None:
    rotation = read_code(f"eddystone-eid-key:{KEY}:{k}:{counter}", NOW).rotation
    assert rotation is not None
    until = NOW + timedelta(seconds=seconds)
    names = list(names_between(rotation, NOW, until))
    assert names[-1].until > until + timedelta(seconds=1 << k) - timedelta(seconds=1)
    assert names[0].since <= NOW
    assert all(a.until == b.since for a, b in pairwise(names))


def test_a_plain_code_has_one_name() -> None:
    code = read_code("iBeacon:FDA50693-A4E2-4FB1-AFCF-C6EB07647825:10:7", NOW)
    assert (code.text, code.rotation) == ("ibeacon:fda50693a4e24fb1afcfc6eb07647825:10:7", None)
    assert rotation_of(code.text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mac:aa",
        f"eddystone-eid-key:{KEY}:3:0",
        f"eddystone-eid-key:{KEY}:10:4294967296",
        "eddystone-eid:1122334455667788",
    ],
)
def test_what_is_no_code_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_code(text, NOW)
    assert refused.value.field == "code"
