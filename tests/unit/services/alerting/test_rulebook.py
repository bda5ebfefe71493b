"""A rules file says where it is wrong, and what holds for one gauge is what it and the profile say together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.errors import Invalid
from schemas.device import Crisis, DeviceProfile
from schemas.river import Mode, Quality, Stage, Thresholds, Trend
from services.alerting.neighbours import Neighbour, hear
from services.alerting.rulebook import SilenceSection, dump_rules, load_rules
from services.alerting.silence import silent_from
from services.alerting.state import Note

NOON = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)
PROFILE = DeviceProfile(stages={"standby": 1.0, "caution": 1.4, "evacuation": None, "danger": 2.0})


def test_the_file_that_is_shipped_is_the_default_and_names_the_stages() -> None:
    shipped = load_rules(Path("deploy/rules/default.yaml").read_text("utf-8"))
    plain = load_rules("")
    assert shipped.for_gauge("1", PROFILE).quality == plain.for_gauge("1", PROFILE).quality
    assert shipped.document.mode is Mode.ACTUAL
    assert shipped.name(Stage.DANGER).ja == "氾濫危険水位"
    assert set(shipped.document.labels) == set(Stage) - {Stage.NONE, Stage.UNKNOWN, Stage.BELOW}


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("raise: {consecutive: 0}", "raise.consecutive", "greater than or equal to 1"),
        ("raise: {consecutiv: 2}", "raise.consecutiv", "not permitted"),
        ("gauges: {124: {stages: {danger: 1, caution: 2}}}", "gauges.124", "danger is 1.0 m but caution"),
        ("gauges: {124: {lower: {margin_m: x}}}", "gauges.124.lower.margin_m", "valid number"),
        ("gauges: {124: {lower: {margin_m: .nan}}}", "gauges.124.lower.margin_m", "finite"),
        ("gauges: [1]", "gauges", "valid dictionary"),
        ("labels: {flood: {ja: 洪水, en: flood}}", "labels.flood", "Input should be"),
        ("stages: {danger: 2}", "rules", "gauges.<station id>.stages"),
        ("quality: {valid_range_m: [3, 1]}", "quality", "the lower end comes first"),
        ("mode: real", "mode", "'actual', 'exercise' or 'test'"),
        ("- 1", "rules", "mapping"),
        ("a: [", "rules", "not YAML"),
    ],
)
def test_a_wrong_file_names_the_path(text: str, field: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        load_rules(text)
    assert caught.value.field == field or str(caught.value.field).startswith(field + ".")
    assert says in str(caught.value)


def test_a_gauge_of_its_own_keeps_what_it_does_not_say() -> None:
    book = load_rules("lower: {margin_m: 0.3}\ngauges: {124: {lower: {dwell_min: 60}, stages: {danger: 2.5}}}")
    own, other = book.for_gauge("124", PROFILE), book.for_gauge("9", PROFILE)
    assert (own.margin, own.dwell, own.steps) == (0.3, 3600, ((2.5, 4),))
    assert (other.margin, other.dwell, other.steps) == (0.3, 1800, ((2.0, 4), (1.4, 2), (1.0, 1)))


def test_the_device_says_its_range_and_the_rules_may_say_better() -> None:
    profile = DeviceProfile(valid_range={"waterLevel": (-2.0, 8.0)})
    assert load_rules("").for_gauge("1", profile).quality.high == 8.0
    assert load_rules("quality: {valid_range_m: [-1, 6]}").for_gauge("1", profile).quality.high == 6.0


def test_a_version_is_the_meaning_not_the_spelling() -> None:
    first, second = load_rules("lower: {margin_m: 0.2}"), load_rules("lower:\n  margin_m: 0.20  # 20 cm\n")
    assert first.digest == second.digest != load_rules("").digest
    assert load_rules(dump_rules(first)).digest == first.digest


def test_thresholds_know_what_is_not_set() -> None:
    assert Thresholds().stage(99.0) is Stage.NONE
    assert Thresholds(danger=2.0).stage(1.9) is Stage.BELOW
    assert Thresholds(caution=1.0, danger=2.0).stage(1.9) is Stage.CAUTION
    assert Thresholds(standby=-0.5).stage(-0.4) is Stage.STANDBY


def test_an_ordinary_gauge_is_silent_after_missed_reports() -> None:
    rules = SilenceSection()
    assert silent_from(DeviceProfile(), 0.5, NOON, rules) == NOON + timedelta(minutes=40)
    assert silent_from(DeviceProfile(report_interval_s=3600), 0.5, NOON, rules) == NOON + timedelta(hours=3)


def test_a_crisis_gauge_is_silent_by_its_mode() -> None:
    profile = DeviceProfile(crisis=Crisis(threshold=1.0))
    assert silent_from(profile, 0.2, NOON, SilenceSection()) == NOON + timedelta(days=3)
    assert silent_from(profile, 1.2, NOON, SilenceSection()) == NOON + timedelta(minutes=40)


def neighbour(rank: int, trend: Trend, at: float = 0.0, quality: Quality = Quality.GOOD) -> Neighbour:
    return Neighbour(at, rank, trend, quality)


def test_neighbours() -> None:
    quiet, rising, high = neighbour(0, Trend.STEADY), neighbour(0, Trend.RISING), neighbour(2, Trend.FALLING)
    assert hear([quiet, rising], 60.0, 5400) is Note.ENDORSED
    assert hear([high], 60.0, 5400) is Note.ENDORSED
    assert hear([quiet, quiet], 60.0, 5400) is Note.DOUBTED
    assert hear([quiet], 60.0, 5400) is None
    assert hear([quiet, quiet, neighbour(0, Trend.UNKNOWN)], 60.0, 5400) is None
    assert hear([rising], 99999.0, 5400) is None
    assert hear([neighbour(4, Trend.RISING, quality=Quality.SUSPECT)], 60.0, 5400) is None
