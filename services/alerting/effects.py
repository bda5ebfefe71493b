"""What a batch has led to, gathered gauge by gauge before any of it is written."""

from __future__ import annotations

from typing import NamedTuple

from schemas.river import Stage
from services.alerting.memory import Held
from services.alerting.readings import Judged
from services.alerting.state import Decision, Kind, Outcome


class Move(NamedTuple):
    """A gauge and a decision that moved its stage."""

    gauge: Held
    decision: Decision


class Effects:
    """Decisions and marks in order, and the gauges whose assessment or stored state is another one now.

    `silent` are those among them (entity ids) that do not report: what a person says of them does not change that.
    """

    def __init__(self) -> None:
        self.decisions: list[tuple[str, Decision]] = []
        self.marks: list[tuple[str, Judged]] = []
        self.moves: list[Move] = []
        self.suspects: list[Move] = []
        self.changed: dict[str, Held] = {}
        self.to_save: dict[str, Held] = {}
        self.removals: list[tuple[str, float]] = []
        self.silent: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.to_save)

    def add(self, gauge: Held, outcome: Outcome) -> None:
        """Take note of what one reading of `gauge` led to."""
        entity_id = gauge.key.entity_id
        if outcome.changed:
            self.changed[entity_id] = gauge
        if outcome.changed or outcome.marks:
            self.to_save[entity_id] = gauge
        self.marks.extend((entity_id, mark) for mark in outcome.marks)
        for decision in outcome.decisions:
            self.decisions.append((entity_id, decision))
            if decision.kind in (Kind.RAISE, Kind.LOWER):
                self.moves.append(Move(gauge, decision))
            elif decision.kind is Kind.SUSPECT:
                self.suspects.append(Move(gauge, decision))

    def removed(self, gauge: Held, at: float, outcome: Outcome) -> None:
        """The reading of `gauge` at `at` was taken out, which led to `outcome`.

        The state is stored even if the assessment is the same: history cannot tell later that it must not have it.
        """
        entity_id = gauge.key.entity_id
        self.removals.append((entity_id, at))
        self.marks = [(other, mark) for other, mark in self.marks if (other, mark.reading.at) != (entity_id, at)]
        if outcome.state is not gauge.state:
            self.show(gauge)

    def removed_at(self, gauge: Held) -> float:
        """The time of the latest reading of `gauge` that was taken out (POSIX seconds); minus infinity if none was."""
        return max((at for entity_id, at in self.removals if entity_id == gauge.key.entity_id), default=float("-inf"))

    def show(self, gauge: Held) -> None:
        """Rules, thresholds or what was measured have changed: the gauge's entity and its stored state show them."""
        self.changed[gauge.key.entity_id] = gauge
        self.to_save[gauge.key.entity_id] = gauge

    def returned(self, gauge: Held) -> None:
        """A gauge that was silent has reported: its entity shows its stage again."""
        head = gauge.state.head
        decision = Decision(
            kind=Kind.RETURNED,
            at=head.at,
            before=Stage.UNKNOWN,
            after=head.stage,
            why="reported-again",
            rules=gauge.rules.version,
            inputs={"level": head.level},
        )
        self.decisions.append((gauge.key.entity_id, decision))
        self.show(gauge)
