"""The words for personal data: which kinds there are, what they may be wanted for, and how a data set is marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Category(NamedTuple):
    """A kind of personal data, in the words a person consents to. `sensitive`: 要配慮個人情報 (the act, 2(3))."""

    title: str
    title_en: str
    sensitive: bool = False


CATEGORIES: dict[str, Category] = {
    "contact": Category("氏名・連絡先", "Name and contact"),
    "location": Category("居場所(見守りタグの検知)", "Whereabouts (watch tag detections)"),
    "rides": Category("デマンドバスの予約・乗車", "Bus bookings and rides"),
    "points": Category("地域ポイントの残高・利用履歴", "Local points: balance and history"),
    "charging": Category("EV充電の記録", "Charging sessions"),
    "safety": Category("災害時の安否", "Safety in a disaster"),
    "appointments": Category("通院・福祉サービスの予約", "Medical and welfare appointments", sensitive=True),
    "health": Category("心身の状態・障害・病歴", "Health, disability, medical history", sensitive=True),
}
"""The kinds of personal data that this city OS can hold, by name. A service that brings another adds it here."""

PURPOSES: dict[str, tuple[str, str]] = {
    "family-watch": ("家族の見守り", "Watching over family"),
    "missing-person": ("行方不明者の捜索", "Finding a missing person"),
    "ride-booking": ("乗車の予約と運行", "Booking and running rides"),
    "clinic-visit": ("通院の送り迎え", "Rides to and from a clinic"),
    "points-wallet": ("ポイントの表示と利用", "Showing and using points"),
    "charging": ("充電と精算", "Charging and billing"),
    "safety-check": ("安否の確認", "Checking on safety"),
    "notification": ("本人・家族へのお知らせ", "Telling the person and family"),
    "own-access": ("本人による確認", "The person's own access"),
    "statistics": ("統計の作成", "Statistics"),
}
"""What personal data may be wanted for, by name: Japanese and English. A purpose not listed cannot be consented to."""


class Marking(StrEnum):
    """What a data set of the catalogue says of persons."""

    OPEN = "open"
    """Not about persons."""
    STATISTICAL = "statistical"
    """統計情報: counts of many; nobody in it can be told from another."""
    ANONYMISED = "anonymised"
    """匿名加工情報 / 行政機関等匿名加工情報: made from personal data by the rules of the act (articles 43, 109)."""
    PSEUDONYMISED = "pseudonymised"
    """仮名加工情報: still personal in whoever's hands the key is; never published."""
    PERSONAL = "personal"
    """個人情報: disclosed only through the consent gate."""


class About(NamedTuple):
    """Of an entity type about persons: the category of its data, and the Relationship that names the person."""

    category: str
    person: str = "person"


PERSONAL_ENTITIES: dict[str, About] = {
    "Person": About("contact", "id"),
    "DeviceMeasurement": About("location"),
    "EVChargingSession": About("charging"),
    "RideBooking": About("rides"),
    "PointAccount": About("points"),
}
"""Entity types about persons. The person is ``urn:ngsi-ld:Person:ID``; without one an entity is disclosed to nobody."""

MUNICIPALITY = "service:municipality"
"""The recipient of what an officer sees in an emergency; the officer themself stands beside it."""

PERSON_URN = "urn:ngsi-ld:Person:"
"""What stands before a person's id in the id of their entity."""


def about_of(types: Iterable[str]) -> About | None:
    """What makes an entity of these types personal, None where nothing does."""
    return next((PERSONAL_ENTITIES[name] for name in types if name in PERSONAL_ENTITIES), None)


def person_in(entity: Mapping[str, Any], about: About) -> str | None:
    """Whom an entity is about, None where it does not say (then it is given to nobody)."""
    member = entity.get(about.person)
    urn = member.get("object") if isinstance(member, Mapping) else member
    return urn.removeprefix(PERSON_URN) if isinstance(urn, str) and urn.startswith(PERSON_URN) else None
