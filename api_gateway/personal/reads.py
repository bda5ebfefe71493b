"""Entities about persons through the open API: each only on a ground of the act, for the purpose that is stated.

Deny stays the rule: the policy refuses personal types to everybody. A caller with the scope personal:read that states
its purpose (header CityOS-Purpose) comes here instead, and gets those entities that the consent gate lets through;
of the others it is not told that they exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.requests import Request

from access.consent import Disclosure
from access.personal import PERSON_URN, PERSONAL_ENTITIES, PURPOSES, About, about_of, person_in
from access.policy import Action
from access.seeing import Asks
from api_gateway.audit import PURPOSE_HEADER
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import NotSupported
from api_gateway.personal.desk import desk_of, recipient_of
from broker.errors import Forbidden, Invalid, NotFound
from broker.ports import Transaction
from broker.store.reading import Document, Selection, Where, documents


def _may_ask(request: Request, caller: Caller) -> bool:
    """Whether the caller may ask at all. What another city delegated to read never includes its residents' data."""
    own = caller.tenant == caller.city
    return own and gate_of(request).may(caller, Action.READ, "service:personal").allowed


def asks_personal(request: Request, caller: Caller, types: Iterable[str] | None) -> bool:
    """Whether the question is about personal types and the caller may ask it.

    Raises `NotSupported` for personal and other types in one query, `Invalid` without a stated purpose.
    """
    named = set(types or ())
    personal = named & PERSONAL_ENTITIES.keys()
    if not personal or not _may_ask(request, caller):
        return False
    if named != personal:
        raise NotSupported("ask for personal types and for others in separate requests")
    if request.headers.get(PURPOSE_HEADER) not in PURPOSES:
        said = ", ".join(sorted(PURPOSES))
        raise Invalid(
            f"personal data are given for a stated purpose: CityOS-Purpose is one of {said}", field="CityOS-Purpose"
        )
    return True


def demand_asks(request: Request, caller: Caller, types: Iterable[str] | None, asks: Asks) -> None:
    """Raise `Forbidden` where a query of personal types asks by attributes that are hidden from the caller: which
    entities it finds would tell their values."""
    gate = gate_of(request)
    for name in sorted(types or ()):
        hidden = gate.hidden(caller, [name])
        if asks.touches(hidden):
            asked = sorted(asks.every.union(*asks.some) & hidden)
            raise gate.refusal(caller, gate.may(caller, Action.READ, name, asked[0]))


async def demand_document(
    request: Request, caller: Caller, document: Document, unknown: str, tx: Transaction | None = None
) -> None:
    """Return if the caller may read the entity; a personal one passes the consent gate, and that is booked in `tx`.

    Raises as `Gate.demand_entity`; `NotFound` in the words of `unknown` for a concealed entity or one without a ground:
    they must be the words for an entity that does not exist.
    """
    gate, about = gate_of(request), about_of(document.type)
    passing = about is not None and _may_ask(request, caller)
    try:
        gate.demand_entity(caller, document, PERSONAL_ENTITIES.keys() if passing else ())
        if about is None or not passing:
            return
        person = person_in(orjson.loads(document.text), about)
        asked = disclosure(request, caller, about, person or "", document.id)
        if tx is not None:
            await desk_of(request).gate.disclose(tx, asked)
            return
        async with gateway_of(request).database.transaction(caller.tenant) as own:
            await desk_of(request).gate.disclose(own, asked)
    except NotFound as error:
        raise NotFound(unknown) from error
    except (Forbidden, Invalid) as error:
        if about is None or not passing:
            raise
        raise NotFound(unknown) from error


def same_matter(one: Document, other: Document) -> bool:
    """Whether both are of the same types and about the same person: who may read one may read the other."""
    about = about_of(one.type)
    if set(one.type) != set(other.type):
        return False
    return about is None or person_in(orjson.loads(one.text), about) == person_in(orjson.loads(other.text), about)


def disclosure(request: Request, caller: Caller, about: About, person: str, reference: str) -> Disclosure:
    """The question that a read of `person`'s entity is."""
    subject = caller.subject
    return Disclosure(
        tenant=caller.tenant,
        person=person,
        recipient=recipient_of(subject),
        category=about.category,
        purpose=request.headers.get(PURPOSE_HEADER, ""),
        at=gateway_of(request).clock(),
        by=subject.id if subject.kind == "person" else "",
        reference=reference,
    )


async def permitted(request: Request, tx: Transaction, caller: Caller, selection: Selection) -> Selection:
    """`selection`, whose types are all personal, less the entities of persons without a ground."""
    gate = desk_of(request).gate
    pieces: list[str] = []
    values: list[Any] = []
    for name in selection.types or ():
        about = PERSONAL_ENTITIES[name]
        persons = await gate.permitted_among(tx, disclosure(request, caller, about, "", ""))
        place = "id" if about.person == "id" else f"doc -> '{about.person}' ->> 'object'"
        pieces.append(f"(first_type = {{{len(values)}}}::text and {place} = any({{{len(values) + 1}}}::text[]))")
        values += [name, [PERSON_URN + person for person in sorted(persons)]]
    where = Where(" or ".join(pieces), tuple(values))
    return selection._replace(only_types=None, never_types=(), where=(*selection.where, where))


async def sees_event(request: Request, caller: Caller, entity_id: str, types: Iterable[str]) -> bool:
    """Whether a change of this personal entity may be sent to the caller now; booked. Judged anew for each event."""
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        document = (await documents(tx, [entity_id])).get(entity_id)
        if document is None or set(types) - PERSONAL_ENTITIES.keys():
            return False
        return bool(await book(request, tx, caller, [document]))


async def book(request: Request, tx: Transaction, caller: Caller, shown: Iterable[Document]) -> list[Document]:
    """Note the disclosure of every entity that is about to be shown, in the transaction that read it.

    Each is judged once more by itself; one without a ground of its own (of several types, say) is left out.
    """
    kept = []
    for document in shown:
        about = about_of(document.type)
        person = about and person_in(orjson.loads(document.text), about)
        if about is None or person is None:
            continue
        asked = disclosure(request, caller, about, person, document.id)
        if (await desk_of(request).gate.tell(tx, asked)).allowed:
            kept.append(document)
    return kept
