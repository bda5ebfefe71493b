"""What is compiled beforehand (while the image is built, say) is all that a day of buses needs."""

from __future__ import annotations

import subprocess
import sys

DAY = """
import importlib, pkgutil
from datetime import date

from numba.core.registry import CPUDispatcher

from services.dispatch import engine
from services.dispatch.ready import compile_engine

modules = [importlib.import_module(f"{engine.__name__}.{each.name}") for each in pkgutil.iter_modules(engine.__path__)]
kernels = {k for module in modules for k in vars(module).values() if isinstance(k, CPUDispatcher)}


def variants():
    return {kernel: set(kernel.signatures) for kernel in kernels}


compile_engine()
before = variants()

import numpy as np
from services.dispatch.planning import Day
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.values import Ask, Booking, Promise, Stop, Vehicle

places = np.arange(12.0)
stops = tuple(Stop(str(n), str(n), 136.0 + n / 100, 36.0) for n in range(12))
buses = tuple(Vehicle(f"bus {n}", f"bus {n}", 8, 1, "0", 0.0, 1440.0) for n in range(3))
town = Town(stops, buses, np.abs(places[:, None] - places[None]) * 2)
ask = [Ask(date(2026, 1, 1), str(n % 12), str((n * 5 + 3) % 12), 300.0 + 20 * n) for n in range(20)]
kept = [Promise(each.earliest, each.earliest + 30, each.earliest + 90) for each in ask]
rides = [Booking(str(n), str(n), *both) for n, both in enumerate(zip(ask, kept))]
day = Day(town, rides, {}, DispatchSettings(), now=0.0)
for each in ask:
    day.offers(each)
day.improve(200)
day.pass_time(400.0)
day.improve(200)
day.tours()
print({kernel: made for kernel, made in variants().items() if made != before[kernel]})
"""


def test_a_day_compiles_nothing_more() -> None:
    done = subprocess.run([sys.executable, "-c", DAY], check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    assert done.stdout == "{}\n"
