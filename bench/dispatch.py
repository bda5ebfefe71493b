"""`make bench-dispatch`: the engine on the known dial-a-ride instances, every plan checked by `dispatch_checker`.

Static instances: the gap to the best known cost, and OR-Tools' in the same run with the same seconds on one
thread. Dynamic ones: each request is known only from its arrival on; plain insertion against insertion with
continual improvement.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import darp, dispatch_checker
from bench.dispatch_checker import Tour
from bench.dispatch_day import Day, live_through
from bench.dispatch_ortools import solve
from bench.machine import machine, write
from services.dispatch.engine.planner import Planner


@dataclass(frozen=True)
class Static:
    """One static instance: cost and gap in percent of the engine and of OR-Tools (None: found no plan)."""

    name: str
    requests: int
    known: float
    cost: float | None
    gap: float | None
    ortools: float | None
    faults: tuple[str, ...]
    moves_per_second: float


@dataclass(frozen=True)
class Dynamic:
    """One dynamic instance, by plain insertion and with improvement."""

    name: str
    requests: int
    plain: Day
    improved: Day


def tours_of(planner: Planner) -> list[Tour]:
    """The plan in the file's numbers: its node is the engine's plus one."""
    found = []
    for v, stops in enumerate(planner.plan().tours):
        starts = planner.starts(v)
        found.append(
            Tour(
                tuple(s + 1 for s in stops), float(starts[0]), tuple(float(s) for s in starts[1:-1]), float(starts[-1])
            )
        )
    return found


def run_static(path: Path, seconds: float, *, with_ortools: bool) -> Static:
    """The engine, then OR-Tools, on one instance."""
    instance, file = darp.read(path), dispatch_checker.load(path)
    planner = Planner(darp.problem(instance))
    everyone = range(instance.requests)
    tried = planner.improve(everyone, moves=100, seconds=seconds)
    tours, known = tours_of(planner), darp.KNOWN[instance.name]
    faults = dispatch_checker.faults(file, tours)
    cost = None if faults else dispatch_checker.distance(file, tours)
    rival: float | None = None
    if with_ortools:
        theirs = solve(file, seconds)
        if theirs is not None:
            faults += [f"OR-Tools: {fault}" for fault in dispatch_checker.faults(file, theirs)]
            rival = dispatch_checker.distance(file, theirs)
    return Static(
        instance.name,
        instance.requests,
        known,
        cost,
        _gap(cost, known),
        _gap(rival, known),
        tuple(faults),
        tried / seconds,
    )


def run_dynamic(path: Path, dynamic: Path, moves: int) -> Dynamic:
    """The same arrivals twice."""
    instance, file, known = darp.read(path), dispatch_checker.load(path), darp.arrivals(dynamic)
    plain, improved = (live_through(instance, file, known, m) for m in (0, moves))
    return Dynamic(instance.name, instance.requests, plain, improved)


def _gap(cost: float | None, known: float) -> float | None:
    return None if cost is None else 100 * (cost / known - 1)


def _percent(value: float | None) -> str:
    return "   none" if value is None else f"{value:7.2f}"


def _static(data: Path, seconds: float, only: str, with_ortools: bool) -> list[Static]:
    print(f"static, {seconds:g} s each\n{'instance':8} {'n':>4} {'gap %':>7} {'OR-T. %':>7} {'moves/s':>8}  faults")
    results = []
    for path in sorted((data / "static").iterdir()):
        if path.name.startswith(only):
            got = run_static(path, seconds, with_ortools=with_ortools)
            results.append(got)
            print(
                f"{got.name:8} {got.requests:4} {_percent(got.gap)} {_percent(got.ortools)} {got.moves_per_second:8.0f}"
                f"  {'; '.join(got.faults) or 'none'}",
                flush=True,
            )
    return results


def _dynamic(data: Path, moves: int, only: str) -> list[Dynamic]:
    print(
        f"\ndynamic, {moves} moves of improvement per request\n"
        f"{'instance':8} {'n':>4}  plain: served, distance per served"
    )
    results = []
    for path in sorted((data / "static").iterdir()):
        if path.name.startswith(only):
            got = run_dynamic(path, data / "dynamic" / f"{path.name.removesuffix('.txt')}.json", moves)
            results.append(got)
            known = darp.KNOWN[got.name] / got.requests
            plain, better = got.plain, got.improved
            print(
                f"{got.name:8} {got.requests:4}  {plain.served:4} {plain.per_served:7.2f}   improved: "
                f"{better.served:4} {better.per_served:7.2f} "
                f"({100 * (better.per_served / plain.per_served - 1):+.1f} %), "
                f"above all known beforehand {100 * (better.per_served / known - 1):+.1f} %"
                f"  {'; '.join(plain.faults + better.faults) or 'no faults'}",
                flush=True,
            )
    return results


def _summary(static: Sequence[Static], dynamic: Sequence[Dynamic]) -> None:
    gaps = [s.gap for s in static if s.gap is not None]
    if gaps:
        behind = [s.name for s in static if s.ortools is not None and (s.gap is None or s.gap > s.ortools + 0.005)]
        print(
            f"\nstatic: mean gap {sum(gaps) / len(gaps):.2f} %, worst {max(gaps):.2f} %, "
            f"behind OR-Tools: {behind or 'nowhere'}"
        )
    if dynamic:
        served = [sum(d.plain.served for d in dynamic), sum(d.improved.served for d in dynamic)]
        length = [sum(d.plain.distance for d in dynamic), sum(d.improved.distance for d in dynamic)]
        saved = 100 * (1 - (length[1] / served[1]) / (length[0] / served[0]))
        fewer = [d.name for d in dynamic if d.improved.served < d.plain.served]
        print(
            f"dynamic: served {served[1]} against {served[0]} by plain insertion, "
            f"{saved:.1f} % less distance per served request, "
            f"fewer served: {fewer or 'nowhere'}"
        )


def _compile(path: Path) -> None:
    """Have every kernel compiled before anything is timed."""
    instance = darp.read(path)
    Planner(darp.problem(instance)).improve(range(instance.requests), moves=1)


def main() -> None:
    """Run, print and keep the figures in bench/out/dispatch.json."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path("../shared/data/darp"))
    options.add_argument("--seconds", type=float, default=30.0)
    options.add_argument("--moves", type=int, default=3000)
    options.add_argument("--only", default="", help="instances whose name begins so")
    options.add_argument("--part", choices=["all", "static", "dynamic"], default="all")
    options.add_argument("--no-ortools", action="store_true")
    chosen = options.parse_args()
    where = machine()
    static: list[Static] = []
    dynamic: list[Dynamic] = []
    _compile(sorted((chosen.data / "static").iterdir())[0])
    if chosen.part != "dynamic":
        static = _static(chosen.data, chosen.seconds, chosen.only, not chosen.no_ortools)
    if chosen.part != "static":
        dynamic = _dynamic(chosen.data, chosen.moves, chosen.only)
    _summary(static, dynamic)
    write(
        "dispatch", {"machine": where, "static": [asdict(s) for s in static], "dynamic": [asdict(d) for d in dynamic]}
    )
    if any(s.faults or s.gap is None for s in static) or any(d.plain.faults or d.improved.faults for d in dynamic):
        raise SystemExit("some plan cannot be driven; see faults above")


if __name__ == "__main__":
    main()
