"""The record of the night (時系列記録) to carry away: CSV for a spreadsheet, PDF for paper. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from schemas.clock import JST

_FONT = "HeiseiKakuGo-W5"
_HEADS = ("記録時刻", "状況の時刻", "種別", "職員", "内容")
_KINDS = {
    "proposed": "提案", "answered": "確認", "escalated": "未応答", "asked": "確認依頼", "refused": "不承認",
    "issue": "発令", "correct": "訂正", "lift": "解除", "withdraw": "取消", "handover": "引継ぎ", "note": "記事",
    "districts": "設定", "shelters": "設定", "shelter": "避難所",
}  # fmt: skip


def as_csv(lines: Sequence[dict[str, Any]]) -> bytes:
    """Oldest first; UTF-8 with a mark, so that Excel reads it. A cell never begins a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_HEADS)
    writer.writerows([harmless(cell) for cell in row] for row in _rows(lines))
    return ("\ufeff" + out.getvalue()).encode()


def as_pdf(lines: Sequence[dict[str, Any]], title: str) -> bytes:
    """A4 across. The font is one that every PDF reader has for Japanese; none is embedded."""
    # Loaded when the first paper is asked for: at the start it would take a sixth of the gateway's time.
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    text = ParagraphStyle("text", fontName=_FONT, fontSize=9, leading=13, wordWrap="CJK")
    heading = ParagraphStyle("heading", fontName=_FONT, fontSize=14, leading=22)
    rows = [[Paragraph(escape(cell), text) for cell in row] for row in (_HEADS, *_rows(lines))]
    table = Table(rows, colWidths=[34 * mm, 34 * mm, 20 * mm, 34 * mm, 145 * mm], repeatRows=1)
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=landscape(A4), title=title).build([Paragraph(escape(title), heading), table])
    return out.getvalue()


def _rows(lines: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    ordered = sorted(lines, key=lambda line: int(line["number"]))
    return [
        (
            _local(line["at"]),
            _local(line["cityAt"]),
            _KINDS.get(line["kind"], line["kind"]),
            line["actorName"],
            line["text"],
        )
        for line in ordered
    ]


def _local(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(JST).strftime("%Y-%m-%d %H:%M:%S")


def harmless(cell: str) -> str:
    """The cell as text: no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
