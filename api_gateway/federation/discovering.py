"""Which types and attributes there are at the context sources (ETSI GS CIM 009, 5.7.5 to 5.7.10; 5.2.24 to 5.2.28)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request

from api_gateway.auth import Caller
from api_gateway.errors import SourceFailed
from api_gateway.federation.client import Question
from api_gateway.federation.forwarding import Reply, distribution
from api_gateway.federation.gating import of_readable
from api_gateway.ngsi_ld.snapshot_header import snapshot_said
from broker.entities.parse import check_name
from broker.errors import Invalid
from broker.federation.source import Share
from broker.jsonld.context import Context
from broker.subscriptions.matching import Asked

_MOST_NAMES = 10_000


class Seen(NamedTuple):
    """What a source says of one type or attribute: names as in the store. `entities`: how many, where it says so."""

    types: frozenset[str]
    attributes: Mapping[str, frozenset[str]]
    """Their kinds (Property …) by name; empty where the source does not say."""
    entities: int = 0


class Heard(NamedTuple):
    """What all the sources say, and the warnings of those that said nothing."""

    seen: list[Seen]
    warnings: list[tuple[bytes, bytes]]


async def types_elsewhere(request: Request, caller: Caller, context: Context, *, details: bool) -> Heard:
    """The types that sources have, with `details` each with its attributes."""
    operation = "retrieveEntityTypeDetails" if details else "retrieveEntityTypes"
    parameters = [("details", "true")] if details else []
    question = Question("GET", "/types", parameters, {})
    return await _hear(request, caller, Asked(), operation, question, context)


async def type_elsewhere(request: Request, caller: Caller, context: Context, name: str) -> Heard:
    """What sources know of one type."""
    question = Question("GET", f"/types/{_in_path(name, context)}", [], {})
    return await _hear(request, caller, Asked(types=[name]), "retrieveEntityTypeInfo", question, context)


async def attributes_elsewhere(request: Request, caller: Caller, context: Context) -> Heard:
    """The attributes that sources have, each with the types that have it: without these nobody knows who may see it."""
    question = Question("GET", "/attributes", [("details", "true")], {})
    return await _hear(request, caller, Asked(), "retrieveAttrTypeDetails", question, context)


async def attribute_elsewhere(request: Request, caller: Caller, context: Context, name: str) -> Heard:
    """What sources know of one attribute."""
    question = Question("GET", f"/attributes/{_in_path(name, context)}", [], {})
    return await _hear(request, caller, Asked(attributes=[name]), "retrieveAttrTypeInfo", question, context)


async def _hear(
    request: Request, caller: Caller, about: Asked, operation: str, question: Question, context: Context
) -> Heard:
    if snapshot_said(request) is not None:
        return Heard([], [])  # what sources knew when it was made is in it
    asked = of_readable(await distribution(request, caller, about), about.types)
    if asked is None:
        return Heard([], [])
    replies = await asked.ask(asked.shares, lambda s: question if s.source.takes(operation) else None, context)
    seen: list[Seen] = []
    for place, reply in enumerate(replies):
        try:
            seen += [_only(one, reply.share) for one in _read(reply, context)]
        except (Invalid, SourceFailed, TypeError, KeyError) as error:
            replies[place] = Reply(reply.share, None, SourceFailed(f"{reply.share.source.id}: {error}"))
    return Heard(seen, asked.warnings(replies))


def _in_path(name: str, context: Context) -> str:
    return quote(context.compact(name), safe=":")


def _read(reply: Reply, context: Context) -> Iterable[Seen]:
    """What an answer says. Raises for one that is not what was asked for."""
    if reply.answer is None or reply.answer.status == 404:
        return []
    if reply.answer.status != 200:
        raise SourceFailed(f"it answered {reply.answer.status}")
    content = reply.answer.content
    if isinstance(content, Mapping) and "typeList" in content:
        return [Seen(frozenset([name]), {}) for name in _names(content["typeList"], context)]
    listed = content if isinstance(content, list) else [content]
    if len(listed) > _MOST_NAMES or not all(isinstance(one, Mapping) for one in listed):
        raise SourceFailed("its answer is no list of types or attributes")
    return [_of_attribute(one, context) if "attributeName" in one else _of_type(one, context) for one in listed]


def _of_type(said: Mapping[str, Any], context: Context) -> Seen:
    kinds = {name: frozenset[str]() for name in _names(said.get("attributeNames", []), context)}
    for detail in said.get("attributeDetails", ()):
        (name,) = _names([detail["attributeName"]], context)
        kinds[name] = frozenset(_texts(detail.get("attributeTypes", [])))
    return Seen(frozenset(_names([said["typeName"]], context)), kinds, _count(said.get("entityCount", 0)))


def _of_attribute(said: Mapping[str, Any], context: Context) -> Seen:
    (name,) = _names([said["attributeName"]], context)
    kinds = frozenset(_texts(said.get("attributeTypes", [])))
    return Seen(
        frozenset(_names(said.get("typeNames", []), context)), {name: kinds}, _count(said.get("attributeCount", 0))
    )


def _names(said: Any, context: Context) -> list[str]:
    return [context.expand(check_name(name, "name")) for name in _texts(said)]


def _texts(said: Any) -> list[str]:
    if not isinstance(said, list) or len(said) > _MOST_NAMES or not all(isinstance(one, str) for one in said):
        raise SourceFailed("its answer has no list of names where one belongs")
    return said


def _count(said: Any) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or said < 0:
        raise SourceFailed("its answer counts in something else than whole numbers")
    return said


def _only(seen: Seen, share: Share) -> Seen:
    """None but what the registration is about."""
    types = seen.types if "*" in share.types or not share.types else seen.types & share.types
    if share.attributes is None:
        return seen._replace(types=types)
    names = share.attributes
    return seen._replace(types=types, attributes={n: kinds for n, kinds in seen.attributes.items() if n in names})
