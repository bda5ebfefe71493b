"""The language of `q` (4.9) as SQL/JSON path: the path travels as a parameter, and every literal in it is JSON-quoted.

PostgreSQL evaluates a path without recursion in time linear in the document; its regular expressions are automata
as long as there are neither back references nor look-around, which are refused here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from broker.errors import Invalid
from broker.query.bound import bound_of
from broker.query.condition import Condition, all_of, any_of, leaf, none_of
from broker.store.reading import Where

MAX_LENGTH = 4096
_MAX_TERMS = 64
_MAX_DEPTH = 16
_MAIN = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
_TIMES = ("observedAt", "createdAt", "modifiedAt")
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<op>!~=|~=|==|!=|>=|<=|>|<)|(?P<mark>[;&|(),!])|(?P<dots>\.\.)
    |(?P<trail>\[[^\]"]*\])|(?P<word>(?:(?!\.\.|!~=|!=)[^;&|()<>=~,"\[\]\s!])+))""",
    re.VERBOSE,
)
# As JSON has numbers: 05 is a text, such as a code that begins with 0.
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,307})(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_UNSAFE = re.compile(r"\\[1-9]|\(\?")
_OPERATORS = {"==": "==", "!=": "!=", ">=": ">=", "<=": "<=", ">": ">", "<": "<"}

Expand = Callable[[str], str]


class Query(NamedTuple):
    """A query's condition, the SQL/JSON paths that are its leaves' values, and the members it asks of an entity."""

    condition: Condition
    paths: tuple[str, ...]
    members: frozenset[str]

    @property
    def where(self) -> Where:
        """Its condition on stored entities."""
        return Where(self.condition.sql, self.paths, self.condition.bounds)


class Kinds(NamedTuple):
    """What a query says of the attributes that it asks: whose values are terms to be expanded (expandValues), and which
    are plain JSON (jsonKeys), so that only a JsonProperty is meant."""

    expand_values: frozenset[str] = frozenset()
    json_keys: frozenset[str] = frozenset()


_ANY = Kinds()


def compile_q(text: str, expand: Expand) -> Where:
    """The condition that `text` states. Raises `Invalid` saying where it is no query."""
    return parse_q(text, expand).where


def parse_q(text: str, expand: Expand, kinds: Kinds = _ANY) -> Query:
    """As `compile_q`, for a query that is asked of entities at hand. Raises `Invalid`."""
    if len(text) > MAX_LENGTH or "\x00" in text:
        raise Invalid(f"q is at most {MAX_LENGTH} characters", field="q")
    parser = _Parser(_tokens(text), expand, kinds)
    return parser.whole()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Invalid(f"q is not understood from {text[position : position + 20]!r} on", field="q")
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent: `;` binds stronger than `|` (4.9)."""

    def __init__(self, tokens: list[tuple[str, str]], expand: Expand, kinds: Kinds) -> None:
        self._tokens = tokens
        self._at = 0
        self._expand = expand
        self._kinds = kinds
        self._values: list[str] = []
        self._members: set[str] = set()
        self._terms = 0

    def whole(self) -> Query:
        condition = self._either(0)
        if self._at < len(self._tokens):
            raise Invalid(f"q is not understood from {self._tokens[self._at][1]!r} on", field="q")
        return Query(condition, tuple(self._values), frozenset(self._members))

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, *wanted: str) -> bool:
        if self._peek()[1] in wanted and self._peek()[0] in ("mark", "dots"):
            self._at += 1
            return True
        return False

    def _either(self, depth: int) -> Condition:
        if depth > _MAX_DEPTH:
            raise Invalid(f"q nests deeper than {_MAX_DEPTH}", field="q")
        parts = [self._both(depth)]
        while self._take("|"):
            parts.append(self._both(depth))
        return any_of(parts)

    def _both(self, depth: int) -> Condition:
        parts = [self._term(depth)]
        while self._take(";", "&"):
            parts.append(self._term(depth))
        return all_of(parts)

    def _term(self, depth: int) -> Condition:
        if self._take("!"):
            return none_of(self._term(depth + 1))
        if self._take("("):
            inner = self._either(depth + 1)
            if not self._take(")"):
                raise Invalid("q lacks a closing parenthesis", field="q")
            return inner
        kind, word = self._peek()
        if kind != "word":
            raise Invalid(f"q needs an attribute's name, not {word!r}", field="q")
        self._at += 1
        self._terms += 1
        if self._terms > _MAX_TERMS:
            raise Invalid(f"q has more than {_MAX_TERMS} conditions", field="q")
        trail = ""
        if self._peek()[0] == "trail":
            trail = self._peek()[1][1:-1]
            self._at += 1
        names = [self._expand(part) for part in _parts(word)]
        if not names:
            raise Invalid(f"q needs an attribute's name, not {word!r}", field="q")
        self._members.add(names[0])
        if self._peek()[0] != "op":
            return self._condition(_exists(names, trail, self._mains(names)))
        operator = self._peek()[1]
        self._at += 1
        return self._compared(names, trail, operator)

    def _compared(self, names: list[str], trail: str, operator: str) -> Condition:
        if operator in ("~=", "!~="):
            pattern = self._pattern()
            found = self._found(names, trail, f"@ like_regex {pattern}", texts=True)
            return found if operator == "~=" else self._there_but(names, trail, found)
        values = self._values_of(names)
        equal = " || ".join(_test("==" if operator == "!=" else operator, low, high) for low, high in values)
        texts = any(isinstance(value, str) for pair in values for value in pair)
        found = self._found(names, trail, equal, texts=texts)
        if operator == "!=":
            return self._there_but(names, trail, found)
        plain = len(names) == 1 and not trail and names[0] not in (*_TIMES, *self._kinds.json_keys)
        bound = bound_of(names[0], operator, values) if plain else None
        return found if bound is None else found._replace(bounds=(bound,))

    def _there_but(self, names: list[str], trail: str, found: Condition) -> Condition:
        """What is unequal is there (4.9)."""
        return all_of([self._condition(_exists(names, trail, self._mains(names))), none_of(found)])

    def _found(self, names: list[str], trail: str, test: str, *, texts: bool) -> Condition:
        """That the attribute's value passes the test.

        Most entities of a scan do not pass, and one look at all the attribute's members tells that in a third of the
        time of a look at each that may hold the value. No other member is a number; of texts there are others.
        """
        mains = self._mains(names)
        exact = _path(names, trail, test, mains)
        if trail or mains != _MAIN or names[-1] in _TIMES:
            return self._condition(exact)
        any_member = self._condition(f"{_steps(names)}.* ? ({test})")
        return all_of([any_member, self._condition(exact)]) if texts else any_member

    def _mains(self, names: list[str]) -> tuple[str, ...]:
        """Which members hold the attribute's value."""
        return ("json",) if names[-1] in self._kinds.json_keys else _MAIN

    def _values_of(self, names: list[str]) -> list[tuple[Any, Any]]:
        values = []
        while True:
            low = self._value(names)
            high = self._value(names) if self._take("..") else None
            values.append((low, high))
            if not self._take(","):
                return values

    def _value(self, names: list[str]) -> Any:
        kind, text = self._peek()
        if kind not in ("string", "word"):
            raise Invalid(f"q needs a value, not {text or 'its end'!r}", field="q")
        self._at += 1
        if kind == "string":
            return self._maybe_expanded(names, _unquoted(text))
        if text in ("true", "false"):
            return text == "true"
        if _NUMBER.fullmatch(text) and abs(number := json.loads(text.lstrip("+"))) < math.inf:
            return number
        return self._maybe_expanded(names, text)

    def _maybe_expanded(self, names: list[str], text: str) -> str:
        return self._expand(text) if names[-1] in self._kinds.expand_values else text

    def _pattern(self) -> str:
        kind, text = self._peek()
        pieces = []
        if kind == "string":
            self._at += 1
            pieces.append(_unquoted(text))
        else:
            while self._peek()[0] != "end" and self._peek()[1] not in (";", "|"):
                pieces.append(self._peek()[1])
                self._at += 1
        pattern = "".join(pieces)
        if not pattern or len(pattern) > 256 or _UNSAFE.search(pattern):
            raise Invalid("a pattern is 1 to 256 characters, without back references and look-around", field="q")
        return json.dumps(pattern)

    def _condition(self, path: str) -> Condition:
        self._values.append(path)
        number = len(self._values) - 1
        return leaf(f"jsonb_path_exists(doc, {{{number}}}::text::jsonpath)", number)


def _parts(word: str) -> list[str]:
    """A path's names: dots part them, unless the word is an IRI."""
    return [word] if "://" in word else [part for part in word.split(".") if part]


def _steps(names: list[str]) -> str:
    return "$" + "".join(f".{json.dumps(name)}" for name in names)


def _exists(names: list[str], trail: str, mains: tuple[str, ...]) -> str:
    if not trail and mains == _MAIN:
        return _steps(names)
    return f"{_steps(names)} ? ({' || '.join(f'exists({target})' for target in _targets(trail, mains))})"


def _path(names: list[str], trail: str, test: str, mains: tuple[str, ...]) -> str:
    """Where the attribute's value (or a value within it, or a time) passes the test. Lax: lists are looked into."""
    if names[-1] in _TIMES:
        return f"{_steps(names)} ? ({test})"
    found = " || ".join(f"exists({target} ? ({test}))" for target in _targets(trail, mains))
    return f"{_steps(names)} ? ({found})"


def _targets(trail: str, mains: tuple[str, ...]) -> list[str]:
    if trail == "*":
        return ["@.languageMap.*"]
    steps = "".join(f".{json.dumps(name)}" for name in trail.split(".")) if trail else ""
    return [f"@.{main}{steps}" for main in mains]


def _test(operator: str, low: Any, high: Any) -> str:
    if high is not None:
        return f"(@ >= {json.dumps(low)} && @ <= {json.dumps(high)})"
    return f"@ {_OPERATORS[operator]} {json.dumps(low)}"


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
