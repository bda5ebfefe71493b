"""The mark of a transmission: equal for its copies, different for every other transmission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.lorawan.uplink import Uplink, message_key

UPLINK = Uplink("70b3d57ed0000001", "00bcb929", datetime(2023, 7, 12, 22, 20, tzinfo=UTC), 7, 1, b"\x0a\xa0", None)


def test_a_copy_heard_a_little_later_has_the_same_key() -> None:
    assert message_key(UPLINK._replace(at=UPLINK.at + timedelta(seconds=40))) == message_key(UPLINK)


@pytest.mark.parametrize(
    "other",
    [
        UPLINK._replace(f_cnt=8),
        UPLINK._replace(session="00bcb930"),
        UPLINK._replace(data=b"\x0a\xa1"),
        UPLINK._replace(at=UPLINK.at + timedelta(days=1)),
        UPLINK._replace(data=b"", object={"level": 2.72}),
    ],
)
def test_another_transmission_has_another_key(other: Uplink) -> None:
    assert message_key(other) != message_key(UPLINK)


def test_the_key_is_short_and_plain_whatever_the_network_calls_its_session() -> None:
    key = message_key(UPLINK._replace(session="\x00\ud800" * 500))
    assert key.isascii()
    assert key.isprintable()
    assert len(key) < 50
