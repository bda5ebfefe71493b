"""Commands to stations, in the city's words, as requests of either version; and whether the answer means done. Pure.

`remote-start` {connector, token, watts}, `remote-stop` {transaction}, `reset` {kind, connector (2.0.1)}, `unlock`
{connector}, `trigger` {message, connector}, `availability` {connector, operative}, `get-configuration` {keys},
`set-configuration` {key, value}, `limit` {connector, watts, transaction}, `clear-limit` {connector}, `schedule`
{connector, seconds, unit}, `reserve` {connector, token, number, until}, `cancel-reservation` {number}, `local-list`
{version, tokens, whole}, `local-list-version`, `clear-cache`, `diagnostics` {url}, `log` {url, kind, since, until},
`firmware` {url, at, install, certificate, signature}, `data-transfer` {vendor, message, data}, `certificate` {chain}
(that the station asked for), `trust` {certificate, kind}, `trusted` {kind}, `distrust` {algorithm, issuerName,
issuerKey, serial}. Without keys `get-configuration` asks a station of 2.0.1 for its whole device model (or the part
that `report` names), which it tells in NotifyReport; its variables are named as `schemas.charging.Variable` says.
Firmware with a certificate and a signature is one that the station checks before it installs it (in 1.6 the security
extension's SignedUpdateFirmware); `log` is the security extension's GetLog there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from adapters.ev_charger.frames import Version
from adapters.ev_charger.variables import address
from broker.errors import Invalid
from schemas.charging import VOLTS

LIMIT_PROFILE = 100
"""The ids of the charging profiles that the city sets, one for each connector: setting it anew replaces it."""
_OF_TRANSACTION = 1000
"""Added to it for the profile of the transaction under way, which ends with it and leaves the connector's own."""
_STACK = 1
_DONE = frozenset({"Accepted", "Unlocked", "RebootRequired", "AcceptedCanceled", "EmptyResultSet", "NoProfile"})
_NOTHING_TO_CLEAR = "Unknown"
_Arguments = Mapping[str, Any]
_Maker = Callable[[_Arguments, int], tuple[str, dict[str, Any]]]


class Asked(NamedTuple):
    """A request to a station."""

    action: str
    payload: Mapping[str, Any]


def request_of(version: Version, name: str, arguments: _Arguments, number: int) -> Asked:
    """The command as a request; `number` stands for it where a station wants one. Raises `Invalid`, naming what."""
    maker = (_IN_16 if version == "1.6" else _IN_201).get(name)
    if maker is None:
        raise Invalid(f"OCPP {version} has no command {name!r}", field="command")
    try:
        action, payload = maker(arguments, number)
    except KeyError as error:
        raise Invalid(f"{name} needs {error.args[0]}", field=str(error.args[0])) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"{name}: an argument has the wrong type: {error}", field="arguments") from error
    return Asked(action, _given(payload))


