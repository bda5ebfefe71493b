"""Scopes (4.18, 4.19) and entity type selection (4.17)."""

from __future__ import annotations

import re
from collections.abc import Callable

from broker.errors import Invalid
from broker.store.reading import Where

_PART = re.compile(r"/?[\w\-+#]+(/[\w\-+#]+)*")


def compile_scope(text: str) -> Where:
    """`scopeQ`: scopes joined by `,` or `|` (any), `;` (all) and parentheses; `+` is one level, `#` any below."""
    return _compile(text, "scopeQ", _scope_condition)


def compile_types(text: str, expand: Callable[[str], str]) -> Where:
    """A type selection with `;` (all) and `,` or `|` (any)."""
    return _compile(text, "type", lambda word: ("type @> array[{}::text]", expand(word)))


def _scope_condition(word: str) -> tuple[str, str]:
    if not _PART.fullmatch(word):
        raise Invalid(f"{word!r} is no scope, such as /Madrid/+ or /Madrid/#", field="scopeQ")
    levels = [
        "[^/]+" if part == "+" else ".*" if part == "#" else re.escape(part) for part in word.strip("/").split("/")
    ]
    pattern = "^/" + "/".join(levels) + "$"
    if word.endswith("/#"):
        pattern = "^/" + "/".join(levels[:-1]) + ("(/.*)?$" if levels[:-1] else "")
    scopes = "case jsonb_typeof(doc->'scope') when 'array' then doc->'scope' else jsonb_build_array(doc->'scope') end"
    return f"doc ? 'scope' and exists (select from jsonb_array_elements_text({scopes}) s where s ~ {{}}::text)", pattern


def _compile(text: str, field: str, condition: Callable[[str], tuple[str, str]]) -> Where:
    words = [word for word in re.split(r"([();,|])", text.strip()) if word.strip()]
    if len(text) > 2048 or len(words) > 128 or not words:
        raise Invalid(f"{field} is empty or too long", field=field)
    pieces: list[str] = []
    values: list[str] = []
    depth = 0
    wants_word = True
    for word in words:
        if word in ("(", ")"):
            depth += 1 if word == "(" else -1
            if depth < 0 or wants_word != (word == "("):
                raise Invalid(f"{field} is not understood at {word!r}", field=field)
            pieces.append(word)
            continue
        if wants_word == (word in ",|;"):
            raise Invalid(f"{field} is not understood at {word!r}", field=field)
        if wants_word:
            sql, value = condition(word.strip())
            pieces.append("(" + sql.replace("{}", f"{{{len(values)}}}") + ")")
            values.append(value)
        else:
            pieces.append("and" if word == ";" else "or")
        wants_word = not wants_word
    if depth or wants_word:
        raise Invalid(f"{field} ends too early", field=field)
    return Where(" ".join(pieces), tuple(values))
