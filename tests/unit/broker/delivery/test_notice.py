"""Who takes what, and how long to wait after failures."""

from __future__ import annotations

import pytest

from broker.delivery.notice import Filter, Notice, back_off
from schemas.river import Mode


def notice(mode: Mode = Mode.ACTUAL, *, staff: bool = False) -> Notice:
    about = {"gauge": "124", "river": "天王川"}
    return Notice(
        id="1", kind="flood.alert", mode=mode, subject="s", text="t", body={}, grade=2, staff=staff, about=about
    )


@pytest.mark.parametrize(
    ("wants", "taken"),
    [
        (Filter(), True),
        (Filter(kinds=("flood.alert",)), True),
        (Filter(kinds=("flood.suspect",)), False),
        (Filter(grade=3), False),
        (Filter(about={"river": ("天王川", "荒川")}), True),
        (Filter(about={"river": ("荒川",)}), False),
        (Filter(about={"station": ("124",)}), False),
        (Filter(modes=(Mode.EXERCISE,)), False),
    ],
)
def test_filters(wants: Filter, taken: bool) -> None:
    assert wants.takes(notice()) is taken


@pytest.mark.parametrize("mode", [Mode.EXERCISE, Mode.TEST])
def test_an_exercise_or_test_never_reaches_who_takes_only_actual(mode: Mode) -> None:
    assert not Filter(staff=True).takes(notice(mode))
    assert Filter(modes=tuple(Mode)).takes(notice(mode))


def test_staff_matters_go_to_staff_only() -> None:
    assert not Filter().takes(notice(staff=True))
    assert Filter(staff=True).takes(notice(staff=True))


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [back_off(n, first=2, longest=60) for n in (1, 2, 3, 4, 5, 6, 5000)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
