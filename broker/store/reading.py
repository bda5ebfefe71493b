"""Reading entities and their history as one tenant (row-level security shows no other's)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from access.reach import Reaches
from broker.ports import Transaction
from broker.query.bound import Bound
from broker.sql import load
from schemas.clock import iso
from schemas.device import expected_next, parse_profile

_SQL = load("broker.store", "reading")


class Document(NamedTuple):
    """An entity as it is stored: `text` is the normalized NGSI-LD JSON, ready to be sent."""

    id: str
    type: list[str]
    text: str
    created_at: datetime
    modified_at: datetime
    stamps: str = "{}"
    """When attributes changed, as JSON (see the column)."""
    deleted_at: datetime | None = None


def columns_of(documents: Sequence[Document]) -> list[list[Any]]:
    """Entities as statements take them: ids, types, texts, stamps, times of creation and change."""
    return [
        [document.id for document in documents],
        [" ".join(document.type) for document in documents],
        [document.text for document in documents],
        [document.stamps for document in documents],
        [document.created_at for document in documents],
        [document.modified_at for document in documents],
    ]


class Where(NamedTuple):
    """A further condition: SQL with {0}, {1} … for its parameters. What a stranger sent is only in `values`.

    `bounds`: what attributes' values must lie within for it to hold (`broker.store.values`).
    """

    sql: str
    values: tuple[Any, ...]
    bounds: tuple[Bound, ...] = ()


def in_box(west: float, south: float, east: float, north: float) -> Where:
    """What may lie in the box, in degrees, by the index on positions: of a shape its middle does not tell."""
    sql = "(lon between {0}::float8 and {1}::float8 and lat between {2}::float8 and {3}::float8) or shaped"
    return Where(sql, (west, east, south, north))


def unhidden(name: str, hidden: Mapping[str, frozenset[str]], first: int = 0) -> Where:
    """The condition that no type of the entity hides the attribute that the SQL `name` says; its parameters are
    numbered from `first` on.

    `hidden` holds what each type hides, and under ``*`` what every type hides that it does not name (see
    `access.seeing.hidden_by_type`).
    """
    sql: list[str] = []
    values: list[list[str]] = []
    for type_, names in hidden.items():
        if names:
            place, listed = f"{{{first + len(values)}}}", f"{{{first + len(values) + 1}}}"
            own = f"not entity.type <@ {place}::text[]" if type_ == "*" else f"entity.type && {place}::text[]"
            sql.append(f"not ({own} and {name} = any({listed}::text[]))")
            values += [sorted(hidden.keys() - {"*"}) if type_ == "*" else [type_], sorted(names)]
    return Where(" and ".join(sql) or "true", tuple(values))


def has_seen(names: Iterable[str], hidden: Mapping[str, frozenset[str]]) -> Where:
    """The condition that the entity has one of these attributes that its types do not hide (see `unhidden`)."""
    seen = unhidden("n.name", hidden, 1)
    sql = f"exists (select from unnest({{0}}::text[]) n (name) where doc ? n.name and {seen.sql})"
    return Where(sql, (sorted(names), *seen.values))


PRESENT, EVER, FROZEN, FROZEN_EVER = "entity", "entity_ever", "entity_in_snapshot", "evolution_in_snapshot"
"""Among which entities is selected: those there are, deleted ones too, those of the snapshot that is in use, or those
of which it holds a history."""
AT_HAND = _SQL["at_hand"]
"""Or those of `Selection.at_hand`, as several brokers together know them."""


class Selection(NamedTuple):
    """Which entities: every condition that is not None must hold.

    `types`, `ids` and `attributes` each mean any of them. `id_pattern` is a POSIX extended regular expression found
    anywhere in the id (ETSI GS CIM 009, 4.9). `only_types` are the types that may be seen: all of an
    entity's types must be among them; none may be in `never_types`. `among`: `PRESENT`, `EVER`, `FROZEN` …,
    or `AT_HAND` with the entities in `at_hand`, as `columns_of` has them.
    With `reaches` some may be seen in certain places only: `broker.store.reach.settled` makes conditions of that, and
    until then nothing is read.
    """

    types: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    id_pattern: str | None = None
    attributes: tuple[str, ...] | None = None
    only_types: tuple[str, ...] | None = None
    never_types: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()
    order: str = "id"
    order_values: tuple[Any, ...] = ()
    among: str = PRESENT
    at_hand: Sequence[Any] = ()
    reaches: Reaches | None = None

    def parameters(self) -> list[Any]:
        # "(?e)" makes PostgreSQL read a POSIX ERE: no back references, no look-around, so it runs as an automaton.
        pattern = None if self.id_pattern is None else f"(?e){self.id_pattern}"
        return [self.types, self.ids, pattern, self.attributes, self.only_types, self.never_types]


async def documents(tx: Transaction, ids: Sequence[str], *, lock: bool = False) -> dict[str, Document]:
    """The entities among `ids` that exist; with `lock` nobody else changes them until the transaction ends."""
    rows = await tx.fetch(_SQL["lock" if lock else "documents"], list(ids))
    return {row["id"]: Document(*row.values()) for row in rows}


async def documents_ever(tx: Transaction, ids: Sequence[str]) -> dict[str, Document]:
    """The entities among `ids` that exist or did before they were deleted."""
    return {row["id"]: Document(*row.values()) for row in await tx.fetch(_SQL["documents_ever"], list(ids))}


async def select(tx: Transaction, selection: Selection, *, limit: int, offset: int) -> list[Document]:
    """A page of the entities selected, in order of id. Raises `Invalid` for a pattern that is none."""
    name = "of_any_type" if selection.types is None else "of_types"
    if selection.order != "id":
        name = "ordered"
    statement, values = _statement(name, selection, 8)
    rows = await tx.fetch(statement, *selection.parameters(), limit, offset, *values)
    return [Document(*row.values()) for row in rows]


async def count(tx: Transaction, selection: Selection) -> int:
    """How many entities are selected."""
    name = "count_of_any_type" if selection.types is None else "count_of_types"
    statement, values = _statement(name, selection, 6)
    return int(await tx.fetchval(statement, *selection.parameters(), *values))


async def candidates(tx: Transaction, selection: Selection, attribute: str) -> list[tuple[str, str]]:
    """Of every entity selected that has the attribute: its id and the attribute as JSON text."""
    name = "candidates_of_any_type" if selection.types is None else "candidates_of_types"
    there = Where("doc ? {0}::text", (attribute,))
    statement, values = _statement(name, selection._replace(where=(*selection.where, there)), 6)
    rows = await tx.fetch(statement, *selection.parameters(), *values)
    return [(row["id"], row["value"]) for row in rows]


async def placed(tx: Transaction, selection: Selection) -> list[tuple[str, str]]:
    """Of every entity selected: its id, and its location and scopes as JSON text."""
    name = "placed_of_any_type" if selection.types is None else "placed_of_types"
    statement, values = _statement(name, selection, 6)
    rows = await tx.fetch(statement, *selection.parameters(), *values)
    return [(row["id"], row["value"]) for row in rows]


class AttributeUse(NamedTuple):
    """An attribute as entities of these types have it: its kinds (Property …) and in how many entities."""

    types: list[str]
    name: str
    kinds: list[str]
    entities: int


async def attributes(tx: Transaction, type_: str | None, among: str = PRESENT) -> list[AttributeUse]:
    """The attributes present, of entities of one type or of all. `among`: as in `Selection`."""
    rows = await tx.fetch(_SQL["attributes"].format(entities=among), type_)
    return [AttributeUse(row["type"], row["name"], row["kinds"], row["count"]) for row in rows]


async def count_of_type(tx: Transaction, type_: str) -> int:
    """How many entities have the type."""
    return int(await tx.fetchval(_SQL["count_of_type"], type_))


async def types(tx: Transaction, among: str = PRESENT) -> list[str]:
    """The names of all entity types present. `among`: as in `Selection`."""
    return [row["name"] for row in await tx.fetch(_SQL["types"].format(entities=among))]


async def devices(
    tx: Transaction, now: datetime, *, after: str, limit: int, status: str | None = None
) -> list[dict[str, Any]]:
    """Registered devices in order of id, after the id `after`; without their secrets.

    `overdue` says that an approved device has let a whole interval pass beyond when it should have been heard (a
    crisis-management gauge: its quiet interval); null for one that was never heard.
    """
    rows = await tx.fetch(_SQL["devices"], after, limit, status)
    return [_device(row, now) for row in rows]


def _device(row: Any, now: datetime) -> dict[str, Any]:
    profile, seen = json.loads(row["profile"]), row["lastSeen"]
    return {
        **row,
        "profile": profile,
        "createdAt": iso(row["createdAt"]),
        "lastSeen": iso(seen) if seen else None,
        "overdue": _overdue(profile, seen, now) if seen and row["status"] == "approved" else None,
    }


def _overdue(profile: Any, seen: datetime, now: datetime) -> bool | None:
    try:
        due = expected_next(parse_profile(profile), None, seen)
    except ValueError:
        return None
    return now > due + (due - seen)


def _statement(name: str, selection: Selection, used: int) -> tuple[str, list[Any]]:
    """The named statement with the selection's further conditions, and their parameters in order."""
    if selection.reaches is not None:
        raise RuntimeError("where the entities selected may lie has not been settled")
    values: list[Any] = []
    conditions = []
    for condition in selection.where:
        names = [f"${used + len(values) + index + 1}" for index in range(len(condition.values))]
        conditions.append(f"and ({condition.sql.format(*names)})")
        values += condition.values
    order = selection.order
    if name == "ordered":
        order = order.format(*(f"${used + len(values) + index + 1}" for index in range(len(selection.order_values))))
        values += selection.order_values
    entities = selection.among.format(*(f"${used + len(values) + n + 1}" for n in range(len(selection.at_hand))))
    filters = _SQL["filters"].format(more="\n    ".join(conditions))
    attribute = f"${used + len(values)}" if values else ""
    values += selection.at_hand
    return _SQL[name].format(entities=entities, filters=filters, order=order, attribute=attribute), values
