"""A municipality's rules as people write them: one YAML or JSON document, checked as a whole when it is loaded.

The document is data: names and colours of stages by year, thresholds that differ from the device's profile, margins
and dwells. `docs/rules.md` explains it to those who write it. `Rulebook.for_gauge` gives the flat form that the pure
rules take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from broker.errors import Invalid
from schemas.device import DeviceProfile
from schemas.river import STAGE_NAMES, Mode, Name, Stage, Thresholds, parse_thresholds
from services.alerting.quality import QualityRules
from services.alerting.rules import GaugeRules

Metres = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class RaiseSection(_Section):
    """When a stage below danger is raised. Danger needs no second reading."""

    consecutive: int = Field(default=2, ge=1, le=10, description="readings at or above the stage, one after another")
    patience_min: Positive = Field(default=20, description="after a gap longer than this one reading is enough")
    fast_rise_m_per_10min: Positive = Field(
        default=0.3, description="after a rise as fast as this one reading is enough"
    )


class LowerSection(_Section):
    """When a stage is lowered."""

    margin_m: NotNegative = Field(default=0.1, description="how far below the threshold the level must be")
    dwell_min: NotNegative = Field(default=30, description="for how long")


class TrendSection(_Section):
    """Rising, steady, falling."""

    span_min: Positive = Field(default=30, description="compared with the reading this long ago")
    steady_m: NotNegative = Field(default=0.03, description="changes up to this are steady")
    longest_gap_h: Positive = Field(default=3, description="with nothing newer than this the trend is unknown")


class QualitySection(_Section):
    """What makes a value 要確認 or 異常. None of these silences an alarm."""

    valid_range_m: tuple[Metres, Metres] | None = Field(
        default=None, description="outside: 異常. None: the device's own range"
    )
    max_change_m_per_10min: Positive = Field(
        default=2.5, description="faster: 要確認 until a second reading or neighbour agrees"
    )
    agree_m: Positive = Field(default=0.5, description="how near a second reading must be to agree")
    spike_m: Positive = Field(
        default=0.5, description="a lone reading this far from both its neighbours in time is a spike"
    )
    flat_band_m: NotNegative = Field(
        default=0.15, description="above a stage: moving less than this for flat_above_h is 要確認"
    )
    flat_above_h: Positive = Field(default=24)
    flat_below_d: Positive = Field(
        default=30, description="below all stages: not moving at all for so many days is 要確認"
    )
    stays_above_h: Positive = Field(default=72, description="above a stage for longer than this is 要確認")
    ahead_s: Positive = Field(default=120, description="a device's clock may be ahead of ours by this")
    neighbour_age_min: Positive = Field(default=90, description="how old a neighbour's last reading may be to count")

    @model_validator(mode="after")
    def _in_order(self) -> QualitySection:
        if self.valid_range_m and self.valid_range_m[0] >= self.valid_range_m[1]:
            raise ValueError("valid_range_m: the lower end comes first")
        return self


class SilenceSection(_Section):
    """When a gauge is silent, by its own way of reporting."""

    missed_reports: int = Field(default=3, ge=1, le=100, description="reports missed one after another")
    at_least_min: Positive = Field(default=30, description="but never sooner than this after a report was due")


class AlertSection(_Section):
    """What becomes an alert for the public, and who signs it."""

    from_stage: Literal["standby", "caution", "evacuation", "danger"] = Field(default="caution")
    sender: str = Field(
        default="flood@city.example",
        pattern=r"^[^\s,<&]+$",
        description="the sender of CAP messages: an address or domain",
    )
    sender_name: str = Field(default="水位監視（都市OS）")
    sender_name_en: str = Field(default="River level monitoring (city OS)")
    radius_km: Positive = Field(default=2, description="the circle around the gauge that a message is about")


class Label(_Section):
    """How a stage is shown this year: names, a colour, and the 警戒レベル it corresponds to, if any."""

    ja: str = Field(min_length=1)
    en: str = Field(min_length=1)
    colour: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    warning_level: int | None = Field(default=None, ge=1, le=5)


class GaugeSection(_Section):
    """The rules that a gauge may have of its own; what it does not say is as for all."""

    raise_: RaiseSection = Field(default=RaiseSection(), alias="raise")
    lower: LowerSection = LowerSection()
    trend: TrendSection = TrendSection()
    quality: QualitySection = QualitySection()
    silence: SilenceSection = SilenceSection()
    stages: dict[Literal["standby", "caution", "evacuation", "danger"], Metres | None] | None = None

    @model_validator(mode="after")
    def _stages_rise(self) -> GaugeSection:
        parse_thresholds(self.stages)
        return self


class RulesDocument(GaugeSection):
    """The whole document. `gauges` is by station id: the last part of the gauge's entity id."""

    name: str = Field(default="既定", description="for people")
    mode: Mode = Field(default=Mode.ACTUAL, description="本番 actual, 訓練 exercise, テスト test")
    alerts: AlertSection = AlertSection()
    labels: dict[Stage, Label] = {}
    gauges: dict[str, dict[str, Any]] = {}

    @model_validator(mode="after")
    def _no_stages_for_all(self) -> RulesDocument:
        if self.stages is not None:
            raise ValueError("stages belong to one gauge: write them under gauges.<station id>.stages")
        return self


