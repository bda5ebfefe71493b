"""Afterwards over HTTP: how the night went, and rules tried on it beside those in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from schemas.clock import iso
from tests.integration.alerting.bench import EBA, START
from tests.integration.evacuation.conftest import PREFIX, Night, wish

SPAN = {"from": iso(START - timedelta(hours=1)), "to": iso(START + timedelta(hours=6))}


async def test_a_night_is_looked_at_afterwards(night: Night, officer: httpx.AsyncClient) -> None:
    await night.rise((0, 0.5), (10, 1.6), (20, 2.1), (30, 2.3))
    body = await wish(officer, "issue", "eba", level=4)
    assert (await officer.post(f"{PREFIX}/orders", json=body)).status_code == 200
    answer = (await officer.get(f"{PREFIX}/review", params=SPAN)).json()
    lines = {(line["district"], line["level"]): line for line in answer["lines"]}
    danger = lines["harame", 4]
    assert (danger["gauge"], danger["due"], danger["outcome"]) == (EBA, iso(START + timedelta(minutes=20)), "miss")
    assert danger["proposed"] is not None
    stages = [one["stage"] for one in answer["moments"] if one["kind"] == "stage"]
    assert stages[-1] == "danger"
    assert len(stages) == len(set(stages)), "a stage that goes on is told once"
    table = await officer.get(f"{PREFIX}/review.csv", params=SPAN)
    assert "見逃し（発令なし）" in table.text
    assert table.headers["content-disposition"].endswith("review.csv")
    assert [one for one in answer["gauges"] if one["outcome"] == "miss"] != []
    assert {one["gauge"] for one in answer["gauges"]} == {EBA}
    table = await officer.get(f"{PREFIX}/review.csv", params={**SPAN, "by": "gauge"})
    assert table.text.count("見逃し（発令なし）") == sum(one["outcome"] == "miss" for one in answer["gauges"])
    assert (await (await night.anybody()).get(f"{PREFIX}/review")).status_code == 401
    wrong = await officer.get(f"{PREFIX}/review", params={"from": SPAN["to"], "to": SPAN["from"]})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "from")
    for path in ("review", "record"):
        wrong = await officer.get(f"{PREFIX}/{path}", params={"to": "0001-01-01T00:00:00+09:00"})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "to")


async def test_rules_are_tried_beside_those_in_force(night: Night) -> None:
    flood = await night.officer("evacuation-officer", "flood-officer")
    await night.rise((0, 0.5), (10, 1.6), (20, 2.1), (30, 2.3), (40, 0.6), (50, 0.5))
    answer = await flood.post(f"{PREFIX}/review/rules", params=SPAN, json={})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["current"]["readings"] == found["candidate"]["readings"] == 6
    assert found["current"]["totals"] == found["candidate"]["totals"]
    assert found["current"]["totals"]["episodes"] > 0
    bad = await flood.post(f"{PREFIX}/review/rules", params=SPAN, json={"raise": {"nonsense": 1}})
    assert (bad.status_code, bad.json()["field"].startswith("raise")) == (400, True), bad.text
