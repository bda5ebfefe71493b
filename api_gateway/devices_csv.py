"""Reading a CSV of devices: UTF-8 (with or without a mark) or CP932, as spreadsheets in Japan write it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from typing import Any

from broker.errors import Invalid

_COLUMNS = {"id", "family", "kind", "entity_id", "profile"}
_MOST_ROWS = 5000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_ENTITY = re.compile(r"urn:ngsi-ld:[A-Za-z0-9]+:\S{1,200}")


def read_devices(body: bytes) -> list[dict[str, Any]]:
    """The devices in `body`, one a line. Raises `Invalid` that names line and column."""
    reader = csv.DictReader(io.StringIO(_text(body), newline=""), strict=True)
    try:
        columns = set(reader.fieldnames or ())
        if not {"id", "family"} <= columns or columns - _COLUMNS:
            raise Invalid("the first line names the columns: id, family, and perhaps kind, entity_id, profile",
                          field="csv")  # fmt: skip
        rows = [_device(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num} is not CSV: {error}", field="csv") from error
    if not 1 <= len(rows) <= _MOST_ROWS:
        raise Invalid(f"send 1 to {_MOST_ROWS} devices at once; these are {len(rows)}", field="csv")
    counts = Counter(row["id"] for row in rows)
    if twice := sorted(id_ for id_, count in counts.items() if count > 1):
        raise Invalid(f"{', '.join(twice[:5])}: each device once", field="id")
    return rows


def _device(line: int, row: dict[str, str | None]) -> dict[str, Any]:
    if None in row or None in row.values():
        raise Invalid(f"line {line} does not have as many columns as the first line", field="csv")
    made: dict[str, Any] = {name: value for name, value in row.items() if value}
    for column, pattern in (("id", _ID), ("family", _ID)):
        if not pattern.fullmatch(made.get(column, "")):
            raise Invalid(f"line {line}: {column} is letters, digits and . _ : -, beginning with one of the first two",
                          field=column)  # fmt: skip
    if "entity_id" in made and not _ENTITY.fullmatch(made["entity_id"]):
        raise Invalid(f"line {line}: entity_id is urn:ngsi-ld:TYPE:NAME", field="entity_id")
    if made.get("kind", "device") not in ("device", "network"):
        raise Invalid(f"line {line}: kind is device or network", field="kind")
    if "profile" in made:
        made["profile"] = _profile(line, made["profile"])
    return made


def _profile(line: int, text: str) -> dict[str, Any]:
    try:
        profile = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"line {line}: profile is not JSON: {error}", field="profile") from error
    if not isinstance(profile, dict):
        raise Invalid(f"line {line}: profile is a JSON object", field="profile")
    return profile


def _text(body: bytes) -> str:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise Invalid("the file is neither UTF-8 nor CP932 text", field="csv")