def outcome_of(name: str, answer: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the station has done it or will, and its answer: the status where it says no more, else all as JSON."""
    status = answer.get("status")
    if name == "set-configuration" and "setVariableResult" in answer:
        status = answer["setVariableResult"][0].get("attributeStatus")
    done = status is None or status in _DONE or (name == "clear-limit" and status == _NOTHING_TO_CLEAR)
    said = str(status) if status and len(answer) == 1 else json.dumps(answer, ensure_ascii=False)
    return done, said


def _limit_16(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    period = {"startPeriod": 0, "limit": round(float(a["watts"]), 1)}
    profile: dict[str, Any] = {
        "chargingProfileId": LIMIT_PROFILE + int(a["connector"]),
        "stackLevel": _STACK,
        "chargingProfilePurpose": "TxProfile" if a.get("transaction") else "TxDefaultProfile",
        "chargingProfileKind": "Relative" if a.get("transaction") else "Absolute",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]},
    }
    if a.get("transaction"):
        profile["transactionId"] = int(a["transaction"])
        profile["chargingProfileId"] += _OF_TRANSACTION
    if a.get("unit") == "A":
        period["limit"] = round(float(a["watts"]) / (VOLTS * int(a.get("phases", 1))), 1)
        profile["chargingSchedule"]["chargingRateUnit"] = "A"
    if profile["chargingProfileKind"] == "Absolute":
        profile["chargingSchedule"]["startSchedule"] = "2020-01-01T00:00:00Z"
    return "SetChargingProfile", {"connectorId": int(a["connector"]), "csChargingProfiles": profile}


def _limit_201(a: _Arguments, number: int) -> tuple[str, dict[str, Any]]:
    asked = _limit_16({**a, "transaction": None}, number)[1]["csChargingProfiles"]
    schedule = {"id": 1, **asked["chargingSchedule"]}
    profile: dict[str, Any] = {
        "id": asked["chargingProfileId"],
        "stackLevel": _STACK,
        "chargingProfilePurpose": "TxProfile" if a.get("transaction") else "TxDefaultProfile",
        "chargingProfileKind": asked["chargingProfileKind"],
        "chargingSchedule": [schedule],
    }
    if a.get("transaction"):
        profile["transactionId"] = str(a["transaction"])
        profile["id"] += _OF_TRANSACTION
        profile["chargingProfileKind"] = "Relative"
        schedule.pop("startSchedule", None)
    return "SetChargingProfile", {"evseId": int(a["connector"]), "chargingProfile": profile}


def _first_limit(maker: _Maker, member: str, a: _Arguments, number: int) -> dict[str, Any] | None:
    """The limit that a transaction begins with, where one is asked for: of a transaction that has no id yet."""
    if "watts" not in a:
        return None
    profile: dict[str, Any] = maker({"connector": 1, **a, "transaction": 1}, number)[1][member]
    return {name: value for name, value in profile.items() if name != "transactionId"}


def _token(text: Any) -> dict[str, Any]:
    return {"idToken": str(text), "type": "ISO14443"}


def _read_201(a: _Arguments, number: int) -> tuple[str, dict[str, Any]]:
    """GetVariables, or where none is named GetBaseReport (2.0.1, B07)."""
    if not a.get("keys"):
        return "GetBaseReport", {"requestId": number, "reportBase": str(a.get("report", "FullInventory"))}
    return "GetVariables", {"getVariableData": [address(str(key)) for key in a["keys"]]}


def _trigger_16(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    """What the security extension (5.2) added to be triggered has a request of its own."""
    action = "ExtendedTriggerMessage" if a["message"] in _TRIGGERED_SINCE else "TriggerMessage"
    return action, {"requestedMessage": str(a["message"]), "connectorId": a.get("connector")}


def _distrust(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    return "DeleteCertificate", {
        "certificateHashData": {
            "hashAlgorithm": str(a.get("algorithm", "SHA256")), "issuerNameHash": str(a["issuerName"]),
            "issuerKeyHash": str(a["issuerKey"]), "serialNumber": str(a["serial"]),
        }
    }  # fmt: skip


def _trust(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    kind = str(a.get("kind", _AUTHORITY))
    return "InstallCertificate", {"certificateType": kind, "certificate": str(a["certificate"])}


def _trigger_201(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    evse = None if a.get("connector") is None else {"id": int(a["connector"])}
    return "TriggerMessage", {"requestedMessage": str(a["message"]), "evse": evse}


def _local_16(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    entries = [{"idTag": str(token), "idTagInfo": {"status": "Accepted"}} for token in a["tokens"]]
    update = "Full" if a.get("whole", True) else "Differential"
    return "SendLocalList", {
        "listVersion": int(a["version"]), "localAuthorizationList": entries or None, "updateType": update
    }  # fmt: skip


def _local_201(a: _Arguments, _: int) -> tuple[str, dict[str, Any]]:
    entries = [{"idToken": _token(token), "idTokenInfo": {"status": "Accepted"}} for token in a["tokens"]]
    update = "Full" if a.get("whole", True) else "Differential"
    return "SendLocalList", {
        "versionNumber": int(a["version"]), "localAuthorizationList": entries or None, "updateType": update
    }  # fmt: skip


def _log(a: _Arguments, number: int) -> tuple[str, dict[str, Any]]:
    """GetLog, which the security extension of 1.6 (5.7) has as 2.0.1 has it."""
    kind = _LOGS.get(str(a.get("kind", "diagnostics")))
    if kind is None:
        raise Invalid(f"a log is one of {', '.join(_LOGS)}", field="kind")
    wanted = {"remoteLocation": str(a["url"]), "oldestTimestamp": a.get("since"), "latestTimestamp": a.get("until")}
    return "GetLog", {"logType": kind, "requestId": number, "log": _given(wanted)}


def _firmware_16(a: _Arguments, number: int) -> tuple[str, dict[str, Any]]:
    if "signature" in a or "certificate" in a:
        return "SignedUpdateFirmware", {"requestId": number, "firmware": _signed(a)}
    return "UpdateFirmware", {"location": str(a["url"]), "retrieveDate": str(a["at"])}


def _firmware_201(a: _Arguments, number: int) -> tuple[str, dict[str, Any]]:
    plain = {"location": str(a["url"]), "retrieveDateTime": str(a["at"]), "installDateTime": a.get("install")}
    signed = "signature" in a or "certificate" in a
    return "UpdateFirmware", {"requestId": number, "firmware": _signed(a) if signed else _given(plain)}


def _signed(a: _Arguments) -> dict[str, Any]:
    """Firmware whose maker's signature the station checks against the certificate (PEM); the signature is base64."""
    return _given({
        "location": str(a["url"]), "retrieveDateTime": str(a["at"]), "installDateTime": a.get("install"),
        "signingCertificate": str(a["certificate"]), "signature": str(a["signature"]),
    })  # fmt: skip


def _given(members: _Arguments) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


_AUTHORITY = "CentralSystemRootCertificate"
_AUTHORITY_201 = "CSMSRootCertificate"
_TRIGGERED_SINCE = frozenset({"LogStatusNotification", "SignChargePointCertificate"})
_LOGS = {"diagnostics": "DiagnosticsLog", "security": "SecurityLog"}
_RESETS_201 = {"Soft": "OnIdle", "Hard": "Immediate", "OnIdle": "OnIdle", "Immediate": "Immediate"}

_IN_16: Mapping[str, _Maker] = {
    "remote-start": lambda a, n: (
        "RemoteStartTransaction", {"idTag": str(a["token"]), "connectorId": a.get("connector"),
                                   "chargingProfile": _first_limit(_limit_16, "csChargingProfiles", a, n)}),
    "remote-stop": lambda a, _: ("RemoteStopTransaction", {"transactionId": int(a["transaction"])}),
    "reset": lambda a, _: ("Reset", {"type": str(a.get("kind", "Soft"))}),
    "unlock": lambda a, _: ("UnlockConnector", {"connectorId": int(a["connector"])}),
    "trigger": _trigger_16,
    "availability": lambda a, _: ("ChangeAvailability", {
        "connectorId": int(a.get("connector", 0)), "type": "Operative" if a["operative"] else "Inoperative"}),
    "get-configuration": lambda a, _: (
        "GetConfiguration", {"key": [str(k) for k in a["keys"]] if a.get("keys") else None}),
    "set-configuration": lambda a, _: ("ChangeConfiguration", {"key": str(a["key"]), "value": str(a["value"])}),
    "limit": _limit_16,
    "clear-limit": lambda a, _: ("ClearChargingProfile", {"id": LIMIT_PROFILE + int(a["connector"])}),
    "schedule": lambda a, _: ("GetCompositeSchedule", {
        "connectorId": int(a["connector"]), "duration": int(a.get("seconds", 3600)),
        "chargingRateUnit": a.get("unit")}),
    "reserve": lambda a, n: ("ReserveNow", {
        "connectorId": int(a["connector"]), "expiryDate": str(a["until"]), "idTag": str(a["token"]),
        "reservationId": int(a.get("number", n))}),
    "cancel-reservation": lambda a, _: ("CancelReservation", {"reservationId": int(a["number"])}),
    "local-list": _local_16,
    "local-list-version": lambda *_: ("GetLocalListVersion", {}),
    "clear-cache": lambda *_: ("ClearCache", {}),
    "diagnostics": lambda a, _: ("GetDiagnostics", {"location": str(a["url"])}),
    "log": _log,
    "firmware": _firmware_16,
    "certificate": lambda a, _: ("CertificateSigned", {"certificateChain": str(a["chain"])}),
    "trust": _trust,
    "trusted": lambda a, _: ("GetInstalledCertificateIds", {"certificateType": str(a.get("kind", _AUTHORITY))}),
    "distrust": _distrust,
    "data-transfer": lambda a, _: ("DataTransfer", {
        "vendorId": str(a["vendor"]), "messageId": a.get("message"), "data": a.get("data")}),
}  # fmt: skip

_IN_201: Mapping[str, _Maker] = {
    "remote-start": lambda a, n: ("RequestStartTransaction", {
        "idToken": _token(a["token"]), "remoteStartId": n, "evseId": a.get("connector"),
        "chargingProfile": _first_limit(_limit_201, "chargingProfile", a, n)}),
    "remote-stop": lambda a, _: ("RequestStopTransaction", {"transactionId": str(a["transaction"])}),
    "reset": lambda a, _: ("Reset", {
        "type": _RESETS_201[str(a.get("kind", "Soft"))], "evseId": a.get("connector")}),
    "unlock": lambda a, _: ("UnlockConnector", {"evseId": int(a["connector"]), "connectorId": int(a.get("plug", 1))}),
    "trigger": _trigger_201,
    "availability": lambda a, _: ("ChangeAvailability", {
        "operationalStatus": "Operative" if a["operative"] else "Inoperative",
        "evse": {"id": int(a["connector"])} if a.get("connector") else None}),
    "get-configuration": _read_201,
    "set-configuration": lambda a, _: ("SetVariables", {
        "setVariableData": [{**address(str(a["key"])), "attributeValue": str(a["value"])}]}),
    "limit": _limit_201,
    "clear-limit": lambda a, _: ("ClearChargingProfile", {"chargingProfileId": LIMIT_PROFILE + int(a["connector"])}),
    "schedule": lambda a, _: ("GetCompositeSchedule", {
        "evseId": int(a["connector"]), "duration": int(a.get("seconds", 3600)), "chargingRateUnit": a.get("unit")}),
    "reserve": lambda a, n: ("ReserveNow", {
        "id": int(a.get("number", n)), "expiryDateTime": str(a["until"]), "idToken": _token(a["token"]),
        "evseId": int(a["connector"])}),
    "cancel-reservation": lambda a, _: ("CancelReservation", {"reservationId": int(a["number"])}),
    "local-list": _local_201,
    "local-list-version": lambda *_: ("GetLocalListVersion", {}),
    "clear-cache": lambda *_: ("ClearCache", {}),
    "diagnostics": lambda a, n: _log({"url": a["url"]}, n),
    "log": _log,
    "firmware": _firmware_201,
    "certificate": lambda a, _: ("CertificateSigned", {
        "certificateChain": str(a["chain"]), "certificateType": "ChargingStationCertificate"}),
    "trust": lambda a, n: _trust({"kind": _AUTHORITY_201, **a}, n),
    "trusted": lambda a, _: ("GetInstalledCertificateIds", {
        "certificateType": [str(a.get("kind", _AUTHORITY_201))]}),
    "distrust": _distrust,
    "data-transfer": lambda a, _: ("DataTransfer", {
        "vendorId": str(a["vendor"]), "messageId": a.get("message"), "data": a.get("data")}),
}  # fmt: skip

COMMANDS = frozenset(_IN_16)
"""What both versions can be told."""
