"""Query parameters of NGSI-LD: read strictly, because a filter that is silently ignored gives false answers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from starlette.requests import Request

from access.seeing import Asks
from api_gateway.errors import InvalidParameter, NotSupported
from api_gateway.ngsi_ld.context import GEO_JSON, JSON_LD, answer_type
from api_gateway.ngsi_ld.represent import CONCISE, NORMALIZED, SIMPLIFIED, Shape
from broker.entities.parse import check_name, is_uri
from broker.entities.represent import Members
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.query.geo import GeoQuery, geo_query
from broker.query.q import Kinds, parse_q
from broker.query.scope import compile_scope, compile_types
from broker.store.reading import Where

MAX_LIMIT = 1000
_MAX_OFFSET = 1_000_000
_MAX_PATTERN = 256
_DEFAULT_LIMIT = 20
FORMS = {
    "normalized": NORMALIZED,
    "concise": CONCISE,
    "keyValues": SIMPLIFIED,
    "simplified": SIMPLIFIED,
}
SELECTION = frozenset(
    {"id", "type", "idPattern", "attrs", "q", "georel", "geometry", "coordinates", "geoproperty", "scopeQ", "csf",
     "expandValues", "datasetId", "jsonKeys"}
)  # fmt: skip
SHAPE = frozenset(
    {"options", "format", "sysAttrs", "attrs", "pick", "omit", "lang", "geometryProperty", "datasetId", "join",
     "joinLevel", "containedBy", "local", "entityMap", "splitEntities"}
)  # fmt: skip
PAGE = frozenset({"limit", "offset", "count", "orderBy", "collation"})


class Page(NamedTuple):
    """Which part of the results (6.3.10), and whether to count them all (6.3.13)."""

    limit: int
    offset: int
    counted: bool


class Wanted(NamedTuple):
    """Which entities are asked for (5.7.2)."""

    types: tuple[str, ...] | None
    ids: tuple[str, ...] | None
    id_pattern: str | None
    attributes: tuple[str, ...] | None
    where: tuple[Where, ...] = ()
    geo: GeoQuery | None = None
    asks: Asks = Asks()
    """What the conditions and the order are about."""
    naming: tuple[Where, ...] = ()
    """Those of `where` that say which entities are meant, whatever they are like."""

    def unfiltered(self) -> Wanted:
        """All the entities meant, whatever they are like."""
        return Wanted(self.types, self.ids, self.id_pattern, None, self.naming, naming=self.naming)


def only_known(query: Mapping[str, str], *known: frozenset[str]) -> None:
    """Raise `InvalidParameter` for a parameter that the operation does not have (6.3.21)."""
    for name in query:
        if not any(name in names for names in known):
            raise InvalidParameter(f"there is no parameter {name!r} here", field=name)


def wanted_of(query: Mapping[str, str], context: Context, *, needed: bool = True) -> Wanted:
    """The conditions of a query. Raises `Invalid`, also where it would mean everything there is (5.7.2)."""
    if (
        needed
        and not any(query.get(name) for name in ("type", "attrs", "q", "georel"))
        and (query.get("local") != "true")
    ):
        raise Invalid(
            "a query needs at least type, attrs, q or a geo-query (or local=true for everything here)", field="type"
        )
    types, naming = _types(query.get("type"), context)
    where = list(naming)
    ids = _list(query.get("id"))
    for value in ids or ():
        if not is_uri(value):
            raise Invalid(f"{value!r} is not a URI, as every id must be", field="id")
    pattern = query.get("idPattern")
    if pattern is not None and (not pattern or len(pattern) > _MAX_PATTERN or "\x00" in pattern):
        raise Invalid(f"a regular expression of 1 to {_MAX_PATTERN} characters is needed", field="idPattern")
    attributes = names_of(query, "attrs", context)
    asks: set[str] = set()
    if (text := query.get("q")) is not None:
        named = (_list(query.get(name)) or () for name in ("expandValues", "jsonKeys"))
        q = parse_q(text, context.expand, Kinds(*(frozenset(context.expand(n) for n in names) for names in named)))
        where.append(q.where)
        asks |= q.members
    if (scope := query.get("scopeQ")) is not None:
        where.append(compile_scope(scope))
    place = context.expand(query.get("geoproperty", "location"))
    geo = geo_query(query.get("georel"), query.get("geometry"), query.get("coordinates"), place)
    asks |= members_in(order_of(query, context))
    if geo is not None:
        asks.add(geo.property)
    some = (frozenset(attributes),) if attributes else ()
    return Wanted(types, ids, pattern, attributes, tuple(where), geo, Asks(frozenset(asks), some), tuple(naming))


def _types(value: str | None, context: Context) -> tuple[tuple[str, ...] | None, list[Where]]:
    """A list of types goes by the index; a selection that is more (4.17) is a condition as well."""
    if value is None or value == "*":
        return None, []
    if any(mark in value for mark in "();"):
        return None, [compile_types(value, context.expand)]
    names = _list(value.replace("|", ","))
    return tuple(dict.fromkeys(context.expand(check_name(name, "type")) for name in names or ("",))), []


@contextlib.contextmanager
def pattern_blamed(field: str = "idPattern") -> Iterator[None]:
    """Around a selection: the one thing about it that only the database can find wrong is a pattern."""
    try:
        yield
    except Invalid as error:
        raise Invalid(str(error), field=error.field or field) from error


def names_of(query: Mapping[str, str], parameter: str, context: Context) -> tuple[str, ...] | None:
    """The names that a parameter lists, as in the store. Raises `Invalid`."""
    value = query.get(parameter)
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if parameter == "attrs" and {"id", "type"} & set(names):
        raise Invalid("attrs lists attributes; id and type are none", field="attrs")
    return tuple(context.expand(check_name(name, parameter)) for name in names)


def _list(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(part.strip() for part in value.split(",") if part.strip())


def page_of(query: Mapping[str, str]) -> Page:
    """limit, offset and count. Raises `Invalid`."""
    count = flag(query, "count")
    limit = number(query, "limit", _DEFAULT_LIMIT, 0 if count else 1, MAX_LIMIT)
    return Page(limit, number(query, "offset", 0, 0, _MAX_OFFSET), count)


def number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number among the parameters. Raises `Invalid`."""
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise Invalid(f"{name} must be a whole number from {least} to {most}", field=name)


