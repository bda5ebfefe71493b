"""How a station is set up: keys of OCPP 1.6's configuration, variables of 2.0.1's device model, in one form. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from broker.errors import Invalid
from schemas.charging import Variable

_NAMED = re.compile(
    r"(?P<component>[^.\[\]@]+)(?:\[(?P<kind>[^\]]*)\])?(?:@(?P<evse>\d{1,3})(?::(?P<connector>\d{1,3}))?)?"
    r"\.(?P<variable>[^.\[\]]+)(?:\[(?P<which>[^\]]*)\])?"
)
_LONGEST_NAME, _LONGEST_VALUE = 300, 2500
_READABLE = ("ReadOnly", "ReadWrite")


def address(name: str) -> dict[str, Any]:
    """Component and variable of 2.0.1 by the name that `Variable` describes. Raises `Invalid`."""
    match = _NAMED.fullmatch(name)
    if match is None:
        detail = f"{name[:100]!r}: in 2.0.1 a variable is named Component.Variable, such as EVSE@1.AvailabilityState"
        raise Invalid(detail, field="key")
    component: dict[str, Any] = {"name": match["component"]}
    if match["kind"] is not None:
        component["instance"] = match["kind"]
    if match["evse"] is not None:
        component["evse"] = {"id": int(match["evse"])}
        if match["connector"] is not None:
            component["evse"]["connectorId"] = int(match["connector"])
    variable = {"name": match["variable"]}
    if match["which"] is not None:
        variable["instance"] = match["which"]
    return {"component": component, "variable": variable}


def told_of(command: str, answer: Mapping[str, Any]) -> tuple[Variable, ...]:
    """What the answer to a command tells of a station's setting up; nothing where the command asks for none."""
    if command != "get-configuration":
        return ()
    keys = tuple(
        Variable(each["key"][:_LONGEST_NAME], _value(each.get("value")), not each["readonly"])
        for each in answer.get("configurationKey", ())
    )
    return keys or tuple(_got(answer.get("getVariableResult", ())))


def reported(payload: Mapping[str, Any]) -> tuple[Variable, ...]:
    """What a part of a report (NotifyReport) tells: of each variable its actual value."""
    return tuple(_reported(payload.get("reportData", ())))


def _got(results: Any) -> Iterator[Variable]:
    for each in results:
        if each["attributeStatus"] == "Accepted" and each.get("attributeType", "Actual") == "Actual":
            yield Variable(_name(each), _value(each.get("attributeValue")), False)


def _reported(data: Any) -> Iterator[Variable]:
    for each in data:
        unit = str(each.get("variableCharacteristics", {}).get("unit", ""))[:20]
        for attribute in each["variableAttribute"]:
            if attribute.get("type", "Actual") == "Actual":
                mutability = attribute.get("mutability", "ReadWrite")
                value = _value(attribute.get("value")) if mutability in _READABLE else None
                yield Variable(_name(each), value, mutability != "ReadOnly", unit)


def _name(each: Mapping[str, Any]) -> str:
    component, variable = each["component"], each["variable"]
    evse = component.get("evse")
    place = "" if evse is None else f"@{evse['id']}" + (f":{evse['connectorId']}" if "connectorId" in evse else "")
    name = f"{component['name']}{_instance(component)}{place}.{variable['name']}{_instance(variable)}"
    return name[:_LONGEST_NAME]


def _instance(one: Mapping[str, Any]) -> str:
    return f"[{one['instance']}]" if "instance" in one else ""


def _value(value: Any) -> str | None:
    return None if value is None else str(value)[:_LONGEST_VALUE]
