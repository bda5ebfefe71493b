"""Subscription (5.2.12) and CsourceRegistration (5.2.9) documents: checked, with names as in the store. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from broker.entities.parse import NULL, check_name, is_uri, parse_time
from broker.errors import Invalid
from broker.federation.operations import operations_of
from broker.federation.source import duration
from broker.jsonld.context import Context
from broker.query.geo import geo_query
from broker.query.joining import MAX_JOIN_LEVEL
from broker.query.q import Kinds, Query, parse_q
from broker.query.scope import WORDS, compile_scope
from broker.subscriptions.members import check_registration, check_subscription, positive
from broker.subscriptions.mqtt_endpoint import is_mqtt, mqtt_endpoint

Rename = Callable[[str], str]

SUBSCRIPTION, REGISTRATION = "Subscription", "ContextSourceRegistration"
FORMATS = ("normalized", "concise", "simplified", "keyValues")
TRIGGERS = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
DEFAULT_TRIGGERS = ("attributeCreated", "attributeUpdated")
MODES = ("inclusive", "exclusive", "redirect", "auxiliary")
REGISTRATION_MEMBERS = (
    "id", "type", "registrationName", "description", "information", "tenant", "observationInterval",
    "managementInterval", "location", "observationSpace", "operationSpace", "expiresAt", "endpoint",
    "contextSourceInfo", "contextSourceAlias", "scope", "mode", "operations", "refreshRate", "management",
)  # fmt: skip
"""What the standard says of a registration (5.2.9); anything else is a Context Source Property."""
REGISTRATION_COUNTERS = ("timesSent", "timesFailed", "lastSuccess", "lastFailure")
"""What came of asking the source (5.2.9): told by the broker; whoever sends them back says nothing by it."""
_OURS = frozenset({"status", "createdAt", "modifiedAt", "deletedAt"})
_NAME_LISTS = ("watchedAttributes", "propertyNames", "relationshipNames", "attributes", "pick", "omit")


def parse_subscription(document: Any, context: Context, now: datetime, *, triggers: bool = True) -> dict[str, Any]:
    """The subscription with names as in the store; one to registrations has no triggers (5.2.12).

    Raises `Invalid` naming the member that is wrong.
    """
    given = _object(document, SUBSCRIPTION)
    check_subscription(given)
    _lifetime(given, now)
    if "timeInterval" in given and ("throttling" in given or "watchedAttributes" in given):
        raise Invalid("timeInterval excludes throttling and watchedAttributes", field="timeInterval")
    if not any(given.get(name) for name in ("entities", "watchedAttributes")):
        raise Invalid("a subscription needs entities or watchedAttributes", field="entities")
    if "entities" in given and not given["entities"]:
        raise Invalid("entities must be a list that is not empty", field="entities")
    for name in given.get("notificationTrigger", ()):
        if name not in TRIGGERS:
            raise Invalid(f"a trigger is one of {', '.join(TRIGGERS)}", field="notificationTrigger")
    _queries(given, context)
    _notification(given.get("notification"))
    if triggers:
        given.setdefault("notificationTrigger", list(DEFAULT_TRIGGERS))
    return renamed(given, context.expand)


def q_of(doc: Mapping[str, Any], context: Context) -> Query | None:
    """The subscription's q. It is a URI's query component (4.9), so a blank may be written %20 in it."""
    if not isinstance(doc.get("q"), str):
        return None
    expanded, plain = (frozenset(context.expand(n) for n in _names(doc.get(m))) for m in ("expandValues", "jsonKeys"))
    return parse_q(unquote(doc["q"]), context.expand, Kinds(expanded, plain))


def csf_of(doc: Mapping[str, Any], context: Context) -> Query | None:
    """The subscription's context source filter (5.2.12), asked of registrations' Context Source Properties as q of an
    entity (4.9)."""
    return parse_q(unquote(doc["csf"]), context.expand) if isinstance(doc.get("csf"), str) else None


def context_of(doc: Mapping[str, Any], query: str) -> Any:
    """The @context that `q` or `csf` of a stored subscription came with: its names are terms of that (5.5.7). That of
    the notifications where nothing else is noted."""
    return doc.get("@asked", {}).get(query, doc.get("@context", []))


def _names(said: Any) -> list[str]:
    """A list of names, which may also be told with commas between."""
    return [name.strip() for name in said.split(",")] if isinstance(said, str) else list(said or ())


def parse_registration(document: Any, context: Context, now: datetime) -> dict[str, Any]:
    """The registration with names as in the store. Raises `Invalid` naming the member that is wrong."""
    given = {
        name: value for name, value in _object(document, REGISTRATION).items() if name not in REGISTRATION_COUNTERS
    }
    _lifetime(given, now)
    information = given.get("information")
    if not isinstance(information, list) or not information:
        raise Invalid("information must be a list that is not empty", field="information")
    for index, part in enumerate(information):
        path = f"information[{index}]"
        if not isinstance(part, Mapping) or not any(
            part.get(n) for n in ("entities", "propertyNames", "relationshipNames")
        ):
            raise Invalid("needs entities, propertyNames or relationshipNames", field=path)
    check_registration(given)
    if not is_uri(given.get("endpoint")):
        raise Invalid("endpoint must be the URI of the context source", field="endpoint")
    if given.get("mode", "inclusive") not in MODES:
        raise Invalid(f"mode is one of {', '.join(MODES)}", field="mode")
    operations_of(given.get("operations", ()))
    _management(given)
    return registration_renamed(given, context.expand)


def _management(given: Mapping[str, Any]) -> None:
    """How the source wants to be asked: management (5.2.34)."""
    management = given.get("management", {})
    if not isinstance(management, Mapping):
        raise Invalid("management is an object (5.2.34)", field="management")
    for name in ("timeout", "cooldown"):
        if name in management and not positive(management[name]):
            raise Invalid(f"{name} is a number of milliseconds greater than 0", field=f"management.{name}")
    if not isinstance(management.get("localOnly", False), bool):
        raise Invalid("localOnly is true or false", field="management.localOnly")
    try:
        duration(str(management.get("cacheDuration", "PT1S")))
    except ValueError as error:
        raise Invalid(str(error), field="management.cacheDuration") from error


def patched(stored: Mapping[str, Any], fragment: Any) -> dict[str, Any]:
    """`stored` with the fragment's members (5.8.2.4, 5.9.3.4); null removes one. Raises `Invalid`."""
    if not isinstance(fragment, Mapping):
        raise Invalid("a fragment is a JSON object", field="$")
    result = dict(stored)
    for name, value in fragment.items():
        if name in ("id", "type") and value != stored.get(name):
            raise Invalid(f"{name} cannot be changed", field=name)
        if value is None or value == NULL:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def renamed(document: Mapping[str, Any], rename: Rename) -> dict[str, Any]:
    """The document with each entity type and attribute name as `rename` says."""
    result: dict[str, Any] = {}
    for name, value in document.items():
        if value is None or value == NULL:
            result[name] = value
        elif name in _NAME_LISTS and isinstance(value, list):
            result[name] = [rename(check_name(item, name)) for item in value]
        elif name == "entities":
            result[name] = [{**e, **({"type": _selection(e["type"], rename)} if "type" in e else {})} for e in value]
        elif name == "geoQ" and isinstance(value, Mapping) and "geoproperty" in value:
            result[name] = {**value, "geoproperty": rename(check_name(value["geoproperty"], "geoQ"))}
        elif name == "information":
            result[name] = [renamed(part, rename) for part in value]
        elif name == "notification":
            result[name] = renamed(value, rename)
        else:
            result[name] = value
    return result