def flag(query: Mapping[str, str], name: str) -> bool:
    """A parameter that is true or false. Raises `Invalid`."""
    value = query.get(name, "false")
    if value not in ("true", "false"):
        raise Invalid(f"{name} must be true or false", field=name)
    return value == "true"


def options_of(query: Mapping[str, str], allowed: tuple[str, ...]) -> frozenset[str]:
    """The words in `options` (and `format`). Raises `Invalid` for one that is not allowed."""
    words = frozenset((_list(query.get("options")) or ()) + (_list(query.get("format")) or ()))
    if unknown := sorted(words.difference(allowed)):
        raise InvalidParameter(f"{unknown[0]!r} is no option here; there are {', '.join(allowed)}", field="options")
    return words


def form_of(query: Mapping[str, str]) -> tuple[str, bool]:
    """The representation asked for, and whether with system attributes. `format` goes before `options`."""
    words = options_of(query, (*FORMS, "sysAttrs"))
    said = _list(query.get("format")) or ()
    forms = {FORMS[word] for word in (said or words) if word in FORMS}
    if len(forms) > 1:
        raise Invalid("choose one of normalized, concise and keyValues", field="options")
    return (forms.pop() if forms else NORMALIZED), "sysAttrs" in words or flag(query, "sysAttrs")


