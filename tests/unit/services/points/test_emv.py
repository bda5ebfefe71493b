"""Shop codes: the layout, the check value, and everything that is not one of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Invalid
from services.points.emv import ShopCode, build, crc, parse

SHOP = ShopCode("niihama", "kissa-1", "喫茶ひまわり", "Niihama")


def test_the_check_value_is_that_of_the_catalogue() -> None:
    assert crc("123456789") == "29B1"


def test_a_static_code_byte_for_byte() -> None:
    assert build(SHOP) == (
        "00020101021126400014jp.city.points0107niihama0207kissa-15204000053033925802JP5907kissa-16007Niihama"
        "64270002JA0106喫茶ひまわり0207Niihama6304"
    ) + crc(build(SHOP)[:-4])
    latin = build(SHOP._replace(name="Himawari"))
    assert "5908Himawari6007Niihama6304" in latin


@given(
    st.builds(
        ShopCode,
        st.from_regex(r"[a-z]{1,10}", fullmatch=True),
        st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True),
        st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=25),
        st.text(st.characters(categories=["L"]), min_size=1, max_size=15),
        st.none() | st.integers(1, 10**9),
        st.none() | st.from_regex(r"[A-Za-z0-9]{1,25}", fullmatch=True),
    )
)
def test_what_was_built_is_what_is_parsed(code: ShopCode) -> None:
    assert parse(build(code)) == code


@given(st.text(max_size=200))
def test_anything_else_is_refused_and_kills_nothing(text: str) -> None:
    for candidate in (text, "000201" + text, "000201" + text + "6304" + crc("000201" + text + "6304")):
        with pytest.raises(Invalid):
            parse(candidate)


@given(st.integers(0, len(build(SHOP)) - 1))
def test_a_damaged_code_is_noticed(at: int) -> None:
    text = build(SHOP)
    other = "1" if text[at] != "1" else "2"
    with pytest.raises(Invalid):
        parse(text[:at] + other + text[at + 1 :])