class Rulebook:
    """A checked document with its version. Two documents that mean the same have the same digest."""

    def __init__(self, document: RulesDocument, number: int = 0) -> None:
        self.document = document
        self.number = number
        self.digest = hashlib.sha256(document.model_dump_json(by_alias=True).encode()).hexdigest()[:12]
        base = document.model_dump(include=set(GaugeSection.model_fields), by_alias=True, mode="json")
        self._gauges = {station: _own(base, own, station) for station, own in document.gauges.items()}

    @property
    def version(self) -> str:
        """Number and digest: stands in every decision."""
        return f"{self.number}-{self.digest}"

    def section(self, station: str) -> GaugeSection:
        """The rules as they hold for one station."""
        return self._gauges.get(station, self.document)

    def thresholds(self, station: str, profile: DeviceProfile) -> Thresholds:
        """The gauge's stages: those of the rules where they name any, else those of its profile."""
        own = self.section(station).stages
        return parse_thresholds(profile.stages if own is None else own)

    def for_gauge(self, station: str, profile: DeviceProfile) -> GaugeRules:
        """The flat form for one gauge. Raises ValueError when the profile's stages are not usable."""
        section = self.section(station)
        return GaugeRules(
            version=self.version,
            steps=self.thresholds(station, profile).steps(),
            consecutive=section.raise_.consecutive,
            patience=max(section.raise_.patience_min * 60, 1.5 * min(profile.report_interval_s, 1200)),
            fast_rise=section.raise_.fast_rise_m_per_10min,
            margin=section.lower.margin_m,
            dwell=section.lower.dwell_min * 60,
            trend_span=section.trend.span_min * 60,
            trend_band=section.trend.steady_m,
            trend_gap=section.trend.longest_gap_h * 3600,
            quality=_quality(section.quality, profile),
        )

    def name(self, stage: Stage) -> Name:
        """The stage's names as this year's labels have them, else as the law has them."""
        label = self.document.labels.get(stage)
        return Name(label.ja, label.en) if label else STAGE_NAMES[stage]


def _quality(section: QualitySection, profile: DeviceProfile) -> QualityRules:
    usual = QualityRules()
    low, high = section.valid_range_m or profile.valid_range.get("waterLevel") or (usual.low, usual.high)
    return QualityRules(
        low=low,
        high=high,
        max_change=section.max_change_m_per_10min,
        agree=section.agree_m,
        spike=section.spike_m,
        flat_band=section.flat_band_m,
        flat_above=section.flat_above_h * 3600,
        flat_below=section.flat_below_d * 86400,
        stays_above=section.stays_above_h * 3600,
        ahead=section.ahead_s,
    )


def load_rules(text: str, number: int = 0) -> Rulebook:
    """Rules from YAML (or JSON, which is YAML). Raises `Invalid` whose field is the path of the first fault."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(f"the rules are not YAML: {error}", field="rules") from error
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise Invalid(f"the rules must be a mapping of names to values, not {type(data).__name__}", field="rules")
    return parse_rules(data, number)


def parse_rules(data: Mapping[str, Any], number: int = 0) -> Rulebook:
    """Rules from plain data. Raises `Invalid` like `load_rules`."""
    keyed = {**data, "gauges": {str(k): v for k, v in data["gauges"].items()}} if _has_gauges(data) else data
    try:
        return Rulebook(RulesDocument.model_validate(keyed), number)
    except ValidationError as error:
        raise _invalid(error, "") from error


def dump_rules(book: Rulebook) -> str:
    """The document as JSON, as it is stored."""
    return book.document.model_dump_json(by_alias=True, exclude_unset=True)


def _has_gauges(data: Mapping[str, Any]) -> bool:
    return isinstance(data.get("gauges"), Mapping)


def _own(base: Mapping[str, Any], own: Mapping[str, Any], station: str) -> GaugeSection:
    merged = {
        name: {**base[name], **value} if isinstance(value, Mapping) and isinstance(base.get(name), Mapping) else value
        for name, value in {**base, **own}.items()
    }
    try:
        return GaugeSection.model_validate(merged)
    except ValidationError as error:
        raise _invalid(error, f"gauges.{station}.") from error


def _invalid(error: ValidationError, prefix: str) -> Invalid:
    faults = error.errors(include_url=False, include_context=False)
    path = prefix + ".".join(str(part) for part in faults[0]["loc"])
    shown = repr(faults[0]["input"])
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    message = f"{path.rstrip('.') or 'rules'}: {faults[0]['msg']}; it is {shown[:100]}{more}"
    return Invalid(message, field=path.rstrip(".") or "rules")
