"""The form of each member of a Subscription (ETSI GS CIM 009, 5.2.12 to 5.2.15) and of a CsourceRegistration (5.2.9 to
5.2.11). Pure.

What is kept is read later by processes that serve everybody: what one of them could not read is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from broker.entities.geojson import check_place
from broker.entities.parse import check_name, is_uri, parse_time
from broker.errors import Invalid
from broker.query.condition import pattern
from broker.query.scope import WORDS, compile_types

LONGEST_SECONDS = 10 * 366 * 86_400
"""The longest timeInterval or throttling, ten years: beyond it, dates end."""
LONGEST_PATTERN = 256
PACES = ("timeInterval", "throttling")
"""Members that say how often to tell, in seconds."""

Check = Callable[[Any, str], None]
"""Raises `Invalid` at the path given for a value of another form."""

JSON = "application/json"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_FRAMING = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
)
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,4000}")
_RELATIONS, _ASPECTS = ("before", "after", "between"), ("observedAt", "createdAt", "modifiedAt", "deletedAt")


def check_subscription(given: Mapping[str, Any]) -> None:
    """Raise `Invalid` naming the member of a subscription that has another form than the standard gives it."""
    _check(given, _SUBSCRIPTION, "")
    if isinstance(told := given.get("notification"), Mapping):
        _check(told, _NOTIFICATION, "notification.")


def check_registration(given: Mapping[str, Any]) -> None:
    """The same for a registration."""
    _check(given, _REGISTRATION, "")
    for index, part in enumerate(given["information"]):
        _check(part, _INFORMATION, f"information[{index}].")


def _check(given: Mapping[str, Any], forms: Mapping[str, Check], path: str) -> None:
    for name, check in forms.items():
        if name in given:
            check(given[name], path + name)


def positive(value: Any) -> bool:
    """Whether it is a number greater than 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def check_seconds(value: Any, path: str) -> None:
    """Raise `Invalid` for what is no length of time in seconds that can be waited for."""
    if not positive(value) or value > LONGEST_SECONDS:
        raise Invalid(f"a number of seconds greater than 0 and at most {LONGEST_SECONDS} (ten years)", field=path)


