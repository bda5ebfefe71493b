"""Compiling the engine before anybody waits for it."""

from __future__ import annotations

from datetime import date

import numpy as np

from services.dispatch.planning import Day
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.values import Ask, Booking, Promise, Stop, Vehicle


def compile_engine() -> None:
    """Run every kernel once, on a town of two stops; numba keeps the machine code on disk for the next process.

    Takes a minute or two the first time on a machine, a second afterwards.
    """
    stops = (Stop("a", "a", 136.0, 36.0), Stop("b", "b", 136.1, 36.0))
    town = Town(stops, (Vehicle("v", "v", 1, 0, "a", 0.0, 1440.0),), np.array([[0.0, 9.0], [9.0, 0.0]]))
    first = Booking("1", "1", Ask(date(2026, 1, 1), "a", "b", 60.0), Promise(60.0, 75.0, 99.0))
    day = Day(town, [first], {}, DispatchSettings(), now=0.0)
    day.offers(Ask(date(2026, 1, 1), "a", "b", 600.0))
    day.improve(5)
    day.pass_time(70.0)
    day.tours()
