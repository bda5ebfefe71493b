"""Which subscriptions context sources are asked to keep for ours (ETSI GS CIM 009, 5.8.1, 5.12). Pure.

A source of the present that takes `createSubscription`, registered in any mode but auxiliary, is subscribed to for
every subscription of ours that its entities may concern, as far as the owner may see them. What it then tells of the
attributes that it registered is told on (5.8.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from broker.federation.source import AUXILIARY, Share, Source, narrowed, share_of
from broker.subscriptions.matching import Asked, types_of
from broker.subscriptions.telling import visible

CREATE, DELETE = "createSubscription", "deleteSubscription"
_SAME = (
    "q",
    "expandValues",
    "jsonKeys",
    "scopeQ",
    "geoQ",
    "notificationTrigger",
    "throttling",
    "timeInterval",
    "expiresAt",
    "lang",
)
_TOLD_SAME = ("sysAttrs",)


def asked_of(doc: Mapping[str, Any], source: Source, now: datetime) -> dict[str, Any] | None:
    """The subscription that `source` is asked to keep for `doc`, without id and endpoint; None for none.

    Entities about persons are never asked for: whom a subscription is about is told to nobody. Nor is what came from a
    broker asked of that broker (its Via is kept with the subscription). `localOnly` (5.2.12) is about entities here.
    Whether the subscription's `csf` lets the source pass is for the caller to see.
    """
    if source.mode == AUXILIARY or not source.latest or not source.takes(CREATE):
        return None
    if "@v2" in doc or doc.get("localOnly") or "personal" in doc.get("@access", {}):
        return None
    if source.alias is not None and source.alias in doc.get("@via", ()):
        return None
    if any(until is not None and until <= now for until in (source.expires, _expiry(doc))):
        return None
    watched = doc.get("watchedAttributes")
    entities: list[dict[str, Any]] = []
    attributes: set[str] | None = set()
    for selector in doc.get("entities") or ({"type": "*"},):
        share = share_of(source, _question(selector, watched))
        if share is None or not (narrower := _selectors(doc, selector, share)):
            continue
        entities += narrower
        attributes = None if attributes is None or share.attributes is None else attributes | share.attributes
    if not entities:
        return None
    body: dict[str, Any] = {"type": "Subscription", "entities": entities}
    registered = None if attributes is None else frozenset(attributes)
    names = narrowed(watched, registered)
    if names is not None:
        body["watchedAttributes"] = list(names)
    body |= {name: doc[name] for name in _SAME if name in doc}
    said = doc["notification"]
    told = {name: said[name] for name in _TOLD_SAME if name in said}
    shown = narrowed(said.get("attributes"), registered)
    if shown is not None:
        told["attributes"] = list(shown)
    return {**body, "notification": {"format": "normalized", **told}}


def spoken(doc: Mapping[str, Any]) -> str | None:
    """The URI of the @context in which a source is asked for `doc`, and in which it tells: that of `q`, whose names are
    sent as they came; without one that of our own notifications."""
    uri: str | None = doc.get("@asked", {}).get("q")
    return uri or told_with(doc)


def told_with(doc: Mapping[str, Any]) -> str | None:
    """The URI of the @context of a subscription's own notifications."""
    uri = doc.get("jsonldContext", doc.get("@context"))
    return uri if isinstance(uri, str) else None


def _expiry(doc: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(doc["expiresAt"]) if "expiresAt" in doc else None


def _question(selector: Mapping[str, Any], watched: list[str] | None) -> Asked:
    said = selector.get("id")
    ids = [said] if isinstance(said, str) else said
    types = types_of(selector)
    return Asked(None if "*" in types else types, ids, selector.get("idPattern"), watched)


def _selectors(doc: Mapping[str, Any], selector: Mapping[str, Any], share: Share) -> list[dict[str, Any]]:
    """The selector for what the source has and the owner may see, one for each type."""
    types = types_of(selector)
    anything = "*" in share.types or not share.types
    if "*" in types:
        named = ["*"] if anything else sorted(share.types)
    else:
        named = [name for name in types if anything or name in share.types]
    only = doc.get("@access", {}).get("only")
    seen = [name for name in named if (name != "*" and visible(doc, [name])) or (name == "*" and only is None)]
    said = selector.get("id")
    ids = narrowed([said] if isinstance(said, str) else said, share.ids)
    more: dict[str, Any] = {"id": list(ids)} if ids else {}
    if not more and "idPattern" in selector:
        more = {"idPattern": selector["idPattern"]}
    return [{"type": name, **more} for name in seen]
