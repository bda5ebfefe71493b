"""Subscriptions of NGSIv2: the same as those of NGSI-LD, in its words and with its notifications."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.params import pattern_blamed
from api_gateway.ngsi_ld.subscriptions import access_of
from api_gateway.ngsi_ld.writing import Writing, no_content
from api_gateway.ngsi_v2.asking import answer, body_of, only, options_of, page_of, service_path, subscribing
from broker.errors import Invalid, NotFound
from broker.jsonld.context import CORE
from broker.ngsi_v2.query import parse_v2_expression
from broker.ngsi_v2.subscriptions import parse_v2_subscription
from broker.store import subscriptions as store
from broker.store.subscriptions import ENTITIES, KeptSubscription
from broker.subscriptions.documents import parse_subscription
from schemas.clock import iso

_URN = "urn:ngsi-ld:Subscription:"
_OURS = ("timesSent", "lastNotification", "lastSuccess", "lastFailure", "failsCounter")


async def create(request: Request) -> Response:
    """Subscribe."""
    only(request, "options")
    ask = await subscribing(request)
    options_of(request.query_params, "skipInitialNotification")
    id_ = secrets.token_hex(12)
    doc = _checked(ask, await body_of(ask), _URN + id_)
    await _save(ask, doc, new=True)
    return Response(status_code=201, headers={"Location": f"/v2/subscriptions/{id_}"})


def _checked(ask: Writing, body: Any, id_: str) -> dict[str, Any]:
    now = ask.gateway.clock()
    doc = parse_v2_subscription(body, id_, service_path(ask.request))
    path = doc["@service_path"]
    if path not in ("", "/", "/#"):
        doc["scopeQ"] = path
    # Once more as the subscription that it is: endpoint, expiry, selectors.
    parse_subscription({name: value for name, value in doc.items() if not name.startswith("@")}, CORE, now)
    return {**doc, "@context": CORE.given, "@access": access_of(ask, doc)}


async def _save(ask: Writing, doc: dict[str, Any], *, new: bool) -> None:
    query = parse_v2_expression(doc.get("@expression", {}))
    write = store.create_subscription if new else store.change_subscription
    with pattern_blamed("subject.condition.expression"):
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            await store.check_paths(tx, query.paths if query else ())
            await write(tx, ENTITIES, doc, ask.gateway.clock())


async def _one(ask: Writing) -> KeptSubscription:
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        found = await store.subscriptions(tx, ENTITIES, _URN + ask.request.path_params["id"])
    if not found or "@v2" not in found[0].doc:
        raise NotFound("The requested subscription has not been found. Check id")
    return found[0]


async def retrieve(request: Request) -> Response:
    """One subscription."""
    only(request)
    ask = await subscribing(request)
    return answer(_shown(await _one(ask), ask.gateway.clock()))


async def query(request: Request) -> Response:
    """A page of the subscriptions that were made through NGSIv2."""
    only(request, "limit", "offset", "options")
    ask = await subscribing(request)
    options_of(request.query_params, "count")
    page = page_of(request.query_params)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        every = await store.subscriptions(tx, ENTITIES, limit=1_000_000)
    mine = [one for one in every if "@v2" in one.doc]
    now = ask.gateway.clock()
    headers = {"Fiware-Total-Count": str(len(mine))} if page.counted else {}
    return answer([_shown(one, now) for one in mine[page.offset : page.offset + page.limit]], headers)


async def change(request: Request) -> Response:
    """Change some members of a subscription."""
    only(request)
    ask = await subscribing(request)
    body = await body_of(ask)
    if not isinstance(body, Mapping):
        raise Invalid("the body is an object with the members to be changed", field="$")
    kept = await _one(ask)
    whole = {name: value for name, value in {**kept.doc["@v2"], **body}.items() if name != "id"}
    await _save(ask, _checked(ask, whole, kept.id), new=False)
    return no_content()


async def delete(request: Request) -> Response:
    """Forget a subscription."""
    only(request)
    ask = await subscribing(request)
    kept = await _one(ask)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.delete_subscription(tx, ENTITIES, kept.id)
    return no_content()


def _shown(kept: KeptSubscription, now: datetime) -> dict[str, Any]:
    said = kept.doc["@v2"]
    notification = {k: v for k, v in said["notification"].items() if k not in _OURS}
    notification.setdefault("attrsFormat", "normalized")
    if kept.times_sent or kept.times_failed:
        notification["timesSent"] = kept.times_sent + kept.times_failed
    for name, at in (("lastNotification", kept.last_notification), ("lastSuccess", kept.last_success),
                     ("lastFailure", kept.last_failure)):  # fmt: skip
        if at is not None:
            notification[name] = iso(at)
    expired = "expiresAt" in kept.doc and datetime.fromisoformat(kept.doc["expiresAt"]) <= now
    status = "expired" if expired else "active" if kept.active else "inactive"
    if status == "active" and kept.status == "failed":
        status = "failed"
    return {**said, "status": status, "notification": notification}
