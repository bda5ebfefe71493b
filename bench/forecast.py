"""Levels ahead: what the model is worth on floods it has not seen, and how long 103 gauges take.

    python -m bench.forecast

Learns from the flood of 2021 in deploy/demo and judges by those of 2023 and 2024. Needs no database.
"""

from __future__ import annotations

import time

from bench.machine import machine, write
from cityos.provision import load_devices
from cityos.records import read_record
from cityos.replay import DEMO_FOLDER
from services.forecast import judging, model
from services.forecast.store import Gauges

LEARNED, JUDGED = "2021-08", ("2023-07", "2024-07")
_ROUNDS = 20


def main() -> None:
    """Train, judge, time, print."""
    devices = [(one.entity_id, one.profile) for one in load_devices()]
    gauges = Gauges(
        {name: profile.location.coordinates for name, profile in devices if profile.location},
        {name: profile.valid_range["waterLevel"] for name, profile in devices},
        frozenset(name for name, _ in devices),
    )
    began = time.perf_counter()
    learned = model.train([read_record(DEMO_FOLDER / f"readings-{LEARNED}.csv.gz", gauges)], gauges.places)
    print(f"{machine()}\nlearned in {time.perf_counter() - began:.1f} s, {len(model.dump(learned)) / 1024:.0f} KiB")
    results: dict[str, object] = {"trained_s": round(time.perf_counter() - began, 2)}
    judged: list[judging.Judged] = []
    for name in JUDGED:
        record = read_record(DEMO_FOLDER / f"readings-{name}.csv.gz", gauges)
        judged.append(judging.judge(learned, record))
        for skill in judged[-1].skills:
            print(
                f"{name} +{skill.lead} h: {skill.error:.3f} m, persistence {skill.stays:.3f} m,"
                f" skill {skill.skill:+.2f}, moving {skill.moving:+.2f}, rising {skill.rising:+.2f},"
                f" inside {skill.inside:.0%} of {skill.cases:,}"
            )
            results[f"{name}+{skill.lead}h"] = round(skill.skill, 3)
    for verdict in judging.verdicts(judged, learned.traits):
        print(judging.said(verdict))
        results[f"shown+{verdict.lead}h-{verdict.group}"] = verdict.shown
    took = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        made = len(model.forecast(learned, record))
        took.append(time.perf_counter() - began)
    middle, longest = (moment * 1e3 for moment in (sorted(took)[_ROUNDS // 2], max(took)))
    print(f"{made} gauges, three leads with intervals: {middle:.0f} ms, longest {longest:.0f}")
    results["forecast_ms"] = round(middle, 1)
    write("forecast", results)


if __name__ == "__main__":
    main()