def registration_renamed(document: Mapping[str, Any], rename: Rename) -> dict[str, Any]:
    """As `renamed`, and the names of the Context Source Properties too: they are terms as those of attributes are."""
    properties = {name if name in REGISTRATION_MEMBERS else rename(name): value for name, value in document.items()}
    return renamed(properties, rename)


def _selection(types: Any, rename: Rename) -> Any:
    """A type, a list of them, or a selection such as (A,B);C (4.17)."""
    if isinstance(types, list):
        return [rename(name) for name in types]
    return WORDS.sub(lambda word: rename(word[0]), types)


def _object(document: Any, kind: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise Invalid(f"a {kind} is a JSON object", field="$")
    # A null is not there (JSON-LD drops it).
    given = {n: value for n, value in document.items() if value is not None and n not in _OURS and n != "@context"}
    if given.get("type") != kind:
        raise Invalid(f"type must be {kind}", field="type")
    if "id" in given and (not is_uri(given["id"]) or given["id"] == NULL):
        raise Invalid("id must be a URI", field="id")
    return given


def _lifetime(given: Mapping[str, Any], now: datetime) -> None:
    if (text := given.get("expiresAt")) is not None and datetime.fromisoformat(parse_time(text, "expiresAt")) <= now:
        raise Invalid("expiresAt lies in the past", field="expiresAt")


def _queries(given: Mapping[str, Any], context: Context) -> None:
    q_of(given, context)
    csf_of(given, context)
    if "scopeQ" in given:
        compile_scope(given["scopeQ"])
    if (geo := given.get("geoQ")) is not None:
        geo_query(geo.get("georel"), geo.get("geometry"), geo.get("coordinates"), "location")


def _notification(notification: Any) -> None:
    if not isinstance(notification, Mapping):
        raise Invalid("notification must be an object with an endpoint", field="notification")
    endpoint = notification.get("endpoint")
    if endpoint is None:
        raise Invalid("endpoint must be an object with the URI of the receiver", field="notification.endpoint.uri")
    if is_mqtt(endpoint["uri"]):
        mqtt_endpoint(endpoint)
    if notification.get("format", "normalized") not in FORMATS:
        raise Invalid(f"format is one of {', '.join(FORMATS)}", field="notification.format")
    if "attributes" in notification and ("pick" in notification or "omit" in notification):
        raise Invalid("attributes excludes pick and omit", field="notification.attributes")
    if set(notification.get("pick", ())) & set(notification.get("omit", ())):
        raise Invalid("pick and omit name the same member", field="notification.omit")
    if notification.get("join", "@none") not in ("@none", "flat", "inline"):
        raise Invalid("join is flat, inline or @none", field="notification.join")
    level = notification.get("joinLevel", 1)
    if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= MAX_JOIN_LEVEL:
        raise Invalid(f"joinLevel is a whole number from 1 to {MAX_JOIN_LEVEL}", field="notification.joinLevel")
    if notification.get("showChanges") and notification.get("format") in ("simplified", "keyValues"):
        raise Invalid("showChanges is not for the simplified format", field="notification.showChanges")
