"""What a temporal request asks for: the time, the representation, aggregation (ETSI GS CIM 009, 6.18.3.2, 6.19.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from starlette.requests import Request

from api_gateway.errors import InvalidParameter, NotSupported
from api_gateway.ngsi_ld.params import FORMS, only_known, shape_of
from api_gateway.ngsi_ld.represent import CONCISE, NORMALIZED, Shape
from api_gateway.ngsi_ld.times import Times, times_of
from broker.entities.evolution import AGGREGATED_VALUES, TEMPORAL_VALUES
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.query.period import parse_period
from broker.store.aggregates import METHODS, Question
from broker.store.temporal import DELETED, OBSERVED, OF_SNAPSHOT, Wish

TEMPORAL = frozenset(
    {"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "options", "format", "sysAttrs", "attrs", "pick",
     "omit", "lang", "datasetId", "aggrMethods", "aggrPeriodDuration", "local"}
)  # fmt: skip
_FORMS = (TEMPORAL_VALUES, AGGREGATED_VALUES, *FORMS)
_CORE = frozenset({"id", "type", "scope"})


class Ask(NamedTuple):
    """How the answer should look, of which time, and how much of it there may be."""

    times: Times
    form: str
    shape: Shape
    wish: Wish
    question: Question | None
    most: int

    @property
    def filtered(self) -> bool:
        """Whether members are named that may not be there."""
        return self.shape.attrs is not None or self.shape.pick is not None or bool(self.shape.omit)


def ask_of(
    request: Request, query: Mapping[str, str], context: Context, *, required: bool, most: int, also: frozenset[str]
) -> Ask:
    """The request's parameters, or what a body says as such. Raises `Invalid`, `InvalidParameter`, `NotAcceptable`."""
    only_known(query, TEMPORAL, also)
    form, sys_attrs = _form_of(query)
    plain = {name: value for name, value in query.items() if name not in ("options", "format", "sysAttrs", "orderBy")}
    shape = shape_of(request, context, plain, geojson=False)._replace(form=form, sys_attrs=sys_attrs)
    times = times_of(query, required=required)
    wish = Wish(_names(shape.attrs if shape.pick is None else shape.pick - _CORE), _datasets(shape))
    return Ask(times, form, shape, wish, _question(query, times, form, most), most)


def within_snapshot(ask: Ask) -> Ask:
    """The same, asked of the snapshot that is in use. Raises `NotSupported` for deletions, which it does not hold."""
    if ask.times.span.by == DELETED:
        raise NotSupported("a snapshot does not hold when attributes were deleted; choose another timeproperty")
    question = None if ask.question is None else ask.question._replace(among=OF_SNAPSHOT)
    return ask._replace(wish=ask.wish._replace(among=OF_SNAPSHOT), question=question)


def _form_of(query: Mapping[str, str]) -> tuple[str, bool]:
    """The representation, and whether with system attributes. `format` goes before `options` (6.3.12)."""
    words = [word.strip() for word in query.get("options", "").split(",") if word.strip()]
    said = query.get("format")
    for word in (*words, *([said] if said is not None else [])):
        if word not in (*_FORMS, "sysAttrs"):
            raise InvalidParameter(
                f"{word!r} is no option here; there are {', '.join(_FORMS)}, sysAttrs", field="options"
            )
    forms = {FORMS.get(word, word) for word in ([said] if said is not None else words) if word != "sysAttrs"}
    if len(forms) > 1:
        raise Invalid(f"choose one of {', '.join(_FORMS)}", field="options")
    form = forms.pop() if forms else NORMALIZED
    if form not in (NORMALIZED, CONCISE, AGGREGATED_VALUES):
        form = TEMPORAL_VALUES
    sys_attrs = query.get("sysAttrs", "false")
    if sys_attrs not in ("true", "false"):
        raise Invalid("sysAttrs must be true or false", field="sysAttrs")
    return form, "sysAttrs" in words or sys_attrs == "true"


def _names(names: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(names))


def _datasets(shape: Shape) -> tuple[str, ...] | None:
    if shape.dataset_ids is None:
        return None
    return tuple(sorted("" if name == "@none" else name for name in shape.dataset_ids))


def _question(query: Mapping[str, str], times: Times, form: str, most: int) -> Question | None:
    """What is to be aggregated (4.5.19); None where nothing is."""
    if form != AGGREGATED_VALUES:
        return None
    methods = tuple(dict.fromkeys(m.strip() for m in query.get("aggrMethods", "").split(",") if m.strip()))
    if not methods:
        raise Invalid(f"aggregatedValues needs aggrMethods: {', '.join(METHODS)}", field="aggrMethods")
    if unknown := [method for method in methods if method not in METHODS]:
        raise Invalid(f"{unknown[0]!r} is no method; there are {', '.join(METHODS)}", field="aggrMethods")
    if times.span.by != OBSERVED:
        raise Invalid("values are aggregated by observedAt", field="timeproperty")
    period = parse_period(query.get("aggrPeriodDuration", "PT0S"), "aggrPeriodDuration")
    return Question(times.span, period, times.since, times.until, methods, most)


def range_of(times: Times, told: list[datetime]) -> tuple[datetime, datetime]:
    """Content-Range of a part (6.3.10): from what was asked for, where it says so, to the last that is shown."""
    span = times.span
    if span.last:
        return times.until or max(told), min(told)
    return times.since or min(told), max(told)
