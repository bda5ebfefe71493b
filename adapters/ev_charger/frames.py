"""Frames of OCPP-J: from text to a message, and to the right CALLERROR where it is none. Pure.

Messages and schemas are those of the package `ocpp`; which error answers which fault is decided here, after the tables
of OCPP-J 1.6 (4.2.3) and OCPP 2.0.1 Part 4 (4.3).
"""

from __future__ import annotations

from typing import Any, Literal

from jsonschema.exceptions import best_match
from ocpp import messages
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult, get_validator
from ocpp.v16.enums import Action as Action16
from ocpp.v201.enums import Action as Action201

from schemas.text import keepable

messages.ASYNC_VALIDATION = False

Version = Literal["1.6", "2.0.1"]
VERSIONS: dict[str, Version] = {"ocpp2.0.1": "2.0.1", "ocpp1.6": "1.6"}
"""Subprotocols of the WebSocket (OCPP-J 1.6, 3.1.2), the one we prefer first."""

NOBODY = "-1"
"""The message id of an error about a frame whose id cannot be read (2.0.1 Part 4, 4.2.3)."""
_MOST_ID = 36
_KNOWN = {
    "1.6": frozenset(str(each.value) for each in Action16),
    "2.0.1": frozenset(str(each.value) for each in Action201),
}
_BY_VALIDATOR = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}
_SAID_IN_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "ProtocolError",
    "MessageTypeNotSupported": "ProtocolError",
}
"""OCPP-J 1.6 spells two codes otherwise, and has no word for two."""
_SHOWN = 200


class Fault(Exception):
    """A frame that gets a CALLERROR: `answer` is it."""

    def __init__(self, version: Version, unique_id: str, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        named = _SAID_IN_16.get(code, code) if version == "1.6" else code
        self.answer = CallError(unique_id, named, description[:255], {})


def read(version: Version, text: str) -> Call | CallResult | CallError:
    """The message in a frame; of a CALL the payload has been checked against its schema. Raises `Fault`."""
    try:
        message = messages.unpack(text)
    except (OCPPError, RecursionError, ValueError) as error:
        raise Fault(version, NOBODY, "RpcFrameworkError", f"not a message of OCPP-J: {_cause(error)}") from error
    if not isinstance(message.unique_id, str) or not 0 < len(message.unique_id) <= _MOST_ID:
        raise Fault(version, NOBODY, "RpcFrameworkError", f"a message id is a text of 1 to {_MOST_ID} characters")
    if isinstance(message, Call):
        _check(version, message)
        if "\\u" in text and not keepable(message.payload):
            why = "a text holds U+0000 or half a surrogate pair, which are no characters"
            raise Fault(version, message.unique_id, "PropertyConstraintViolation", why)
    return message


def knows(version: Version, action: str) -> bool:
    """Whether this version has such a request at all."""
    return action in _KNOWN[version]


def not_supported(version: Version, call: Call) -> Fault:
    """The fault of a request that nobody here answers, or that its version does not know."""
    if knows(version, call.action):
        return Fault(version, call.unique_id, "NotSupported", f"a central system does not answer {call.action}")
    return Fault(version, call.unique_id, "NotImplemented", f"OCPP {version} has no request {str(call.action)[:50]}")


def _check(version: Version, call: Call) -> None:
    if not isinstance(call.action, str) or not knows(version, call.action):
        raise not_supported(version, call)
    if not isinstance(call.payload, dict):
        raise Fault(version, call.unique_id, "TypeConstraintViolation", "the payload is an object")
    validator = get_validator(call.message_type_id, call.action, version)
    fault = best_match(validator.iter_errors(call.payload))
    if fault is not None:
        code = _BY_VALIDATOR.get(str(fault.validator), "PropertyConstraintViolation")
        where = ".".join(str(part) for part in fault.absolute_path) or call.action
        raise Fault(version, call.unique_id, code, f"{where}: {fault.message[:_SHOWN]}")


def _cause(error: Exception) -> str:
    details: Any = getattr(error, "details", None)
    cause = details.get("cause") if isinstance(details, dict) else None
    return str(cause or error)[:_SHOWN]
