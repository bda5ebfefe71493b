"""Scopes (4.18, 4.19) and entity type selection (4.17)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from broker.errors import Invalid
from broker.query.condition import Condition, all_of, any_of, found, leaf
from broker.store.reading import Where

WORDS = re.compile(r"[^(),;|\s]+")
"""The names in a type selection."""
_HAS_SCOPE = (
    "doc ? 'scope' and exists (select from jsonb_array_elements_text(case jsonb_typeof(doc->'scope')"
    " when 'array' then doc->'scope' else jsonb_build_array(doc->'scope') end) s where s ~ {}::text)"
)
_PART = re.compile(r"/?[\w\-+#]+(/[\w\-+#]+)*")


def compile_scope(text: str) -> Where:
    """`scopeQ`: scopes joined by `,` or `|` (any), `;` (all) and parentheses; `+` is one level, `#` any below."""
    parser = _Selection(text, "scopeQ", _scope_condition)
    return Where(parser.whole().sql, tuple(parser.values))


def scopes_hold(text: str, scopes: Sequence[str]) -> bool:
    """Whether `scopeQ` holds for an entity at hand with these scopes. Raises `Invalid` for what is no scopeQ."""
    parser = _Selection(text, "scopeQ", _scope_condition)
    condition = parser.whole()
    return condition.holds([any(found(pattern, scope) for scope in scopes) for pattern in parser.values])


def in_scopes(words: Iterable[str], first: int = 0) -> Where:
    """The condition that one of an entity's scopes is one of these; its parameter is numbered `first`."""
    patterns = [_pattern(word) for word in sorted(words)]
    return Where(_HAS_SCOPE.replace("{}::text", f"any({{{first}}}::text[])"), (patterns,))


def compile_types(text: str, expand: Callable[[str], str]) -> Where:
    """A type selection with `;` (all) and `,` or `|` (any)."""
    parser = _Selection(text, "type", lambda word: ("type @> array[{}::text]", expand(word)))
    return Where(parser.whole().sql, tuple(parser.values))


def types_hold(text: str, types: Sequence[str]) -> bool:
    """Whether a type selection, of names as in the store, chooses an entity of these types. Raises `Invalid`."""
    parser = _Selection(text, "type", lambda word: ("{}", word))
    condition = parser.whole()
    return condition.holds([name in types for name in parser.values])


def _scope_condition(word: str) -> tuple[str, str]:
    if not _PART.fullmatch(word):
        raise Invalid(f"{word!r} is no scope, such as /Madrid/+ or /Madrid/#", field="scopeQ")
    return _HAS_SCOPE, _pattern(word)


def _pattern(word: str) -> str:
    levels = [
        "[^/]+" if part == "+" else ".*" if part == "#" else re.escape(part) for part in word.strip("/").split("/")
    ]
    if word.endswith("/#"):
        return "^/" + "/".join(levels[:-1]) + ("(/.*)?$" if levels[:-1] else "")
    return "^/" + "/".join(levels) + "$"


class _Selection:
    """Words joined by `;` (all), `,` or `|` (any) and parentheses; `;` binds stronger (4.17, 4.19)."""

    def __init__(self, text: str, field: str, condition: Callable[[str], tuple[str, str]]) -> None:
        self.values: list[str] = []
        self._field = field
        self._condition = condition
        self._words = [word.strip() for word in re.split(r"([();,|])", text) if word.strip()]
        if len(text) > 2048 or len(self._words) > 128 or not self._words:
            raise Invalid(f"{field} is empty or too long", field=field)

    def whole(self) -> Condition:
        condition = self._either()
        if self._words:
            raise Invalid(f"{self._field} is not understood at {self._words[0]!r}", field=self._field)
        return condition

    def _next(self) -> str:
        return self._words[0] if self._words else ""

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._next() in (",", "|"):
            self._words.pop(0)
            parts.append(self._both())
        return any_of(parts)

    def _both(self) -> Condition:
        parts = [self._word()]
        while self._next() == ";":
            self._words.pop(0)
            parts.append(self._word())
        return all_of(parts)

    def _word(self) -> Condition:
        word = self._next()
        if not word:
            raise Invalid(f"{self._field} ends too early", field=self._field)
        if word in ");,|":
            raise Invalid(f"{self._field} is not understood at {word!r}", field=self._field)
        self._words.pop(0)
        if word != "(":
            sql, value = self._condition(word)
            self.values.append(value)
            return leaf("(" + sql.replace("{}", f"{{{len(self.values) - 1}}}") + ")", len(self.values) - 1)
        inner = self._either()
        if self._next() != ")":
            raise Invalid(f"{self._field} lacks a closing parenthesis", field=self._field)
        self._words.pop(0)
        return inner
