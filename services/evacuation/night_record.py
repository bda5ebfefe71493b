"""The record of the night (時系列記録) to carry away: CSV for a spreadsheet, PDF for paper. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from broker.catalogue.flat import shielded
from schemas.clock import JST

_FONT = "HeiseiKakuGo-W5"
_HEADS = ("記録時刻", "状況の時刻", "種別", "職員", "内容", "根拠")
_KINDS = {
    "proposed": "提案", "answered": "確認", "escalated": "未応答", "asked": "確認依頼", "refused": "不承認",
    "issue": "発令", "correct": "訂正", "lift": "解除", "withdraw": "取消", "handover": "引継ぎ", "note": "記事",
    "districts": "設定", "shelters": "設定", "shelter": "避難所",
}  # fmt: skip
_WIDTHS = (32, 32, 18, 28, 82, 74)
"""Of the columns on paper, in millimetres."""


def as_csv(lines: Sequence[dict[str, Any]], names: Mapping[str, str]) -> bytes:
    """Oldest first, `names` those of districts by id; UTF-8 with a mark, so that Excel reads it.

    A cell never begins a formula.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_HEADS)
    writer.writerows([shielded(cell) for cell in row] for row in _rows(lines, names))
    return ("\ufeff" + out.getvalue()).encode()


def as_pdf(lines: Sequence[dict[str, Any]], names: Mapping[str, str], title: str) -> bytes:
    """A4 across, with the page's number at its foot. The font is one that every PDF reader has for Japanese; none is
    embedded."""
    # Loaded when the first paper is asked for: at the start it would take a sixth of the gateway's time.
    from reportlab.lib.colors import lightgrey
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    text = ParagraphStyle("text", fontName=_FONT, fontSize=9, leading=13, wordWrap="CJK")
    heading = ParagraphStyle("heading", fontName=_FONT, fontSize=14, leading=22)
    rows = [[Paragraph(_marked(cell), text) for cell in row] for row in (_HEADS, *_rows(lines, names))]
    # A long hand-over note is higher than a page: its row goes on overleaf.
    table = Table(rows, colWidths=[width * mm for width in _WIDTHS], repeatRows=1, splitInRow=1)
    rule = 0.25, lightgrey
    table.setStyle([("LINEBELOW", (0, 0), (-1, -1), *rule), ("VALIGN", (0, 0), (-1, -1), "TOP")])
    out = io.BytesIO()

    def foot(canvas: Any, document: Any) -> None:
        canvas.setFont(_FONT, 8)
        canvas.drawCentredString(landscape(A4)[0] / 2, 8 * mm, f"{title}  {document.page} ページ")

    side = 15 * mm
    paper = SimpleDocTemplate(
        out, title=title, pagesize=landscape(A4), leftMargin=side, rightMargin=side, topMargin=side, bottomMargin=side
    )
    paper.build([Paragraph(escape(title), heading), table], onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _marked(cell: str) -> str:
    """As reportlab's markup, with the line breaks that somebody wrote."""
    return escape(cell).replace("\r", "").replace("\n", "<br/>")


def _rows(lines: Sequence[dict[str, Any]], names: Mapping[str, str]) -> list[tuple[str, ...]]:
    ordered = sorted(lines, key=lambda line: int(line["number"]))
    return [
        (
            _local(line["at"]),
            _local(line["cityAt"]),
            _KINDS.get(line["kind"], line["kind"]),
            line["actorName"],
            line["text"],
            _evidence(line["detail"], names),
        )
        for line in ordered
    ]


def _evidence(detail: Any, names: Mapping[str, str]) -> str:
    """What a notice was decided on: each district's proposal as it stood, a line each; empty where there was none."""
    found = detail.get("evidence") if isinstance(detail, dict) else None
    if not isinstance(found, dict):
        return ""
    return "\n".join(
        f"{names.get(district, district)}: {_proposal(proposal)}" for district, proposal in sorted(found.items())
    )


def _proposal(proposal: dict[str, Any]) -> str:
    level = proposal["level"]
    parts = [f"提案 警戒レベル{level}" if level else "提案なし"]
    for one in proposal["evidence"]:
        sign = one["sign"]
        at = f"（{_local(sign['observedAt'])[5:16]}）" if sign["observedAt"] else ""
        measured = f" {sign['level']:.2f} m{at}" if sign["level"] is not None else ""
        parts.append(f"{sign['name'] or sign['gauge']} {one['why']}{measured}")
    parts += [f"{one['name']} {one['words']}" for one in proposal["around"] if one["words"]]
    parts += [f"不明: {gap}" for gap in proposal["missing"]]
    return "、".join(parts)


def _local(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(JST).strftime("%Y-%m-%d %H:%M:%S")