def check_paces(doc: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a subscription's timeInterval or throttling cannot be waited for."""
    for name in PACES:
        if name in doc:
            check_seconds(doc[name], name)


def endpoint_seconds(endpoint: Mapping[str, Any], name: str) -> float | None:
    """An endpoint's `timeout` or `cooldown` (5.2.15) in seconds; None where it says nothing that can be waited for."""
    said: Any = endpoint.get(name)
    return said / 1000 if positive(said) and said <= LONGEST_SECONDS * 1000 else None


def check_pattern(value: Any, path: str) -> None:
    """Raise `Invalid` for what is no regular expression that runs in linear time."""
    if not isinstance(value, str) or len(value) > LONGEST_PATTERN or pattern(value) is None:
        raise Invalid(
            f"a regular expression of at most {LONGEST_PATTERN} characters, without back references and look-around",
            field=path,
        )


def _text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise Invalid("a string is needed", field=path)


def _truth(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise Invalid("true or false is needed", field=path)


def _object(value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise Invalid("a JSON object is needed", field=path)


def _texts(value: Any, path: str) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise Invalid("a list of strings that is not empty is needed", field=path)


def _text_or_texts(value: Any, path: str) -> None:
    if not isinstance(value, str):
        _texts(value, path)


def _selectors(value: Any, path: str) -> None:
    """EntitySelectors (5.2.33), or the EntityInfos of a registration (5.2.8)."""
    if not isinstance(value, list):
        raise Invalid("a list of entity selectors is needed", field=path)
    for index, entity in enumerate(value):
        at = f"{path}[{index}]"
        if not isinstance(entity, Mapping) or not isinstance(entity.get("type"), str | list):
            raise Invalid("an entity selector is an object with at least type", field=f"{at}.type")
        _types(entity["type"], f"{at}.type")
        if entity.get("idPattern") is not None:
            check_pattern(entity["idPattern"], f"{at}.idPattern")
        said = entity.get("id", [])
        for one in said if isinstance(said, list) else [said]:
            if not is_uri(one):
                raise Invalid("id must be a URI", field=f"{at}.id")


def _types(value: Any, path: str) -> None:
    """A type, a list of them, or a selection such as (A,B);C (4.17)."""
    words = value if isinstance(value, list) else WORDS.findall(value)
    if not words:
        raise Invalid("the name of a type is needed", field=path)
    for word in words:
        if word != "*":
            check_name(word, path)
    if isinstance(value, str) and value != "*":
        try:
            compile_types(value, str)
        except Invalid as error:
            raise Invalid(str(error), field=path) from error


def _geo_query(value: Any, path: str) -> None:
    """GeoQuery (5.2.13); what it asks is read by `geo_query`."""
    if not isinstance(value, Mapping):
        raise Invalid("geoQ is an object with georel, geometry and coordinates", field=path)
    if "geoproperty" in value:
        check_name(value["geoproperty"], f"{path}.geoproperty")


def _temporal_query(value: Any, path: str) -> None:
    """TemporalQuery (5.2.21)."""
    _object(value, path)
    if value.get("timerel") not in _RELATIONS:
        raise Invalid(f"timerel is one of {', '.join(_RELATIONS)}", field=f"{path}.timerel")
    parse_time(value.get("timeAt"), f"{path}.timeAt")
    if value["timerel"] == "between" or "endTimeAt" in value:
        parse_time(value.get("endTimeAt"), f"{path}.endTimeAt")
    if value.get("timeproperty", "observedAt") not in _ASPECTS:
        raise Invalid(f"timeproperty is one of {', '.join(_ASPECTS)}", field=f"{path}.timeproperty")


def _endpoint(value: Any, path: str) -> None:
    """Endpoint (5.2.15)."""
    if not isinstance(value, Mapping) or not is_uri(value.get("uri")):
        raise Invalid("endpoint must be an object with the URI of the receiver", field=f"{path}.uri")
    if value.get("accept", JSON) not in (JSON, "application/ld+json", "application/geo+json"):
        raise Invalid("accept is application/json, application/ld+json or application/geo+json", field=f"{path}.accept")
    for name in ("timeout", "cooldown"):
        if name in value and endpoint_seconds(value, name) is None:
            raise Invalid("a number of milliseconds greater than 0 and at most ten years", field=f"{path}.{name}")
    for name in ("receiverInfo", "notifierInfo"):
        _pairs(value.get(name, []), f"{path}.{name}")


def _pairs(value: Any, path: str) -> None:
    """KeyValuePairs (5.2.22), which become headers: a name and a value in ASCII each."""
    for pair in value if isinstance(value, list) else [None]:
        if not isinstance(pair, Mapping) or not {"key", "value"} <= pair.keys():
            raise Invalid('must be a list of pairs, as [{"key": "…", "value": "…"}]', field=path)
        if not _HEADER.fullmatch(str(pair["key"])) or not _HEADER_VALUE.fullmatch(str(pair["value"])):
            raise Invalid("a key is a header's name, a value its value", field=path)
        if str(pair["key"]).lower() in _FRAMING:
            raise Invalid(f"{pair['key']} says where a message goes or ends: that is ours to say", field=path)


def _interval(value: Any, path: str) -> None:
    """TimeInterval (5.2.11)."""
    _object(value, path)
    start = datetime.fromisoformat(parse_time(value.get("startAt"), f"{path}.startAt"))
    if "endAt" in value and datetime.fromisoformat(parse_time(value["endAt"], f"{path}.endAt")) < start:
        raise Invalid("endAt must not be before startAt", field=f"{path}.endAt")


def _place(value: Any, path: str) -> None:
    """A GeoJSON geometry (4.7), or a GeoProperty of one."""
    if isinstance(value, Mapping) and value.get("type") == "GeoProperty":
        check_place(value.get("value"), f"{path}.value")
    else:
        check_place(value, path)


_SUBSCRIPTION: Mapping[str, Check] = {
    **dict.fromkeys(("subscriptionName", "description", "q", "scopeQ", "csf", "lang"), _text),
    **dict.fromkeys(("isActive", "splitEntities", "localOnly"), _truth),
    **dict.fromkeys(PACES, check_seconds),
    **dict.fromkeys(("watchedAttributes", "notificationTrigger", "datasetId"), _texts),
    **dict.fromkeys(("jsonKeys", "expandValues"), _text_or_texts),
    "entities": _selectors,
    "geoQ": _geo_query,
    "temporalQ": _temporal_query,
}
_NOTIFICATION: Mapping[str, Check] = {
    **dict.fromkeys(("attributes", "pick", "omit"), _texts),
    **dict.fromkeys(("format", "join"), _text),
    **dict.fromkeys(("sysAttrs", "showChanges"), _truth),
    "endpoint": _endpoint,
}
_REGISTRATION: Mapping[str, Check] = {
    **dict.fromkeys(("registrationName", "description", "tenant", "contextSourceAlias"), _text),
    **dict.fromkeys(("observationInterval", "managementInterval"), _interval),
    **dict.fromkeys(("location", "observationSpace", "operationSpace"), _place),
    "scope": _text_or_texts,
    "operations": _texts,
    "contextSourceInfo": _pairs,
}
_INFORMATION: Mapping[str, Check] = {
    "entities": _selectors,
    **dict.fromkeys(("propertyNames", "relationshipNames"), _texts),
}
