"""What is known of a data set, and what of the common ones is known beforehand. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from access.defaults import PERSONAL_TYPES
from access.personal import Marking

LICENSE = "https://creativecommons.org/licenses/by/4.0/legalcode.ja"
"""政府標準利用規約 2.0 is compatible with it; the licence of open data unless the city says otherwise."""


class Described(NamedTuple):
    """What the city says of a data set (the entities of `type`). `interval_s`: how often each is expected to change."""

    type: str
    title: str
    title_en: str
    description: str
    owner: str
    contact: str
    license: str
    area: str
    marking: str
    interval_s: int | None
    keywords: tuple[str, ...]


class Figures(NamedTuple):
    """What the data themselves tell. `fresh`: entities that changed within twice the interval expected.

    `box` is west, south, east, north in degrees (JGD2011), None where nothing has a place.
    """

    entities: int = 0
    since: datetime | None = None
    latest: datetime | None = None
    fresh: int = 0
    box: tuple[float, float, float, float] | None = None


class Flow(NamedTuple):
    """One line of the data map (データマップ): who gives to or takes from a data set, how, and how much.

    `kind` is device, service, app, subscription or government; `way` is feeds or takes; `amount` is devices,
    subscriptions or calls in the last thirty days.
    """

    type: str
    way: str
    kind: str
    name: str
    how: str
    amount: int | None = None


class DataSet(NamedTuple):
    """A data set as the catalogue shows it."""

    described: Described
    figures: Figures
    flows: tuple[Flow, ...] = ()
    stated: bool = False
    """Whether the city has said what it is."""

    @property
    def type(self) -> str:
        return self.described.type

    @property
    def freshness(self) -> float | None:
        """The share of its entities that are as new as expected; None where nothing is expected."""
        if self.described.interval_s is None or not self.figures.entities:
            return None
        return self.figures.fresh / self.figures.entities


class _Known(NamedTuple):
    title: str
    title_en: str
    description: str
    interval_s: int | None
    keywords: tuple[str, ...]


_KNOWN = {
    "WaterObserved": _Known("河川水位", "River levels", "水位計ごとの現在の水位と状態", 600, ("河川", "水位", "防災")),
    "FloodMonitoring": _Known(
        "洪水の危険度", "Flood assessments", "水位から判定した段階(氾濫注意水位など)", 600, ("洪水", "防災")
    ),
    "Alert": _Known("警報・お知らせ", "Alerts", "発表中と過去の警報", None, ("警報", "防災")),
    "WeatherObserved": _Known("気象観測", "Weather", "雨量・気温などの観測値", 600, ("気象", "雨量")),
    "DamObserved": _Known("ダム諸量", "Dams", "貯水位・流入量・放流量・貯水量", 600, ("ダム", "防災")),
    "FloodNotice": _Known(
        "洪水の通知", "Flood notices", "洪水予報・水位周知・水防警報・放流通知", None, ("洪水", "防災")
    ),
    "CrowdFlowObserved": _Known("人の流れ", "Crowd flow", "場所ごとの人数の集計", 3600, ("人流", "統計")),
    "EVChargingStation": _Known("EV充電器", "EV chargers", "充電器の場所と空き", 300, ("EV", "交通")),
    "Vehicle": _Known("バスの車両", "Vehicles", "運行中の車両の位置", 60, ("交通", "バス")),
    "PointOfInterest": _Known("施設", "Places", "公共施設などの場所", None, ("施設",)),
    "GtfsStop": _Known("バス停", "Stops", "停留所の場所と名前", None, ("交通", "GTFS")),
    "GtfsRoute": _Known("バスの路線", "Routes", "路線", None, ("交通", "GTFS")),
    "GtfsTrip": _Known("バスの便", "Trips", "便", None, ("交通", "GTFS")),
}

SERVICES = (
    Flow("WaterObserved", "takes", "service", "洪水の見守り (alerting)", "変化の列 (stream)"),
    Flow("FloodMonitoring", "feeds", "service", "洪水の見守り (alerting)", "NGSI-LD"),
    Flow("Alert", "feeds", "service", "洪水の見守り (alerting)", "NGSI-LD"),
    Flow("Alert", "takes", "service", "通知 (notifier)", "変化の列 (stream)"),
    Flow("FloodMonitoring", "takes", "service", "デマンドバス (dispatch)", "変化の列 (stream)"),
)
"""What the city's own services take and give."""


def undescribed(type_: str, owner: str) -> Described:
    """A data set of which the city has said nothing yet."""
    known = _KNOWN.get(type_, _Known(type_.rpartition("/")[2], "", "", None, ()))
    marking = Marking.PERSONAL if type_ in PERSONAL_TYPES else Marking.OPEN
    marking = Marking.STATISTICAL if type_ == "CrowdFlowObserved" else marking
    return Described(
        type_, known.title, known.title_en, known.description, owner, "", LICENSE, owner, marking.value,
        known.interval_s, known.keywords,
    )  # fmt: skip
