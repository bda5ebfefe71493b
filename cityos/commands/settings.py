"""`cityos settings`: every setting there is, as docs/settings.md shows them."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cityos.environment import PREFIX
from cityos.settings import variables

_HEAD = """# 設定

すべて環境変数です。起動時に一度だけ読み、誤りがあれば変数の名前と理由を1行で示して止まります。
名前を間違えた変数（どの設定でもない `CITYOS_…`）も断ります。
`CITYOS_X_FILE` は、値を書いたファイルの名前です（コンテナの secrets 用）。複数の値はカンマで区切ります。

この表は `cityos settings` が出力したものです。手で直さず、`cityos settings > docs/settings.md` で作り直してください。
"""


def show_settings() -> None:
    """Print every setting: name, default, meaning. / 設定の一覧を出力する"""
    typer.echo(table(), nl=False)


def table() -> str:
    """All settings as Markdown, a table for each group."""
    lines = [_HEAD.rstrip()]
    group = ""
    for name, field in variables():
        if (current := name.removeprefix(PREFIX).partition("_")[0]) != group:
            group = current
            lines += [f"\n## {group.lower()}\n", "| 変数 | 既定値 | 意味 |", "|---|---|---|"]
        lines.append(f"| `{name}` | {_default(field)} | {_cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "（必須）"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == "":
        return "（なし）"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ",".join(str(item) for item in value)
    if isinstance(value, PurePath):
        value = value.as_posix()
    return f"`{_cell(str(value))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
