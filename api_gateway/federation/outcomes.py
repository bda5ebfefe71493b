"""What becomes of a write that several brokers do a part of, and how that is told (ETSI GS CIM 009, 5.2.16, 5.2.18)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.errors import problem
from api_gateway.federation.client import Question
from api_gateway.federation.forwarding import Distribution, Reply
from api_gateway.ngsi_ld.context import header
from api_gateway.ngsi_ld.writing import created, multi_status, no_content
from broker.errors import Conflict, NotFound
from broker.federation.dividing import Division, Names
from broker.federation.source import EXCLUSIVE, Share
from broker.jsonld.context import CORE, Context

Handler = Callable[[Request], Awaitable[Response]]
_DONE = (200, 201, 204)


class Operation(NamedTuple):
    """What tells one operation on an entity from another: its names in registrations (4.20) and what it is about."""

    names: tuple[str, ...]
    creates: bool = False
    nulls: bool = False
    attributes: bool = False
    """Answers say attribute by attribute what was done (5.2.18), not entity by entity (5.2.16)."""


class Failed(NamedTuple):
    """A part that was not done: why, by which registration (None: here), and which attributes."""

    why: Mapping[str, Any]
    registration: str | None
    names: Names


class Outcome(NamedTuple):
    """What became of all parts."""

    done: list[Names]
    failed: list[Failed]
    local: Response | None


async def everywhere(
    asked: Distribution,
    division: Division,
    here: Callable[[], Awaitable[Response]] | None,
    question: Callable[[Share, Names], Question],
    context: Context,
) -> Outcome:
    """Do what is left here, then ask the sources. Raises what is wrong with the request itself."""
    outcome = Outcome([], [], None)
    missing: list[Failed] = []
    path = asked.request.url.path
    for share, names in division.refused:
        error = Conflict(f"{share.source.id} holds this data and does not take the operation")
        outcome.failed.append(Failed(problem(error, path), share.source.id, names))
    if here is not None:
        try:
            local = await here()
            outcome = outcome._replace(local=local)
            outcome.done.append(division.names)
        except (NotFound, Conflict) as error:
            failed = Failed(problem(error, path), None, division.names)
            (missing if isinstance(error, NotFound) else outcome.failed).append(failed)
    parts = {share.source.id: names for share, names in division.sent}
    linked = context if header(asked.request, b"link") is not None else CORE
    replies = await asked.ask(
        [share for share, _ in division.sent], lambda share: question(share, parts[share.source.id]), linked
    )
    for reply in replies:
        _settle(outcome, reply, parts[reply.share.source.id], path)
    exclusively = any(share.source.mode == EXCLUSIVE for share, _ in division.sent)
    # What somebody else holds exclusively need not be known here as well.
    if not (exclusively and outcome.done):
        outcome.failed.extend(missing)
    return outcome


def _settle(outcome: Outcome, reply: Reply, names: Names, path: str) -> None:
    source = reply.share.source.id
    if reply.answer is None:
        assert reply.error is not None
        outcome.failed.append(Failed(problem(reply.error, path), source, names))
    elif reply.answer.status in _DONE:
        outcome.done.append(names)
    else:
        outcome.failed.append(Failed(reported(reply), source, names))


def reported(reply: Reply) -> dict[str, Any]:
    """What a source says went wrong, as problem details."""
    assert reply.answer is not None
    said = reply.answer.content if isinstance(reply.answer.content, Mapping) else {}
    text = {name: said[name] for name in ("type", "title", "detail") if isinstance(said.get(name), str)}
    title = "Done in part" if reply.answer.status == 207 else "The context source refused"
    return {"type": "about:blank", "title": title, **text, "status": reply.answer.status}


def answer(outcome: Outcome, entity_id: str, operation: Operation, context: Context) -> Response:
    """All done: as if it had been done here. One part only, and not done: its problem. Else both, in a 207."""
    partial = outcome.local is not None and outcome.local.status_code == 207
    if not outcome.failed and not partial:
        if operation.creates:
            return created(f"/ngsi-ld/v1/entities/{quote(entity_id, safe=':')}")
        return outcome.local or no_content()
    if not outcome.done and len(outcome.failed) == 1 and outcome.failed[0].why["status"] != 207:
        document = outcome.failed[0].why
        return Response(orjson.dumps(document), document["status"], media_type="application/problem+json")
    if operation.attributes:
        return multi_status(_by_attribute(outcome, context))
    errors = [
        {"entityId": entity_id, **({"registrationId": f.registration} if f.registration else {}), "error": f.why}
        for f in outcome.failed
    ]
    return multi_status({"success": [entity_id] if outcome.done else [], "errors": errors})


def _by_attribute(outcome: Outcome, context: Context) -> dict[str, Any]:
    """An UpdateResult (5.2.18)."""
    said: Any = {}
    if outcome.local is not None and outcome.local.status_code == 207:
        said = orjson.loads(outcome.local.body)
    refused = list(said.get("notUpdated", ()))
    bad = {entry["attributeName"] for entry in refused}
    updated = {context.compact(name) for names in outcome.done for name in names or ()} - bad
    for failed in outcome.failed:
        why = str(failed.why.get("detail") or failed.why["title"])
        by = {"registrationId": failed.registration} if failed.registration else {}
        refused += [{"attributeName": context.compact(n), "reason": why, **by} for n in sorted(failed.names or ())]
    return {"updated": sorted(updated), "notUpdated": refused}
