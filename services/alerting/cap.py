"""The Common Alerting Protocol, version 1.2 (OASIS): one message of an alert as an XML document. Pure.

An all-clear is an Update with `responseType` AllClear; Cancel retracts a message that should not have been sent.
`references` names every earlier message of the alert (CAP 1.2, 3.2.1). Two `info` blocks: ja-JP and en.
"""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from schemas.clock import JST
from schemas.river import Mode, Stage
from services.alerting.lifecycle import Message, Step

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_STATUS = {Mode.ACTUAL: "Actual", Mode.EXERCISE: "Exercise", Mode.TEST: "Test"}
_TYPE = {Step.ALERT: "Alert", Step.UPDATE: "Update", Step.CLEAR: "Update", Step.CANCEL: "Cancel"}
_SEVERITY = {
    Stage.STANDBY: "Minor",
    Stage.CAUTION: "Moderate",
    Stage.EVACUATION: "Severe",
    Stage.DANGER: "Severe",
    Stage.OVERFLOW: "Extreme",
}
_URGENCY = {Stage.DANGER: "Immediate", Stage.OVERFLOW: "Immediate", Stage.EVACUATION: "Expected"}


def cap_document(message: Message) -> str:
    """The message as a CAP 1.2 document, valid against the OASIS schema."""
    root = etree.Element(_tag("alert"), nsmap={None: NAMESPACE})
    _add(root, "identifier", message.identifier)
    _add(root, "sender", message.sender)
    _add(root, "sent", _time(message.sent_at))
    _add(root, "status", _STATUS[message.alert.mode])
    _add(root, "msgType", _TYPE[message.step])
    _add(root, "scope", "Public")
    if message.step is Step.CANCEL:
        _add(root, "note", f"{message.headline.ja} / {message.headline.en}")
    if message.references:
        earlier = (f"{sent.sender},{sent.identifier},{_time(sent.sent_at)}" for sent in message.references)
        _add(root, "references", " ".join(earlier))
    _info(root, message, "ja-JP", 0)
    _info(root, message, "en", 1)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()


def _info(root: etree._Element, message: Message, language: str, which: int) -> None:
    over = message.step in (Step.CLEAR, Step.CANCEL)
    info = etree.SubElement(root, _tag("info"))
    _add(info, "language", language)
    _add(info, "category", "Met")
    _add(info, "event", ("河川水位", "River level")[which])
    _add(info, "responseType", _response(message))
    _add(info, "urgency", "Past" if over else _URGENCY.get(message.stage, "Future"))
    _add(info, "severity", "Minor" if over else _SEVERITY.get(message.stage, "Unknown"))
    _add(info, "certainty", "Observed")
    _named(info, "eventCode", "stage", message.stage)
    _add(info, "effective", _time(message.sent_at))
    _add(info, "onset", _time(message.alert.issued_at))
    _add(info, "senderName", message.sender_name[which])
    _add(info, "headline", message.headline[which])
    _add(info, "description", message.description[which])
    _add(info, "instruction", message.instruction[which])
    _named(info, "parameter", "stationId", message.station)
    _named(info, "parameter", "stageName", message.stage_name[which])
    _area(info, message)


def _response(message: Message) -> str:
    if message.step is Step.CLEAR:
        return "AllClear"
    if message.step is Step.CANCEL:
        return "None"
    return "Prepare" if message.stage.rank >= Stage.EVACUATION.rank else "Monitor"


def _area(info: etree._Element, message: Message) -> None:
    area = etree.SubElement(info, _tag("area"))
    parts = [part for part in (message.river, message.station_name, message.address) if part]
    _add(area, "areaDesc", " ".join(parts))
    if message.point:
        longitude, latitude = message.point
        _add(area, "circle", f"{latitude:.5f},{longitude:.5f} {message.radius_km:g}")
    if message.government_code:
        _named(area, "geocode", "localGovernmentCode", message.government_code)


def _named(parent: etree._Element, name: str, key: str, value: str) -> None:
    pair = etree.SubElement(parent, _tag(name))
    _add(pair, "valueName", key)
    _add(pair, "value", value)


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _tag(name)).text = xml_text(text)


def xml_text(text: str) -> str:
    """`text` without what XML 1.0 cannot hold: a gauge's name may come from anywhere."""
    return "".join(
        c for c in text if c in "\t\n\r" or ("\x20" <= c <= "\ud7ff") or (c >= "\ue000" and c not in "\ufffe\uffff")
    )


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _time(at: datetime) -> str:
    """CAP's DateTime: local time with its offset and never ``Z`` (CAP 1.2, 3.3.2)."""
    return at.astimezone(JST).isoformat(timespec="seconds")
