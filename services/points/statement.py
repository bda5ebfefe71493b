"""A settlement as a statement 精算書: CSV for the shop's books, PDF for paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from broker.catalogue.flat import shielded
from schemas.clock import JST
from services.points.settlement import Line, Settlement

_FONT = "HeiseiKakuGo-W5"
_NAMES = {"spend": "お支払い", "refund": "返金"}


def rows(made: Settlement) -> list[tuple[str, int, str]]:
    """The statement's figures: name, number, unit."""
    return [
        ("前月までの繰越", made.carried, "ポイント"),
        (f"受け取ったポイント（{made.payments:,}件）", made.received, "ポイント"),
        ("　うち付与されたもの（返金を除く）", made.given, "ポイント"),
        ("　うち購入されたもの（返金を除く）", made.bought, "ポイント"),
        ("返金したポイント", -made.refunded, "ポイント"),
        (f"発行手数料（{made.issued:,}ポイント発行）", -made.issuing_fee, "円"),
        ("月会費", -made.monthly_fee, "円"),
        ("お支払い額", made.payout, "円"),
        ("別途ご請求額", made.invoiced, "円"),
        *([("　うち返金で不足したもの", made.owed, "円")] if made.owed else []),
    ]


def as_csv(made: Settlement, lines: Sequence[Line]) -> bytes:
    """Figures, then every payment and refund; UTF-8 with a mark, so that Excel reads it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["加盟店", shielded(made.name), shielded(made.shop)])
    writer.writerow(["対象月", f"{made.period:%Y-%m}", *(["最終精算"] if made.last else [])])
    writer.writerows(rows(made))
    writer.writerow([])
    writer.writerow(["日時", "取引番号", "種別", "ポイント", "お買い上げ額（円）"])
    for line in lines:
        at = line.at.astimezone(JST)
        what = (shielded(line.id), _NAMES.get(line.code, line.code))
        writer.writerow([f"{at:%Y-%m-%d %H:%M:%S}", *what, line.points, line.yen])
    return ("\ufeff" + out.getvalue()).encode()


def as_pdf(made: Settlement, issuer: str) -> bytes:
    """One page A4. The font is one that every PDF reader has for Japanese; none is embedded."""
    # Loaded when the first paper is asked for: at the start it would take a sixth of the gateway's time.
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    text = ParagraphStyle("text", fontName=_FONT, fontSize=11, leading=18)
    title = ParagraphStyle("title", fontName=_FONT, fontSize=18, leading=28, alignment=1)
    table = Table(
        [[name, f"{number:,}", unit] for name, number, unit in rows(made)],
        colWidths=[95 * mm, 40 * mm, 25 * mm],
        style=[
            ("FONT", (0, 0), (-1, -1), _FONT, 11),
            ("ALIGN", (1, 0), (1, -1), "RIGHT"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, "#666666"),
            ("LINEABOVE", (0, 7), (-1, 7), 1.2, "#000000"),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        ],
    )
    out = io.BytesIO()
    document = SimpleDocTemplate(out, pagesize=A4, title=f"精算書 {made.period:%Y-%m} {made.name}", author=issuer)
    document.build(
        [
            Paragraph("地域ポイント最終精算書" if made.last else "地域ポイント精算書", title),
            Paragraph(f"{_escape(made.name)} 様　{made.period.year}年{made.period.month}月分", text),
            Paragraph(f"発行：{_escape(issuer)}", text),
            Spacer(1, 6 * mm),
            table,
            Spacer(1, 6 * mm),
            Paragraph("1ポイントは1円です。給付・購入の別は台帳のロットごとの記録によります。", text),
        ]
    )
    return out.getvalue()


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
