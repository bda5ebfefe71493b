"""Which groups of a campaign's figures may be shown."""

from __future__ import annotations

import pytest

from services.points.effect import shown


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([12, 0, 30], [True, True, True]),
        ([12, 3, 30], [False, False, True]),
        ([3, 4, 30], [False, False, False]),
        ([9, 4, 30], [False, False, True]),
        ([9], [False]),
        ([], []),
    ],
)
def test_small_groups_are_hidden_and_not_found_by_subtraction(people: list[int], expected: list[bool]) -> None:
    assert shown(people) == expected
