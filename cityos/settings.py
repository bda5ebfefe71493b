"""Every setting, read once from the environment (`CITYOS_<GROUP>_<NAME>`), checked, frozen and passed down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from adapters.ev_charger.settings import ChargersSettings
from adapters.mqtt.settings import BrokerClientSettings, EndpointSettings
from api_gateway.settings import GatewaySettings, MapSettings
from broker.errors import Invalid
from broker.ingest.settings import IntakeSettings
from broker.log.settings import KafkaSettings
from broker.store.settings import KeeperSettings
from cityos.environment import PREFIX, check_names, read_environment
from services.alerting.settings import AlertingSettings
from services.charging.settings import ChargingSettings
from services.dispatch.settings import DispatchSettings
from services.evacuation.settings import EvacuationSettings
from services.forecast.settings import ForecastSettings
from services.notify.settings import NotifySettings
from services.points.settings import PointsSettings
from services.presence.settings import TagsSettings


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CitySettings(_Group):
    """The city itself."""

    tenant: str = Field("fukui", description="the tenant used where none is named")
    folder: Path = Field(Path("var/city"), description="where one machine keeps its database, keys and logs")


class DatabaseSettings(_Group):
    """Where PostgreSQL is. Unset on one machine: an embedded server is started."""

    url: str = Field("", description="as the schema's owner, for migrations")
    system_url: str = Field("", description="as cityos_system: writer and services")
    app_url: str = Field("", description="as cityos_app: the gateway, held to one tenant by row-level security")
    tail_url: str = Field("", description="as cityos_tail: the gateway's event streams, which read only the log")


class LogSettings(_Group):
    """Which log carries the stream."""

    driver: Literal["postgres", "kafka"] = Field("postgres", description="the log's driver")
    partitions: int = Field(4, gt=0, le=256, description="partitions of each topic; fixed once records exist")


class TelemetrySettings(_Group):
    """Traces, metrics and logs. Works with no collector."""

    otlp_endpoint: str = Field("", description="where traces go (OTLP over HTTP); none are exported when empty")
    metrics_host: str = Field("127.0.0.1", description="address on which this role's /metrics and /health listen")
    metrics_port: int = Field(0, ge=0, description="port of this role's /metrics; 0 lets the system choose")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least severe line logged")
    log_file_mb: int = Field(
        10, gt=0, description="a role's log file is set aside at this size, in MB; four older ones are kept"
    )


class Settings(BaseModel):
    """All groups."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    city: CitySettings = CitySettings()
    database: DatabaseSettings = DatabaseSettings()
    log: LogSettings = LogSettings()
    kafka: KafkaSettings = KafkaSettings()
    intake: IntakeSettings = IntakeSettings()
    keeper: KeeperSettings = KeeperSettings()
    mqtt: EndpointSettings = EndpointSettings()
    bridge: BrokerClientSettings | None = None
    gateway: GatewaySettings = GatewaySettings()
    map: MapSettings = MapSettings()
    alerting: AlertingSettings = AlertingSettings()
    evacuation: EvacuationSettings = EvacuationSettings()
    forecast: ForecastSettings = ForecastSettings()
    notify: NotifySettings = NotifySettings()
    dispatch: DispatchSettings = DispatchSettings()
    points: PointsSettings = PointsSettings()
    tags: TagsSettings = TagsSettings()
    chargers: ChargersSettings = ChargersSettings()
    charging: ChargingSettings = ChargingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()


def variables() -> Iterable[tuple[str, Any]]:
    """Every variable's name with its pydantic field; a field marked `exclude` follows from other settings."""
    for group, field in Settings.model_fields.items():
        for name, inner in _model_of(field).model_fields.items():
            if not (_is_group(inner) or inner.exclude):
                yield f"{PREFIX}{group}_{name}".upper(), inner


def load_settings(source: Mapping[str, str], running: Path | None = None) -> Settings:
    """Read and check the environment. Raises `Invalid` naming the variable that is wrong, and why."""
    values = read_environment(source, running)
    check_names(values, (name for name, _ in variables()))
    nested: dict[str, dict[str, Any]] = {}
    for variable, value in values.items():
        group, _, name = variable.removeprefix(PREFIX).lower().partition("_")
        nested.setdefault(group, {})[name] = _split(group, name, value)
    try:
        return Settings.model_validate(nested)
    except ValidationError as error:
        raise _wrong(error.errors()[0], values) from error


def _wrong(error: ErrorDetails, values: Mapping[str, str]) -> Invalid:
    """One line for what pydantic found: the variable, why, and what it is unless it is a secret."""
    variable = PREFIX + "_".join(str(part) for part in error["loc"][:2]).upper()
    why = error["msg"].removeprefix("Value error, ")
    field = dict(variables()).get(variable)
    secret = field is None or SecretStr in (field.annotation, *get_args(field.annotation))
    shown = f" (it is {values[variable]!r})" if variable in values and not secret else ""
    name = variable if field is not None else f"{variable}_…"
    return Invalid(f"{name}: {why}{shown}", field=variable)


@contextmanager
def naming_the_variable(group: str) -> Iterator[None]:
    """In the block an `Invalid` about a field of this group's names the variable behind it."""
    try:
        yield
    except Invalid as error:
        if error.field not in _model_of(Settings.model_fields[group]).model_fields:
            raise
        variable = f"{PREFIX}{group}_{error.field}".upper()
        raise Invalid(f"{variable}: {error}", field=variable) from error


def _model_of(field: FieldInfo) -> type[BaseModel]:
    """The group behind a field of `Settings`, also where it may be left out as a whole."""
    candidates = get_args(field.annotation) or (field.annotation,)
    return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _split(group: str, name: str, value: str) -> Any:
    """A setting that is a tuple is written with commas."""
    if get_origin(_model_of(Settings.model_fields[group]).model_fields[name].annotation) is tuple:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value
