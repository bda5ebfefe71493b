"""From detections on the log to presence: cells joined, tracks folded, families told, in the batch's transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from broker.ports import Record, Transaction
from broker.store.accounting import DUPLICATE, RECEIVED, STORED, Ledger, rejected_as
from broker.store.retention import cutoffs
from broker.veil import Veil
from schemas.clock import Clock
from schemas.detection import ROTATING, Detection
from schemas.observation import Reason, Received, decode_arrival
from services.presence import store
from services.presence.places import Fences
from services.presence.settings import TagsSettings
from services.presence.store import SQL, Noted, Watched
from services.presence.telling import Teller
from services.presence.track import Cell, State, Step, Watch, cell_of, fold, join, window_start


class _Heard(NamedTuple):
    arrival: Received
    detection: Detection


class Presence:
    """`handle` is a `broker.consume.Handle`: one transaction, which may run again for the same records."""

    def __init__(self, veil: Veil, settings: TagsSettings, teller: Teller, clock: Clock) -> None:
        self._veil, self._settings, self._teller, self._clock = veil, settings, teller, clock
        self._template = Watch(Fences({}), settings.window_s, settings.unseen_after_s, settings.dwell_s)

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """Count every detection once; keep those of registered tags only."""
        heard: defaultdict[str, list[_Heard]] = defaultdict(list)
        for record in records:
            arrival = decode_arrival(record.value)
            if isinstance(arrival, Received):
                heard[arrival.tenant] += [_Heard(arrival, one) for one in arrival.detections]
        ledger = Ledger()
        for tenant, ones in sorted(heard.items()):
            if ones and (number := await tx.fetchval(SQL["number"], tenant)) is not None:
                await self._hear(tx, ledger, tenant, number, ones)
        await ledger.save(tx)

    async def _hear(self, tx: Transaction, ledger: Ledger, tenant: str, number: int, heard: Sequence[_Heard]) -> None:
        oldest = (await self._oldest(tx)).get(number)
        young = [one for one in heard if oldest is None or one.detection.observed_at >= oldest]
        for arrival, seen in heard:
            ledger.add(tenant, seen.device, arrival.received_at, RECEIVED)
            if oldest is not None and seen.observed_at < oldest:
                ledger.add(tenant, seen.device, arrival.received_at, rejected_as(Reason.TIME_TOO_OLD))
        tags = await self._registered(tx, number, [one.detection for one in young])
        await self._count(tx, tenant, number, tags, [one.detection for one in young])
        new = await self._present(tx, tenant, number, tags, [one.detection for one in young])
        for arrival, seen in young:
            key = (tags.get((seen.epoch, seen.tag), ""), cell_of(seen, self._settings.window_s))
            fresh = not key[0] or new[key] > 0
            new[key] -= 1 if key[0] else 0
            ledger.add(tenant, seen.device, arrival.received_at, STORED if fresh else DUPLICATE)

    async def _oldest(self, tx: Transaction) -> dict[int, datetime]:
        """Before when each tenant's detections are dropped already: nothing that old is taken in again."""
        return {one.tenant_id: one.before for one in await cutoffs(tx, "tag_cell", self._clock())}

    async def _count(
        self,
        tx: Transaction,
        tenant: str,
        number: int,
        tags: Mapping[tuple[int, str], str],
        seen: Sequence[Detection],
    ) -> None:
        """For the open counts of each detector and hour."""
        rows = {
            (one.device, one.observed_at.replace(minute=0, second=0, microsecond=0), name)
            for one in seen
            if (name := self._counted_as(tenant, tags, one)) is not None
        }
        if rows:
            await store.make_days(tx, "tag_flow", number, sorted({hour.date() for _, hour, _ in rows}))
            await tx.execute(SQL["hear"], number, *(list(column) for column in zip(*sorted(rows), strict=True)))

    def _counted_as(self, tenant: str, tags: Mapping[tuple[int, str], str], seen: Detection) -> str | None:
        """One name for one tag in an hour, or a crowd would be told where one child sits.

        A tag that changes its name is counted by its registration, and not at all where it has none: its names cannot
        be told from those of others.
        """
        if not seen.rotating:
            return seen.tag
        tag = tags.get((seen.epoch, seen.tag))
        return None if tag is None else self._veil.pseudonym(tenant, f"{ROTATING}{tag}", seen.epoch)

    async def _registered(self, tx: Transaction, number: int, seen: Sequence[Detection]) -> dict[tuple[int, str], str]:
        names = sorted({(one.epoch, one.tag) for one in seen})
        epochs, pseudonyms = [epoch for epoch, _ in names], [tag for _, tag in names]
        rows = await tx.fetch(SQL["known"], number, epochs, pseudonyms)
        return {(row["epoch"], row["pseudonym"]): row["tag_id"] for row in rows}

    async def _present(
        self,
        tx: Transaction,
        tenant: str,
        number: int,
        tags: Mapping[tuple[int, str], str],
        seen: Sequence[Detection],
    ) -> Counter[tuple[str, Cell]]:
        """Join the cells, fold the tracks and tell of them. How often each cell brought something new."""
        fresh: defaultdict[str, list[Cell]] = defaultdict(list)
        for one in seen:
            if tag := tags.get((one.epoch, one.tag)):
                fresh[tag].append(cell_of(one, self._settings.window_s))
        if not fresh:
            return Counter()
        await tx.execute(SQL["begin"], number, sorted(fresh), store.encode(State()))
        rows = await tx.fetch(SQL["lock"], number, sorted(fresh))
        settled = {row["tag_id"]: store.decode_state(row["settled"]) for row in rows}
        starts = await self._starts(tx, number, settled, fresh)
        kept = await store.load_cells(
            tx, number, {tag: state.window + 1 for tag, state in starts.items()}, self._settings.window_s
        )
        watched = await store.load_watched(tx, self._veil, tenant, number, sorted(fresh), self._template)
        new: Counter[tuple[str, Cell]] = Counter()
        changed: dict[str, list[Cell]] = {}
        tracks: dict[str, list[Step]] = {}
        for tag, cells in fresh.items():
            joined, changed[tag] = _join_all(tag, kept[tag], cells, new)
            if changed[tag] and tag in watched:
                tracks[tag] = fold(starts[tag], joined, watched[tag].watch)
        days = {window_start(cell.window, self._settings.window_s).date() for own in changed.values() for cell in own}
        await store.make_days(tx, "tag_cell", number, sorted(days))
        await store.save_cells(tx, number, changed, self._settings.window_s)
        await self._save(tx, number, starts, tracks)
        await self._note(tx, tenant, number, starts, tracks, watched)
        return new

    async def _starts(
        self, tx: Transaction, number: int, settled: Mapping[str, State], fresh: Mapping[str, Sequence[Cell]]
    ) -> dict[str, State]:
        """From which state each track is folded: from the settled one, or for a late report from its day's first."""
        earliest = {tag: min(cell.window for cell in cells) for tag, cells in fresh.items()}
        late = {tag: window for tag, window in earliest.items() if window <= settled[tag].window}
        days = {tag: window_start(window, self._settings.window_s).date() for tag, window in late.items()}
        known = await store.load_checkpoints(tx, number, days) if days else {}
        return {tag: settled[tag] if tag not in late else known[tag][1] if tag in known else State() for tag in fresh}

    async def _save(
        self, tx: Transaction, number: int, starts: Mapping[str, State], tracks: Mapping[str, Sequence[Step]]
    ) -> None:
        """The newest state, the one before its window, and the state with which each new day began."""
        rows, days = [], []
        for tag, steps in sorted(tracks.items()):
            if not steps:
                continue
            states = [starts[tag], *(step.state for step in steps)]
            rows.append((tag, store.encode(states[-2]), store.encode(states[-1])))
            for before, after in pairwise(states):
                began = window_start(after.window, self._settings.window_s).date()
                if before.window < 0 or window_start(before.window, self._settings.window_s).date() < began:
                    days.append((tag, began, store.encode(before)))
        if rows:
            await tx.execute(SQL["save"], number, *(list(column) for column in zip(*rows, strict=True)))
        if days:
            await tx.execute(SQL["save_days"], number, *(list(column) for column in zip(*days, strict=True)))

    async def _note(
        self,
        tx: Transaction,
        tenant: str,
        number: int,
        starts: Mapping[str, State],
        tracks: Mapping[str, Sequence[Step]],
        watched: Mapping[str, Watched],
    ) -> None:
        """Events are what the fold says: new ones are noted and told, those that no longer hold are withdrawn."""
        found = {
            Noted(tag, one.kind, one.place, one.at, one.window)
            for tag, steps in tracks.items()
            for step in steps
            for one in step.happenings
        }
        since = [starts[tag].window + 1 for tag in tracks]
        rows = await tx.fetch(SQL["events_since"], number, list(tracks), since)
        known = {(row["tag_id"], row["kind"], row["place"], row["at"]): row["withdrawn_at"] for row in rows}
        gone = [key for key, withdrawn in known.items() if withdrawn is None and key not in {n[:4] for n in found}]
        if gone:
            columns = (list(column) for column in zip(*sorted(gone), strict=True))
            await tx.execute(SQL["withdraw"], number, *columns, self._clock())
        if fresh := sorted(one for one in found if one[:4] not in known or known[one[:4]] is not None):
            await self._teller.note(tx, tenant, number, fresh, watched)


def _join_all(
    tag: str, kept: Sequence[Cell], fresh: Sequence[Cell], new: Counter[tuple[str, Cell]]
) -> tuple[list[Cell], list[Cell]]:
    """All cells with the fresh ones joined in, and those of them that changed."""
    cells = {(cell.window, cell.detector): cell for cell in kept}
    changed: dict[tuple[int, str], Cell] = {}
    for cell in fresh:
        key = (cell.window, cell.detector)
        whole = join(cells[key], cell) if key in cells else cell
        if whole != cells.get(key):
            new[tag, cell] += 1
            cells[key] = changed[key] = whole
    return list(cells.values()), list(changed.values())
