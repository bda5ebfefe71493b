"""A statement as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

from services.points.settlement import Line, Settlement
from services.points.statement import as_csv


def test_a_name_or_number_that_a_stranger_chose_is_no_formula() -> None:
    made = Settlement(
        shop="-s1", name="=HYPERLINK(1)", period=date(2026, 11, 1), carried=0, payments=1, received=30,
        refunded=0, given=30, bought=0, issued=0, monthly_fee=0, issuing_fee=0, deducted=0, invoiced=0, payout=30,
    )  # fmt: skip
    lines = [Line(datetime(2026, 11, 2, 3, tzinfo=UTC), "-A1", "spend", 30, 300)]
    cells = [row for row in csv.reader(io.StringIO(as_csv(made, lines).decode("utf-8-sig"))) if row]
    assert cells[0] == ["加盟店", "'=HYPERLINK(1)", "'-s1"]
    assert cells[-1] == ["2026-11-02 12:00:00", "'-A1", "お支払い", "30", "300"]