def shape_of(
    request: Request, context: Context, params: Mapping[str, str] | None = None, *, geojson: bool = True
) -> Shape:
    """How the answer should look, from the parameters and Accept; without `geojson` that is not offered (6.3.4).

    Raises `Invalid`, `NotAcceptable`.
    """
    query = request.query_params if params is None else params
    form, sys_attrs = form_of(query)
    media = answer_type(request, *((GEO_JSON,) if geojson else ()))
    picked, omitted = members_of(query.get("pick"), "pick", context), members_of(query.get("omit"), "omit", context)
    pick = None if picked is None else picked.names
    # What is left out behind a relationship leaves the relationship itself.
    omit = None if omitted is None else omitted.names - omitted.inner.keys()
    attrs = names_of(query, "attrs", context)
    if pick is not None and attrs is not None:
        raise Invalid("pick and attrs exclude each other", field="pick")
    if omit is not None and attrs is not None:
        raise Invalid("omit and attrs exclude each other", field="omit")
    if set(pick or ()) & set(omit or ()):
        raise Invalid("pick and omit name the same member", field="omit")
    datasets = _list(query.get("datasetId"))
    return Shape(
        form,
        sys_attrs,
        _set(attrs),
        media == JSON_LD,
        context,
        pick,
        omit or frozenset(),
        query.get("lang"),
        media == GEO_JSON,
        context.expand(query.get("geometryProperty", "location")),
        _set(datasets),
        True,
        picked.inner if picked else {},
        omitted.inner if omitted else {},
    )


_MEMBERS = re.compile(r"[{},]|[^{},]+")
_MAX_BRACES = 8


def members_of(text: str | None, field: str, context: Context) -> Members | None:
    """The value of pick or omit, such as id,locatedAt{id,name}. Raises `Invalid`."""
    if text is None:
        return None
    tokens = _MEMBERS.findall(text)
    members, rest = _members(tokens, field, context, 0)
    if rest:
        raise Invalid(f"{field} is not understood from {rest[0]!r} on", field=field)
    return members


def _members(tokens: list[str], field: str, context: Context, depth: int) -> tuple[Members, list[str]]:
    names: set[str] = set()
    inner: dict[str, Members] = {}
    if depth > _MAX_BRACES:
        raise Invalid(f"{field} nests deeper than {_MAX_BRACES}", field=field)
    while True:
        if not tokens or tokens[0] in "{},":
            raise Invalid(f"{field} lists names with one comma between, as in a,b{{c,d}}", field=field)
        name = context.expand(check_name(tokens[0].strip(), field))
        names.add(name)
        tokens = tokens[1:]
        if tokens and tokens[0] == "{":
            inner[name], tokens = _members(tokens[1:], field, context, depth + 1)
            if not tokens or tokens[0] != "}":
                raise Invalid(f"{field} lacks a closing brace", field=field)
            tokens = tokens[1:]
        if not tokens or tokens[0] != ",":
            return Members(frozenset(names), inner), tokens
        tokens = tokens[1:]


def _set(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def members_in(order: Iterable[tuple[str, bool]]) -> set[str]:
    """The members that entities are put in order by; a name may be a path, and an IRI has dots of its own."""
    return {".".join(name.split(".")[:n]) for name, _ in order for n in range(1, name.count(".") + 2)}


def order_of(query: Mapping[str, str], context: Context) -> list[tuple[str, bool]]:
    """orderBy (4.23): names as in the store, and whether descending. Raises `Invalid`, and `NotSupported` for the order
    of a language (`collation`): entities in the order of none would look like an answer."""
    if "collation" in query:
        raise NotSupported("collation is not offered; texts are in the order of their characters' codes")
    order = []
    for part in _list(query.get("orderBy")) or ():
        name, _, direction = part.partition(";")
        if direction not in ("", "asc", "desc"):
            raise Invalid("orderBy is like name, name;asc or name;desc", field="orderBy")
        order.append((".".join(map(context.expand, check_name(name, "orderBy").split("."))), direction == "desc"))
    return order
