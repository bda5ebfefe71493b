"""Commands in the city's words are requests that each version's schema accepts."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from ocpp.messages import Call, validate_payload

from adapters.ev_charger.commands import COMMANDS, outcome_of, request_of
from adapters.ev_charger.frames import Fault, Version, read
from adapters.ev_charger.variables import address, reported, told_of
from broker.errors import Invalid

UNTIL = "2026-11-22T00:00:00Z"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "remote-start": {"connector": 1, "token": "CARD-1", "watts": 3000},
    "remote-stop": {"transaction": "17"},
    "reset": {"kind": "Hard"},
    "unlock": {"connector": 1},
    "trigger": {"message": "StatusNotification", "connector": 1},
    "availability": {"connector": 1, "operative": False},
    "get-configuration": {"keys": ["OCPPCommCtrlr.HeartbeatInterval"]},
    "set-configuration": {"key": "OCPPCommCtrlr.HeartbeatInterval", "value": 300},
    "limit": {"connector": 1, "watts": 3333.33, "transaction": "17"},
    "clear-limit": {"connector": 1},
    "schedule": {"connector": 1, "unit": "W"},
    "reserve": {"connector": 1, "token": "CARD-1", "until": UNTIL},
    "cancel-reservation": {"number": 3},
    "local-list": {"version": 4, "tokens": ["CARD-1", "CARD-2"]},
    "local-list-version": {},
    "clear-cache": {},
    "diagnostics": {"url": "ftp://files.example.jp/logs"},
    "log": {"url": "ftp://files.example.jp/logs", "kind": "security", "since": UNTIL},
    "firmware": {"url": "https://files.example.jp/fw.bin", "at": UNTIL},
    "data-transfer": {"vendor": "jp.example", "message": "hello"},
    "certificate": {"chain": "-----BEGIN…"},
    "trust": {"certificate": "-----BEGIN…"},
    "trusted": {},
    "distrust": {"issuerName": "ab", "issuerKey": "cd", "serial": "ef"},
}


def test_every_command_is_tried() -> None:
    assert set(ARGUMENTS) == set(COMMANDS)


@pytest.mark.parametrize("version", get_args(Version))
@pytest.mark.parametrize("name", sorted(ARGUMENTS))
async def test_a_command_is_a_request_of_the_version(version: Version, name: str) -> None:
    asked = request_of(version, name, ARGUMENTS[name], 7)
    await validate_payload(Call("1", asked.action, dict(asked.payload)), version)


@pytest.mark.parametrize(("version", "action"), [("1.6", "SignedUpdateFirmware"), ("2.0.1", "UpdateFirmware")])
async def test_signed_firmware_brings_its_certificate(version: Version, action: str) -> None:
    signed = {**ARGUMENTS["firmware"], "install": UNTIL, "certificate": "-----BEGIN…", "signature": "c2ln"}
    asked = request_of(version, "firmware", signed, 7)
    await validate_payload(Call("1", asked.action, dict(asked.payload)), version)
    assert asked.action == action
    assert asked.payload["firmware"].keys() >= {"signingCertificate", "signature", "installDateTime"}
    with pytest.raises(Invalid) as wrong:
        request_of(version, "firmware", {**ARGUMENTS["firmware"], "signature": "c2ln"}, 7)
    assert wrong.value.field == "certificate"
    with pytest.raises(Invalid):
        request_of(version, "log", {"url": "ftp://files.example.jp/logs", "kind": "diary"}, 7)


@pytest.mark.parametrize(
    ("version", "name", "arguments", "action"),
    [
        ("1.6", "trigger", {"message": "SignChargePointCertificate"}, "ExtendedTriggerMessage"),
        ("2.0.1", "get-configuration", {}, "GetBaseReport"),
        ("2.0.1", "get-configuration", {"keys": ["Connector[left]@2:1.Power[L1]"]}, "GetVariables"),
    ],
)
async def test_some_words_are_other_requests(
    version: Version, name: str, arguments: dict[str, Any], action: str
) -> None:
    asked = request_of(version, name, arguments, 7)
    await validate_payload(Call("1", asked.action, dict(asked.payload)), version)
    assert asked.action == action


def test_a_variable_is_named_as_it_is_addressed() -> None:
    name = "Connector[left]@2:1.Power[L1]"
    report = {"reportData": [{**address(name), "variableAttribute": [{"value": "6000", "mutability": "ReadOnly"}]},
                             {**address("SecurityCtrlr.BasicAuthPassword"),
                              "variableAttribute": [{"value": "s", "mutability": "WriteOnly"}]}]}  # fmt: skip
    assert reported(report) == ((name, "6000", False, ""), ("SecurityCtrlr.BasicAuthPassword", None, True, ""))
    answer = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]}
    assert told_of("get-configuration", answer) == (("HeartbeatInterval", "300", True, ""),)
    with pytest.raises(Invalid):
        address("OCPPCommCtrlr")


@pytest.mark.parametrize("version", get_args(Version))
async def test_a_limit_may_be_written_in_amperes(version: Version) -> None:
    asked = request_of(version, "limit", {"connector": 1, "watts": 3000, "unit": "A", "phases": 1}, 7)
    await validate_payload(Call("1", asked.action, dict(asked.payload)), version)
    assert "'limit': 15.0" in str(asked.payload)


@pytest.mark.parametrize("version", get_args(Version))
def test_a_remote_start_may_bring_its_limit(version: Version) -> None:
    profile = request_of(version, "remote-start", ARGUMENTS["remote-start"], 7).payload["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert "transactionId" not in profile
    plain = request_of(version, "remote-start", {"token": "CARD-1"}, 7).payload
    assert "chargingProfile" not in plain


def test_what_is_missing_or_wrong_is_named() -> None:
    for name, arguments, field in (
        ("limit", {"watts": 1}, "connector"),
        ("dance", {}, "command"),
        ("unlock", {"connector": "left"}, "arguments"),
    ):
        with pytest.raises(Invalid) as wrong:
            request_of("1.6", name, arguments, 1)
        assert wrong.value.field == field


@pytest.mark.parametrize(
    ("answer", "done"),
    [({"status": "Accepted"}, True), ({"status": "Rejected"}, False), ({"status": "NotSupported"}, False),
     ({"configurationKey": []}, True), ({"setVariableResult": [{"attributeStatus": "Rejected"}]}, False)],
)  # fmt: skip
def test_only_an_acceptance_counts_as_done(answer: dict[str, Any], done: bool) -> None:
    assert outcome_of("set-configuration", answer)[0] is done


@pytest.mark.parametrize(
    "text", ["[", "{}", "[2]", "[2,1,2,3]", '[2,"a","Heartbeat"]', "[[[[" * 5000, '[2,"","Heartbeat",{}]']
)
def test_noise_is_a_fault_and_no_crash(text: str) -> None:
    for version in get_args(Version):
        with pytest.raises(Fault):
            read(version, text)
