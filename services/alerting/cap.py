"""The Common Alerting Protocol, version 1.2 (OASIS): one message of an alert as an XML document. Pure.

An all-clear is an Update with `responseType` AllClear; Cancel retracts a message that should not have been sent.
`references` names every earlier message of the alert (CAP 1.2, 3.2.1). Two `info` blocks: ja-JP and en.
"""

from __future__ import annotations

from lxml import etree

from broker.delivery.cap import NAMESPACE, STATUS, add, add_named, as_text, cap_time, tag
from schemas.river import Stage
from services.alerting.lifecycle import Message, Step

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
    root = etree.Element(tag("alert"), nsmap={None: NAMESPACE})
    add(root, "identifier", message.identifier)
    add(root, "sender", message.sender)
    add(root, "sent", cap_time(message.sent_at))
    add(root, "status", STATUS[message.alert.mode])
    add(root, "msgType", _TYPE[message.step])
    add(root, "scope", "Public")
    if message.step is Step.CANCEL:
        add(root, "note", f"{message.headline.ja} / {message.headline.en}")
    if message.references:
        earlier = (f"{sent.sender},{sent.identifier},{cap_time(sent.sent_at)}" for sent in message.references)
        add(root, "references", " ".join(earlier))
    _info(root, message, "ja-JP", 0)
    _info(root, message, "en", 1)
    return as_text(root)


def _info(root: etree._Element, message: Message, language: str, which: int) -> None:
    over = message.step in (Step.CLEAR, Step.CANCEL)
    info = etree.SubElement(root, tag("info"))
    add(info, "language", language)
    add(info, "category", "Met")
    add(info, "event", ("河川水位", "River level")[which])
    add(info, "responseType", _response(message))
    add(info, "urgency", "Past" if over else _URGENCY.get(message.stage, "Future"))
    add(info, "severity", "Minor" if over else _SEVERITY.get(message.stage, "Unknown"))
    add(info, "certainty", "Observed")
    add_named(info, "eventCode", "stage", message.stage)
    add(info, "effective", cap_time(message.sent_at))
    add(info, "onset", cap_time(message.alert.issued_at))
    add(info, "senderName", message.sender_name[which])
    add(info, "headline", message.headline[which])
    add(info, "description", message.description[which])
    add(info, "instruction", message.instruction[which])
    add_named(info, "parameter", "stationId", message.station)
    add_named(info, "parameter", "stageName", message.stage_name[which])
    _area(info, message)


def _response(message: Message) -> str:
    if message.step is Step.CLEAR:
        return "AllClear"
    if message.step is Step.CANCEL:
        return "None"
    return "Prepare" if message.stage.rank >= Stage.EVACUATION.rank else "Monitor"


def _area(info: etree._Element, message: Message) -> None:
    area = etree.SubElement(info, tag("area"))
    parts = [part for part in (message.river, message.station_name, message.address) if part]
    add(area, "areaDesc", " ".join(parts))
    if message.point:
        longitude, latitude = message.point
        add(area, "circle", f"{latitude:.5f},{longitude:.5f} {message.radius_km:g}")
    if message.government_code:
        add_named(area, "geocode", "localGovernmentCode", message.government_code)
