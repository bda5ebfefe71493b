"""The record of the night as files: whole, whatever somebody wrote in it."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import msgspec
import pytest

from schemas.river import Quality, Stage, Trend
from services.evacuation.night_record import as_csv, as_pdf
from services.evacuation.proposals import Sign, propose
from tests.unit.services.evacuation.test_cap import NOW

NAMES = {"eba": "江波地区"}


def line(number: int, kind: str, text: str, detail: Any = None) -> dict[str, Any]:
    at = NOW.isoformat()
    return {"number": number, "at": at, "cityAt": at, "kind": kind, "actorName": "佐藤", "text": text, "detail": detail}


def test_a_line_tells_on_what_evidence() -> None:
    high = Sign(
        gauge="g:1",
        name="江波",
        stage=Stage.DANGER,
        trend=Trend.RISING,
        quality=Quality.GOOD,
        level=2.2,
        observed_at=NOW,
    )
    evidence = {"eba": msgspec.to_builtins(propose([high, Sign(gauge="g:2", name="下江波")], NOW))}
    rows = [line(2, "issue", "発令", {"order": "1", "evidence": evidence}), line(1, "note", "=1+1", {})]
    head, first, second = csv.reader(io.StringIO(as_csv(rows, NAMES).decode("utf-8-sig")))
    assert head[-1] == "根拠"
    assert first[-2:] == ["'=1+1", ""]
    assert second[-1] == (
        "江波地区: 提案 警戒レベル4、江波 氾濫危険水位に達し、上昇中 2.20 m（07-01 11:00）、下江波 不明、"
        "不明: 下江波: 水位が届いていません"
    )


@pytest.mark.parametrize("text", ["長い引継ぎです。" * 500, "一行\n" * 800, "<b>& 太字ではない", ""])
def test_whatever_is_written_gets_onto_the_paper(text: str) -> None:
    paper = as_pdf([line(1, "handover", text), *(line(n, "note", "記事") for n in range(2, 80))], NAMES, "時系列記録")
    assert paper.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type /Page\b", paper))
    assert pages >= (4 if len(text) > 1000 else 2)
