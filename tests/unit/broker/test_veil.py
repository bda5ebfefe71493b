"""Pseudonyms differ by city and epoch; what is sealed opens for its own city, use and key alone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from broker.errors import Invalid
from broker.veil import Veil, is_sealed, parse_key

KEY = bytes(range(32))
VEIL = Veil(KEY, 30)
TAG = "ibeacon:fda50693a4e24fb1afcfc6eb07647825:10:7"


def test_a_tag_has_one_name_in_one_city_and_epoch_and_others_elsewhere() -> None:
    name = VEIL.pseudonym("kakogawa", TAG, 690)
    assert name == Veil(KEY, 30).pseudonym("kakogawa", TAG, 690)
    others = {
        VEIL.pseudonym("himeji", TAG, 690),
        VEIL.pseudonym("kakogawa", TAG, 691),
        VEIL.pseudonym("kakogawa", TAG + "0", 690),
        Veil(bytes(32), 30).pseudonym("kakogawa", TAG, 690),
    }
    assert name not in others
    assert len(others) == 4


def test_an_epoch_lasts_as_long_as_is_set() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    assert VEIL.epoch_of(at + timedelta(days=30)) == VEIL.epoch_of(at) + 1


def test_what_is_sealed_opens_only_in_its_place() -> None:
    sealed = VEIL.seal("kakogawa", "names", "太郎".encode())
    assert is_sealed(sealed)
    assert "太郎".encode() not in sealed
    assert VEIL.open("kakogawa", "names", sealed) == "太郎".encode()
    assert VEIL.seal("kakogawa", "names", "太郎".encode()) != sealed
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for veil, tenant, use, bytes_ in (
        (VEIL, "himeji", "names", sealed),
        (VEIL, "kakogawa", "tags", sealed),
        (Veil(bytes(32), 30), "kakogawa", "names", sealed),
        (VEIL, "kakogawa", "names", changed),
        (VEIL, "kakogawa", "names", sealed[:10]),
    ):
        with pytest.raises(Invalid):
            veil.open(tenant, use, bytes_)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_is_read_in_either_alphabet(encode: object) -> None:
    key = bytes([251, 255] * 16)
    text = encode(key).decode()  # type: ignore[operator]
    assert parse_key(text) == parse_key(text.rstrip("=") + "\n") == key


@pytest.mark.parametrize("text", ["", "short", "???", base64.b64encode(bytes(31)).decode()])
def test_a_key_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Invalid, match="key"):
        parse_key(text)
