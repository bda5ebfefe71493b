"""What charging stations say, whichever version of OCPP they speak: what the central system hands to the books."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

FAMILY = "ev_charger"
"""The family of registered devices that are charging stations."""
UP_FILTER = "city/ev/+/up"

Registration = Literal["Accepted", "Pending", "Rejected"]
"""How a station that boots is answered (OCPP 1.6, 7.46): Pending waits for an officer's approval."""

TokenStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]
"""Whether a card may charge, in words that both versions know."""


def up_topic(station: str) -> str:
    """Where what the station said is published."""
    return f"city/ev/{station}/up"


class Booted(msgspec.Struct, frozen=True, kw_only=True):
    """A station has started (BootNotification)."""

    station: str
    protocol: str
    at: datetime
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


class StatusSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What state a connector is in; connector 0 is the station as a whole.

    `status` is one of OCPP 1.6's (4.9: Available, Preparing, Charging, SuspendedEV, SuspendedEVSE, Finishing, Reserved,
    Unavailable, Faulted) or 2.0.1's Occupied.
    """

    station: str
    connector: int
    status: str
    at: datetime
    error: str = "NoError"
    info: str = ""


class SessionSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What a station said of a transaction, or of a connector's meter outside of one (`transaction` None, updated).

    `transaction` is the station's own id (2.0.1) or the one that it was given (1.6); a start in 1.6 has none yet.
    `meter_wh` is the register's reading in watt hours, `power_w` the power imported in watts, `soc` the battery's state
    of charge in percent. `at` is the station's own time, also when it tells later what happened while it was `offline`.
    """

    station: str
    phase: Literal["started", "updated", "ended"]
    at: datetime
    connector: int | None = None
    transaction: str | None = None
    token: str | None = None
    meter_wh: float | None = None
    power_w: float | None = None
    soc: float | None = None
    charging: bool | None = None
    reason: str | None = None
    offline: bool = False


class ConnectionSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A station's connection is there, or gone."""

    station: str
    connected: bool
    at: datetime


class NeedsSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What the vehicle at a connector asks for (OCPP 2.0.1, K15): energy still wanted in watt hours, by when, and the
    most that it can take in watts; None where it does not say. It stands until the session ends or the vehicle leaves.
    """

    station: str
    connector: int
    at: datetime
    energy_wh: float | None = None
    departs_at: datetime | None = None
    most_w: float | None = None


class Variable(NamedTuple):
    """A key of 1.6's configuration or a variable of 2.0.1's device model; `value` None where it is not told.

    In 2.0.1 it is named ``Component[instance]@evse:connector.Variable[instance]``, each part where it has one.
    """

    name: str
    value: str | None
    writable: bool
    unit: str = ""


class VariablesSaid(msgspec.Struct, frozen=True, kw_only=True):
    """How a station is set up, or a part of it (GetConfiguration, GetVariables, NotifyReport)."""

    station: str
    at: datetime
    variables: tuple[Variable, ...]


class CertificateAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A station asks for a certificate over its own key (SignCertificate): a request in PEM (PKCS #10).

    None: what it asked for before `at` it has got.
    """

    station: str
    at: datetime
    request: str | None


StationSaid = Booted | StatusSaid | SessionSaid | ConnectionSaid | NeedsSaid | VariablesSaid | CertificateAsked


class Verdict(NamedTuple):
    """Whether a card may charge, and until when: a station that keeps cards must not let it in later."""

    status: TokenStatus = "Accepted"
    until: datetime | None = None


class Booked(NamedTuple):
    """What became of something said: the transaction, whether its card may charge, how the station stands here.

    `held`: its charging is steered by the city, because it belongs to a site.
    """

    transaction: str = ""
    card: Verdict = Verdict()
    registration: Registration = "Accepted"
    held: bool = False


VOLTS = 200.0
"""A phase of Japan's charging circuits: 200 V. Where a station takes its limits in amperes they follow from this."""
